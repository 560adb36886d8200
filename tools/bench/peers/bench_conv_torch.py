# SPDX-License-Identifier: MIT
"""Times PyTorch's conv2d, its input gradient and its filter gradient, f32, as `stein bench conv` times ours.

usage: bench_conv_torch.py [--batch 16] [--channels 64] [--size 28] [--out 0 (as channels)] [--kernel 3] [--dilation 1] [--stride 1]
       [--threads 2] [--steps 51] [--mode contiguous|channels_last] [--accuracy]
Prints one JSON line a pass; with --accuracy errors against f64, as `stein bench conv --accuracy`, instead of times. The gradients are aten::convolution_backward with one output asked for, which is what autograd calls.
"""
import argparse, json, resource, time
p = argparse.ArgumentParser()
for name, default in dict(batch=16, channels=64, size=28, out=0, kernel=3, dilation=1, stride=1, threads=2, steps=51, mode='contiguous').items():
    p.add_argument('--' + name, type=type(default), default=default)
p.add_argument('--json', action='store_true', help='as ever')
p.add_argument('--accuracy', action='store_true')
a = p.parse_args()
import torch
torch.set_num_threads(a.threads)
torch.manual_seed(0)
layout = dict(contiguous=torch.contiguous_format, channels_last=torch.channels_last)[a.mode]
out, pad = a.out or a.channels, a.dilation * (a.kernel - 1) // 2
x = torch.randn(a.batch, a.channels, a.size, a.size).contiguous(memory_format=layout)
w = (torch.randn(out, a.channels, a.kernel, a.kernel) / (9 * a.channels) ** 0.5).contiguous(memory_format=layout)
y = torch.nn.functional.conv2d(x, w, None, a.stride, pad, a.dilation)
g = torch.randn_like(y)
flops = 2 * y.numel() * a.channels * a.kernel ** 2


def passes(x, w, g):
    def backward(*mask):
        return torch.ops.aten.convolution_backward(g, x, w, None, [a.stride] * 2, [pad] * 2, [a.dilation] * 2, False, [0, 0], 1, mask)
    return dict(forward=lambda: torch.nn.functional.conv2d(x, w, None, a.stride, pad, a.dilation),
                input=lambda: backward(True, False, False)[0], filter=lambda: backward(False, True, False)[1])


def times_of(step):
    begin = time.perf_counter()
    while time.perf_counter() - begin < 0.03:  # threads that have just begun may share a core for some milliseconds
        step()
    times = []
    for i in range(a.steps):
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    times.sort()
    median = times[len(times) // 2]
    return {'seconds_min': times[0], 'seconds_median': median, 'gflops': flops / median * 1e-9,
            'peak_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def errors_of(got, want):
    error = got.double() - want
    return {'largest_error': (error.abs().max() / want.abs().max()).item(),
            'rms_error': (error.square().mean() / want.square().mean()).sqrt().item()}


with torch.no_grad():
    exact = passes(x.double(), w.double(), g.double())
    for name, step in passes(x, w, g).items():
        measured = errors_of(step(), exact[name]()) if a.accuracy else times_of(step)
        print(json.dumps({'what': 'conv', 'pass': name, 'mode': a.mode, 'batch': a.batch, 'channels': a.channels, 'size': a.size, 'out': out,
                          'kernel': a.kernel, 'dilation': a.dilation, 'stride': a.stride, 'threads': a.threads} | measured))
