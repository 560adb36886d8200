# SPDX-License-Identifier: MIT
"""NCSN (arXiv 1907.05600) in PyTorch, written for comparison: names and shapes of the published state dict.

NCSN(channels, ngf, levels)(x, y): x (B, channels, S, S) in [0, 1], S even; y (B,) int64, 0 = largest sigma; returns the score, shape of x.
"""
import torch
from torch import nn
import torch.nn.functional as F


def conv(i, o, k=3, dilation=1, bias=True):
    return nn.Conv2d(i, o, k, padding=dilation * (k // 2), dilation=dilation, bias=bias)


class Norm(nn.Module):
    """Conditional instance norm ++."""
    def __init__(self, c, levels):
        super().__init__()
        self.c, self.embed = c, nn.Embedding(levels, 3 * c)
        self.embed.weight.data[:, :2 * c].normal_(1, 0.02)
        self.embed.weight.data[:, 2 * c:].zero_()

    def forward(self, x, y):
        mu = x.mean((2, 3))
        t = (mu - mu.mean(1, keepdim=True)) / (mu.var(1, keepdim=True) + 1e-5).sqrt()
        h = F.instance_norm(x)
        gamma, alpha, beta = (v[:, :, None, None] for v in self.embed(y).chunk(3, 1))
        return gamma * (h + alpha * t[:, :, None, None]) + beta


class MeanPool(nn.Module):
    def __init__(self, i, o, k):
        super().__init__()
        self.conv = conv(i, o, k)

    def forward(self, x):
        return F.avg_pool2d(self.conv(x), 2)


class Residual(nn.Module):
    def __init__(self, i, o, levels, down=False, dilation=1):
        super().__init__()
        mid = i if down else o
        self.conv1, self.normalize2 = conv(i, mid, dilation=dilation), Norm(mid, levels)
        if down and dilation == 1:
            self.conv2, self.shortcut = MeanPool(mid, o, 3), MeanPool(i, o, 1)
        else:
            self.conv2 = conv(mid, o, dilation=dilation)
            self.shortcut = conv(i, o, dilation=dilation) if down or i != o else None
        self.normalize1 = Norm(i, levels)

    def forward(self, x, y):
        h = self.conv1(F.elu(self.normalize1(x, y)))
        h = self.conv2(F.elu(self.normalize2(h, y)))
        return h + (x if self.shortcut is None else self.shortcut(x))


class RCU(nn.Module):
    def __init__(self, c, blocks, levels):
        super().__init__()
        self.blocks = blocks
        for b in range(1, blocks + 1):
            for s in (1, 2):
                self.add_module(f'{b}_{s}_norm', Norm(c, levels))
                self.add_module(f'{b}_{s}_conv', conv(c, c, bias=False))

    def forward(self, x, y):
        for b in range(1, self.blocks + 1):
            r = x
            for s in (1, 2):
                x = getattr(self, f'{b}_{s}_conv')(F.elu(getattr(self, f'{b}_{s}_norm')(x, y)))
            x = x + r
        return x


class MSF(nn.Module):
    def __init__(self, ins, o, levels):
        super().__init__()
        self.convs = nn.ModuleList(conv(i, o) for i in ins)
        self.norms = nn.ModuleList(Norm(i, levels) for i in ins)

    def forward(self, xs, y, size):
        return sum(F.interpolate(c(n(x, y)), size=size, mode='bilinear', align_corners=True)
                   for c, n, x in zip(self.convs, self.norms, xs))


class CRP(nn.Module):
    def __init__(self, c, levels):
        super().__init__()
        self.convs = nn.ModuleList(conv(c, c, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(Norm(c, levels) for _ in range(2))

    def forward(self, x, y):
        x = path = F.elu(x)
        for c, n in zip(self.convs, self.norms):
            path = c(F.avg_pool2d(n(path, y), 5, 1, 2))
            x = x + path
        return x


class Refine(nn.Module):
    def __init__(self, ins, o, levels, end=False):
        super().__init__()
        self.adapt_convs = nn.ModuleList(RCU(i, 2, levels) for i in ins)
        self.output_convs = RCU(o, 3 if end else 1, levels)
        if len(ins) > 1:
            self.msf = MSF(ins, o, levels)
        self.crp = CRP(o, levels)

    def forward(self, xs, y, size):
        hs = [a(x, y) for a, x in zip(self.adapt_convs, xs)]
        h = self.msf(hs, y, size) if len(hs) > 1 else hs[0]
        return self.output_convs(self.crp(h, y), y)


class NCSN(nn.Module):
    def __init__(self, channels=1, ngf=64, levels=10):
        super().__init__()
        n, L = ngf, levels
        self.begin_conv, self.normalizer, self.end_conv = conv(channels, n), Norm(n, L), conv(n, channels)
        self.res1 = nn.ModuleList([Residual(n, n, L), Residual(n, n, L)])
        self.res2 = nn.ModuleList([Residual(n, 2 * n, L, down=True), Residual(2 * n, 2 * n, L)])
        self.res3 = nn.ModuleList([Residual(2 * n, 2 * n, L, True, 2), Residual(2 * n, 2 * n, L, False, 2)])
        self.res4 = nn.ModuleList([Residual(2 * n, 2 * n, L, True, 4), Residual(2 * n, 2 * n, L, False, 4)])
        self.refine1 = Refine([2 * n], 2 * n, L)
        self.refine2 = Refine([2 * n, 2 * n], 2 * n, L)
        self.refine3 = Refine([2 * n, 2 * n], n, L)
        self.refine4 = Refine([n, n], n, L, end=True)

    def forward(self, x, y):
        o = self.begin_conv(2 * x - 1)
        levels = []
        for stage in (self.res1, self.res2, self.res3, self.res4):
            for block in stage:
                o = block(o, y)
            levels.append(o)
        l1, l2, l3, l4 = levels
        r = self.refine1([l4], y, l4.shape[2:])
        r = self.refine2([l3, r], y, l3.shape[2:])
        r = self.refine3([l2, r], y, l2.shape[2:])
        r = self.refine4([l1, r], y, l1.shape[2:])
        return self.end_conv(F.elu(self.normalizer(r, y)))
