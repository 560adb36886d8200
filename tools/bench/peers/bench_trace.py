#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times one training step of implicit score matching, mean(1/2 |s|^2 + tr ds/dx), for a softplus MLP score net in PyTorch and JAX.

usage: bench_trace.py [--dim 64] [--hidden 512] [--layers 2] [--batch 128] [--framework torch|jax|both] [--seconds 4]
                      [--threads 2] [--method NAME,NAME...] [--json]
`--layers` counts hidden layers. A step is loss, gradient for all parameters, Adam; float32. JAX takes a thread for each core that
it may run on, so it is given --threads of them.
Methods: dsm (no trace, for scale), hutchinson (one Rademacher probe, reverse over reverse), hutchinson_jvp (reverse over forward),
loop (one VJP per dimension, what people write), vmap_rev, vmap_fwd (full Jacobian, batched), structured and collapsed (the
contraction orders of docs/exact_trace.md, written by hand; collapsed only for 1 or 2 hidden layers).
Prints one line a method: minimum and median in ms, or with --json an object with seconds_min, seconds_median, peak_rss_mb and
peak_step_mb (what the steps added to the process; with one method a run it is that method's). JAX methods are all jitted.
"""
import argparse, json, os, resource, time
p = argparse.ArgumentParser()
for name, default in dict(dim=64, hidden=512, layers=2, batch=128, threads=2, framework='both', seconds=4.0).items():
    p.add_argument('--' + name, type=type(default), default=default)
p.add_argument('--method', default='')
p.add_argument('--json', action='store_true')
a = p.parse_args()
chosen = [m for m in a.method.split(',') if m]
D, H, K, B = a.dim, a.hidden, a.layers, a.batch
sizes = [D] + [H] * K + [D]


def peak_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(framework, method, step):
    name = f'{framework} {method}'
    try:
        before = peak_mb()
        t = time.perf_counter(); step(); step()
        n = max(3, min(400, int(a.seconds / max((time.perf_counter() - t) / 2, 1e-5))))
        times = []
        for _ in range(n):
            t = time.perf_counter(); step(); times.append(time.perf_counter() - t)
        times.sort()
        if a.json:
            return print(json.dumps(dict(framework=framework, method=method, dim=D, hidden=H, layers=K, batch=B, seconds_min=times[0],
                                         seconds_median=times[n // 2], peak_rss_mb=peak_mb(), peak_step_mb=peak_mb() - before)), flush=True)
        print(f'{name:24s} {times[0] * 1e3:10.3f} min {times[n // 2] * 1e3:10.3f} median ms', flush=True)
    except Exception as e:
        print(f'{name:24s} failed: {str(e).splitlines()[0][:90]}', flush=True)


def torch_methods():
    import torch
    import torch.nn.functional as F
    from torch.func import jacfwd, jacrev, jvp, vmap
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    layers = [torch.nn.Linear(i, o) for i, o in zip(sizes, sizes[1:])]
    net = torch.nn.Sequential(*[m for l in layers[:-1] for m in (l, torch.nn.Softplus())], layers[-1])
    opt, data = torch.optim.Adam(net.parameters(), 1e-3), torch.randn(B, D)

    def step(loss):
        def run():
            opt.zero_grad()
            l = loss()
            l.backward()
            opt.step()
            return l.item() if hasattr(l, "item") else float(l)
        return run

    def total(s, tr): return (0.5 * s.square().sum(1) + tr).mean()

    def dsm():
        z = torch.randn_like(data)
        return (0.5 * (0.1 * net(data + 0.1 * z) + z).square().sum(1)).mean()

    def hutchinson():
        x = data.clone().requires_grad_()
        s, v = net(x), torch.randn_like(data).sign()
        return total(s, (torch.autograd.grad((s * v).sum(), x, create_graph=True)[0] * v).sum(1))

    def hutchinson_jvp():
        v = torch.randn_like(data).sign()
        s, g = jvp(lambda x: net(x), (data,), (v,))
        return total(s, (g * v).sum(1))

    def loop():
        x = data.clone().requires_grad_()
        s = net(x)
        return total(s, sum(torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(D)))

    def vmapped(jac): return lambda: total(net(data), vmap(jac(lambda x: net(x)))(data).diagonal(dim1=1, dim2=2).sum(1))

    def forward():
        h, slopes = data, []
        for l in layers[:-1]:
            u = l(h)
            slopes.append(torch.sigmoid(u))
            h = F.softplus(u)
        return layers[-1](h), slopes

    def structured():
        s, slopes = forward()
        j = slopes[0][:, None, :] * layers[0].weight.T[None]
        for l, d in zip(layers[1:-1], slopes[1:]):
            j = d[:, None, :] * (j @ l.weight.T)
        return total(s, (j * layers[-1].weight[None]).sum((1, 2)))

    def collapsed():
        s, slopes = forward()
        w = [l.weight for l in layers]
        if K == 1:
            return total(s, slopes[0] @ (w[0] * w[1].T).sum(1))
        return total(s, (slopes[1] @ (w[1] * (w[0] @ w[2]).T) * slopes[0]).sum(1))

    yield from dict(dsm=step(dsm), hutchinson=step(hutchinson), hutchinson_jvp=step(hutchinson_jvp)).items()
    if D <= 256:
        yield 'loop', step(loop)
    yield from dict(vmap_rev=step(vmapped(jacrev)), vmap_fwd=step(vmapped(jacfwd)), structured=step(structured)).items()
    if K <= 2:
        yield 'collapsed', step(collapsed)


def jax_methods():
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:a.threads])
    import jax, jax.numpy as jnp
    keys = jax.random.split(jax.random.PRNGKey(0), K + 2)
    params = [(jax.random.normal(k, (i, o)) / i ** .5, jnp.zeros(o)) for k, i, o in zip(keys, sizes, sizes[1:])]
    data = jax.random.normal(keys[-1], (B, D))

    def net(p, x):
        for w, b in p[:-1]:
            x = jax.nn.softplus(x @ w + b)
        return x @ p[-1][0] + p[-1][1]

    def total(s, tr): return (0.5 * (s ** 2).sum(1) + tr).mean()

    def dsm(p, key):
        z = jax.random.normal(key, data.shape)
        return (0.5 * ((0.1 * net(p, data + 0.1 * z) + z) ** 2).sum(1)).mean()

    def hutchinson(p, key):
        v = jax.random.rademacher(key, data.shape, dtype=data.dtype)
        s, back = jax.vjp(lambda x: net(p, x), data)
        return total(s, (back(v)[0] * v).sum(1))

    def hutchinson_jvp(p, key):
        v = jax.random.rademacher(key, data.shape, dtype=data.dtype)
        s, g = jax.jvp(lambda x: net(p, x), (data,), (v,))
        return total(s, (g * v).sum(1))

    def vmapped(jac):
        return lambda p, key: total(net(p, data), jnp.trace(jax.vmap(jac(lambda x: net(p, x)))(data), axis1=1, axis2=2))

    def forward(p):
        h, slopes = data, []
        for w, b in p[:-1]:
            u = h @ w + b
            slopes.append(jax.nn.sigmoid(u))
            h = jax.nn.softplus(u)
        return h @ p[-1][0] + p[-1][1], slopes

    def structured(p, key):
        s, slopes = forward(p)
        j = slopes[0][:, None, :] * p[0][0][None]
        for (w, _), d in zip(p[1:-1], slopes[1:]):
            j = d[:, None, :] * (j @ w)
        return total(s, (j * p[-1][0].T[None]).sum((1, 2)))

    def collapsed(p, key):
        s, slopes = forward(p)
        w = [w for w, _ in p]
        if K == 1:
            return total(s, slopes[0] @ (w[0].T * w[1]).sum(1))
        return total(s, ((slopes[0] @ (w[1] * (w[2] @ w[0]).T)) * slopes[1]).sum(1))

    def step(loss):
        @jax.jit
        def one(p, m, v, t, key):
            key, use = jax.random.split(key)
            l, g = jax.value_and_grad(loss)(p, use)
            t = t + 1
            m = jax.tree.map(lambda m, g: .9 * m + .1 * g, m, g)
            v = jax.tree.map(lambda v, g: .999 * v + .001 * g * g, v, g)
            p = jax.tree.map(lambda p, m, v: p - 1e-3 * (m / (1 - .9 ** t)) / (jnp.sqrt(v / (1 - .999 ** t)) + 1e-8), p, m, v)
            return p, m, v, t, key, l
        zeros = jax.tree.map(jnp.zeros_like, params)
        state = [params, zeros, zeros, jnp.float32(0), keys[-2]]

        def run():
            *state[:], l = one(*state)
            return l.item() if hasattr(l, "item") else float(l)
        return run

    methods = dict(dsm=dsm, hutchinson=hutchinson, hutchinson_jvp=hutchinson_jvp, vmap_rev=vmapped(jax.jacrev), vmap_fwd=vmapped(jax.jacfwd), structured=structured)
    if K <= 2:
        methods['collapsed'] = collapsed
    yield from ((n, step(m)) for n, m in methods.items())


for framework, methods in dict(torch=torch_methods, jax=jax_methods).items():
    if a.framework in (framework, 'both'):
        for name, step in methods():
            if not chosen or name in chosen:
                report(framework, name, step)
