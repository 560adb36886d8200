# SPDX-License-Identifier: MIT
"""Times PyTorch on one multi-level SSM-VR training step of NCSN: double backward through every layer of the network.

usage: bench_ssm_torch.py [--ngf 16] [--batch 32] [--size 28] [--channels 1] [--levels 10] [--threads 2] [--steps 5]
loss = mean over the batch of sigma^2 (1/2 |s|^2 + v^T J v), v Rademacher, x perturbed at its level; then Adam. f32, eager (the only mode
in which PyTorch has double backward). Prints one JSON line.
"""
import time
born = time.perf_counter()
import argparse, json, resource
p = argparse.ArgumentParser()
for name, default in dict(ngf=16, batch=32, size=28, channels=1, levels=10, threads=2, steps=5).items():
    p.add_argument('--' + name, type=int, default=default)
a = p.parse_args()
import torch
from ncsn_torch import NCSN
torch.set_num_threads(a.threads)
torch.manual_seed(0)
net = NCSN(a.channels, a.ngf, a.levels)
opt, sigmas = torch.optim.Adam(net.parameters(), 1e-3), torch.logspace(0, -2, a.levels)
data = torch.rand(a.batch, a.channels, a.size, a.size)


def step():
    y = torch.randint(0, a.levels, (a.batch,))
    s = sigmas[y]
    x = (data + s.view(-1, 1, 1, 1) * torch.randn_like(data)).requires_grad_()
    v = torch.randn_like(x).sign()
    score = net(x, y)
    jv = torch.autograd.grad((score * v).sum(), x, create_graph=True)[0]
    loss = (s.square() * (0.5 * score.square() + jv * v).flatten(1).sum(1)).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


step()
first = time.perf_counter() - born
step()
times = []
for _ in range(a.steps):
    t = time.perf_counter()
    step()
    times.append(time.perf_counter() - t)
times.sort()
print(json.dumps(dict(what='ssm_vr', ngf=a.ngf, batch=a.batch, size=a.size, seconds_min=times[0], seconds_median=times[len(times) // 2],
                      seconds_to_first_step=first, peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
