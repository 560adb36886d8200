# SPDX-License-Identifier: MIT
"""NCSN v1 with ngf 8: score, denoising loss and sliced loss (SSM-VR) with every parameter's gradient, in f64."""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools' / 'bench' / 'peers'))
from ncsn_torch import NCSN  # noqa: E402
from golden import draw, errors, save  # noqa: E402

LEVELS, SIGMA_MAX, SIGMA_MIN = 10, 1.0, 0.01
# SSM-VR's gradient holds elu'', which jumps at 0: one unit that rounds to the other side moves it by 1e-3 to 1e-2 in f32.
# Of 400 seeds these keep every unit furthest from 0 (2e-5 and 1.6e-5), so that f32 errors measure rounding and not luck.
CASES = dict(ncsn_28x28x1=dict(channels=1, size=28, levels=[0, 4, 9], seed=19),
             ncsn_32x32x3=dict(channels=3, size=32, levels=[2, 8], seed=293))


def score_loss(net, name, x, y, z, v, sigma):
    """Both losses are means over the batch of sums over pixels, each sample weighted by sigma_y^2."""
    s = sigma.view(-1, 1, 1, 1)
    noisy = x + s * z
    if name == 'dsm':  # sigma^2 1/2 |score + z/sigma|^2
        return 0.5 * (s * net(noisy, y) + z).square().flatten(1).sum(1).mean()
    noisy.requires_grad_()
    score = net(noisy, y)
    product = torch.autograd.grad((score * v).sum(), noisy, create_graph=True)[0]  # J^T v
    return (sigma.square() * (0.5 * score.square() + product * v).flatten(1).sum(1)).mean()


def evaluate(net, dtype, x, y, z, v, sigma):
    net = net.to(dtype)
    x, z, v, sigma = (t.to(dtype) for t in (x, z, v, sigma))
    out = dict(score={'score': net(x, y).detach()})
    for name in ('dsm', 'ssm_vr'):
        loss = score_loss(net, name, x, y, z, v, sigma)
        grads = torch.autograd.grad(loss, list(net.parameters()))
        out[name] = {k: g for (k, _), g in zip(net.named_parameters(), grads)}
        out[name + '.loss'] = {'loss': loss.detach()}
    return out


def make(case, channels, size, levels, seed):
    torch.manual_seed(20)
    net = NCSN(channels, 8, LEVELS)
    g = torch.Generator().manual_seed(21)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith('embed.weight'):  # beta is 0 at the start: give it, and the rest of the embedding, something to say
                p.add_(0.1 * draw(g, p.shape))
    shape = (len(levels), channels, size, size)
    g.manual_seed(seed)
    x, z, v = draw(g, shape, 'uniform'), draw(g, shape), draw(g, shape, 'rademacher')
    y = torch.tensor(levels)
    sigmas = SIGMA_MAX * (SIGMA_MIN / SIGMA_MAX) ** (torch.arange(LEVELS, dtype=torch.float64) / (LEVELS - 1))
    weights = {k: p.detach().clone() for k, p in net.named_parameters()}
    f32 = evaluate(net, torch.float32, x, y, z, v, sigmas[y])
    f64 = evaluate(net, torch.float64, x, y, z, v, sigmas[y])
    out = dict(x=x, y=y, z=z, v=v, sigmas=sigmas, score=f64['score']['score'])
    out['f32_error.score'] = errors(f32['score'], f64['score'])['score']
    for name in ('dsm', 'ssm_vr'):
        out[f'{name}.loss'] = f64[f'{name}.loss']['loss']
        out[f'f32_error.{name}.loss'] = errors(f32[f'{name}.loss'], f64[f'{name}.loss'])['loss']
        own = errors(f32[name], f64[name])
        out[f'f32_error.{name}.grad'] = max(own.values())
        for k in weights:
            out[f'{name}.grad.{k}'] = f64[name][k]
            out[f'f32_error.{name}.grad.{k}'] = own[k]
    print({k: float(out[k]) for k in ('dsm.loss', 'ssm_vr.loss', 'f32_error.score', 'f32_error.dsm.grad', 'f32_error.ssm_vr.grad')})
    save(f'{case}_weights.safetensors', weights)
    save(f'{case}.safetensors', out, dict(model='ncsn v1, ngf 8, levels 10, sigma 1 to 0.01 (geometric)'))


def make_all():
    for case, options in CASES.items():
        make(case, **options)
