# SPDX-License-Identifier: MIT
"""MLP scores: every activation of `stein score --model mlp`, score, Jacobian and five losses with gradients, in f64."""
import torch
from torch import nn

from golden import draw, errors, save

ACTIVATIONS = {'tanh': nn.Tanh, 'softplus': nn.Softplus, 'silu': nn.SiLU, 'elu': nn.ELU, 'gelu': nn.GELU,
               'gelu-tanh': lambda: nn.GELU('tanh'), 'relu': nn.ReLU}
SIZES = ((2, 16, 16, 2), (5, 12, 12, 12, 5))
BATCH, SIGMA = 7, 0.25
LOSSES = ('implicit', 'implicit_noisy', 'ssm', 'ssm_vr', 'dsm')


def jacobian(net, x, create_graph):
    """(B, d, d), J[b, i, j] = d s_i / d x_j of sample b, one reverse pass a row."""
    s = net(x)
    rows = [torch.autograd.grad(s[:, i].sum(), x, create_graph=create_graph, retain_graph=True)[0] for i in range(s.shape[1])]
    return s, torch.stack(rows, 1)


def loss_of(net, name, x, z, v):
    """Means over the batch of sums over dimensions, no weight by sigma."""
    noisy = x + SIGMA * z
    if name == 'dsm':
        return 0.5 * (net(noisy) + z / SIGMA).square().sum(1).mean()
    at = (noisy if name == 'implicit_noisy' else x).detach().requires_grad_()
    s, J = jacobian(net, at, True)
    if name.startswith('implicit'):
        return (0.5 * s.square().sum(1) + J.diagonal(dim1=1, dim2=2).sum(1)).mean()
    quadratic = torch.einsum('bi,bij,bj->b', v, J, v)
    first = 0.5 * (v * s).sum(1).square() if name == 'ssm' else 0.5 * s.square().sum(1)
    return (first + quadratic).mean()


def evaluate(net, dtype, x, z, v):
    net = net.to(dtype)
    x, z, v = (t.to(dtype) for t in (x, z, v))
    s, J = jacobian(net, x.clone().requires_grad_(), False)
    out = dict(values={'score': s.detach(), 'jacobian': J.detach()})
    for name in LOSSES:
        loss = loss_of(net, name, x, z, v)
        grads = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True)  # relu: the trace ignores biases
        out[name] = {k: torch.zeros_like(p) if g is None else g for (k, p), g in zip(net.named_parameters(), grads)}
        out[name + '.loss'] = {'loss': loss.detach()}
    return out


def make_all():
    for sizes in SIZES:
        g = torch.Generator().manual_seed(30 + len(sizes))
        d = sizes[0]
        x, z, v = draw(g, (BATCH, d)), draw(g, (BATCH, d)), draw(g, (BATCH, d), 'rademacher')
        weights = {}
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            weights[f'{2 * i}.weight'] = draw(g, (b, a)) / a ** 0.5
            weights[f'{2 * i}.bias'] = 0.3 * draw(g, (b,))
        out = dict(x=x, z=z, v=v, sigma=torch.tensor(SIGMA, dtype=torch.float64))
        for name, activation in ACTIVATIONS.items():
            net = nn.Sequential(*[m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), activation())][:-1])
            net.load_state_dict(weights)
            f32, f64 = evaluate(net, torch.float32, x, z, v), evaluate(net, torch.float64, x, z, v)
            own = errors(f32['values'], f64['values'])
            for k, t in f64['values'].items():
                out[f'{name}.{k}'] = t
                out[f'f32_error.{name}.{k}'] = own[k]
            for loss in LOSSES:
                out[f'{name}.{loss}.loss'] = f64[f'{loss}.loss']['loss']
                out[f'f32_error.{name}.{loss}.grad'] = max(errors(f32[loss], f64[loss]).values())
                for k, t in f64[loss].items():
                    out[f'{name}.{loss}.grad.{k}'] = t
        label = '-'.join(map(str, sizes))
        save(f'mlp_{label}_weights.safetensors', weights)
        save(f'mlp_{label}.safetensors', out, dict(model=f'mlp {label}, sigma {SIGMA}'))
