# SPDX-License-Identifier: MIT
"""Times PyTorch on one NCSN training step (forward, multi-level DSM loss, backward, Adam) or one Langevin sampling step.

usage: bench_ncsn_torch.py [--what train|sample] [--mode eager|channels_last|compile] [--ngf 64] [--batch 16] [--size 28]
       [--channels 1] [--levels 10] [--threads 2] [--steps 6] [--device cpu|cuda] [--tf32 0|1]
Prints one JSON line: seconds (min, median), seconds until the first step ended (import, build, compile), peak RSS in MB.
Take the best mode as the peer's figure; run it interleaved with ours.
"""
import time
born = time.perf_counter()
import argparse, json, resource
p = argparse.ArgumentParser()
for name, default in dict(what='train', mode='eager', ngf=64, batch=16, size=28, channels=1, levels=10, threads=2, steps=6, device='cpu', tf32=0).items():
    p.add_argument('--' + name, type=type(default), default=default)
a = p.parse_args()
import torch
from ncsn_torch import NCSN
torch.set_num_threads(a.threads)
torch.manual_seed(0)
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = bool(a.tf32)
torch.backends.cudnn.benchmark = True
net = NCSN(a.channels, a.ngf, a.levels).to(a.device)
x = torch.rand(a.batch, a.channels, a.size, a.size).to(a.device)
if a.mode == 'channels_last':
    net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
f = torch.compile(net) if a.mode == 'compile' else net
sigmas = torch.logspace(0, -2, a.levels).to(a.device)


def train():
    y = torch.randint(0, a.levels, (a.batch,)).to(a.device)
    s, z = sigmas[y].view(-1, 1, 1, 1), torch.randn_like(x)
    loss = 0.5 * (s * f(x + s * z, y) + z).square().flatten(1).sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


@torch.no_grad()
def sample():
    global x
    x = x + 1e-5 * f(x, torch.zeros(a.batch, dtype=torch.long, device=a.device)) + 4e-3 * torch.randn_like(x)


def step():
    dict(train=train, sample=sample)[a.what]()
    if a.device != 'cpu':
        torch.cuda.synchronize()


step()
first = time.perf_counter() - born
step()
times = []
for _ in range(a.steps):
    t = time.perf_counter()
    step()
    times.append(time.perf_counter() - t)
times.sort()
print(json.dumps(dict(what=a.what, mode=a.mode, ngf=a.ngf, batch=a.batch, size=a.size, device=a.device, tf32=a.tf32,
                      seconds_min=times[0], seconds_median=times[len(times) // 2],
                      seconds_to_first_step=first, peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
