# SPDX-License-Identifier: MIT
"""The small U-Net and the conditional MLP: score, denoising loss and sliced loss (SSM-VR) with every parameter's gradient, f64."""
import sys
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools' / 'bench' / 'peers'))
from unet_torch import Condition, UNet  # noqa: E402
from golden import draw, errors, save  # noqa: E402


class ConditionalMLP(nn.Module):
    def __init__(self, dimension, hidden, residual, condition):
        super().__init__()
        self.condition, self.residual = Condition(**condition), residual
        sizes = [dimension, *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.embeddings = nn.ModuleList(nn.Linear(condition['width'], b, bias=False) for b in hidden)
        self.output = nn.Linear(sizes[-1], dimension)

    def forward(self, x, t, label=None):
        e, h = self.condition(t, label), x
        for layer, embedding in zip(self.layers, self.embeddings):
            n = F.silu(layer(h) + embedding(e))
            h = h + n if self.residual and n.shape == h.shape else n
        return self.output(h)


# Odd sizes, every kind of condition, attention and its absence.
CASES = dict(
    unet_attention=(lambda: UNet(1, 2, (1, 2), 1, True, 2, dict(width=6, features=4, time='sinusoidal', classes=2)),
                    dict(shape=(2, 1, 7, 6), t=[0.5, 400.0], label=[2, 0])),
    unet_levels=(lambda: UNet(2, 2, (1, 2, 2), 1, False, 1, dict(width=4, levels=5)), dict(shape=(2, 2, 9, 5), t=[4, 1])),
    conditional_mlp=(lambda: ConditionalMLP(3, (6, 8, 8), True, dict(width=5, features=4, time='log-fourier', classes=2)),
                     dict(shape=(5, 3), t=[0.1, 3.0, 0.5, 1.0, 20.0], label=[1, 2, 0, 1, 2])))


def loss_of(net, name, x, z, v, t, label):
    """At x + z / 2: 1/2 |s + 2 z|^2, or 1/2 |s|^2 + v^T J v; means over the batch of sums over the rest."""
    noisy = (x + 0.5 * z).requires_grad_()
    s = net(noisy, t, label)
    if name == 'dsm':
        return 0.5 * (s + 2 * z).square().flatten(1).sum(1).mean()
    product = torch.autograd.grad((s * v).sum(), noisy, create_graph=True)[0]
    return (0.5 * s.square() + product * v).flatten(1).sum(1).mean()


def evaluate(net, dtype, x, z, v, t, label):
    net = net.to(dtype)
    x, z, v = (a.to(dtype) for a in (x, z, v))
    t = t if t.dtype == torch.int64 else t.to(dtype)
    out = dict(score={'score': net(x, t, label).detach()})
    for name in ('dsm', 'ssm_vr'):
        loss = loss_of(net, name, x, z, v, t, label)
        grads = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)  # the last bias is not in J
        out[name] = {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(net.named_parameters(), grads)}
        out[name + '.loss'] = {'loss': loss.detach()}
    return out


def make_all():
    for seed, (case, (build, inputs)) in enumerate(CASES.items()):
        torch.manual_seed(40 + seed)
        net = build()
        weights = {k: p.detach().clone() for k, p in net.state_dict().items()}
        g = torch.Generator().manual_seed(50 + seed)
        shape = inputs['shape']
        x, z, v = draw(g, shape), draw(g, shape), draw(g, shape, 'rademacher')
        t, label = torch.tensor(inputs['t']), torch.tensor(inputs['label']) if 'label' in inputs else None
        f32, f64 = evaluate(net, torch.float32, x, z, v, t, label), evaluate(net, torch.float64, x, z, v, t, label)
        out = dict(x=x, z=z, v=v, t=t, score=f64['score']['score'])
        if label is not None:
            out['label'] = label
        out['f32_error.score'] = errors(f32['score'], f64['score'])['score']
        for name in ('dsm', 'ssm_vr'):
            out[f'{name}.loss'] = f64[f'{name}.loss']['loss']
            out[f'f32_error.{name}.grad'] = max(errors(f32[name], f64[name]).values())
            for k, gradient in f64[name].items():
                out[f'{name}.grad.{k}'] = gradient
        save(f'{case}_weights.safetensors', weights)
        save(f'{case}.safetensors', out)
