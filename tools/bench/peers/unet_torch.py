# SPDX-License-Identifier: MIT
"""The small U-Net of nn/unet.h, and its conditions, in PyTorch, written for comparison: the same names and shapes in the state dict.

UNet(...)(x, t, label): x (B, channels, H, W), t (B,) as the condition says, label (B,) int64; returns the shape of x.
"""
import math

import torch
from torch import nn
import torch.nn.functional as F


def sinusoidal(t, width, max_period=10000):
    half = width // 2
    w = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float64) / (half - 1))
    angle = t[:, None] * w.to(t.dtype)[None]
    return torch.cat([angle.sin(), angle.cos()], 1)


class Fourier(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.register_buffer('W', 16 * torch.randn(width // 2))

    def forward(self, t):
        angle = 2 * math.pi * t[:, None] * self.W[None]
        return torch.cat([angle.sin(), angle.cos()], 1)


class Condition(nn.Module):
    """time: None, 'sinusoidal', 'fourier' or 'log-fourier'."""
    def __init__(self, width, features=0, time=None, levels=0, classes=0):
        super().__init__()
        self.time, self.n, self.null = time, features, classes
        if time in ('fourier', 'log-fourier'):
            self.fourier = Fourier(features)
        if time:
            self.time1, self.time2 = nn.Linear(features, width), nn.Linear(width, width)
        if levels:
            self.levels = nn.Embedding(levels, width)
        if classes:
            self.classes = nn.Embedding(classes + 1, width)

    def forward(self, t, label):
        e = 0
        if self.time:
            f = sinusoidal(t, self.n) if self.time == 'sinusoidal' else self.fourier(t.log() if self.time == 'log-fourier' else t)
            e = self.time2(F.silu(self.time1(f)))
        elif hasattr(self, 'levels'):
            e = self.levels(t)
        if self.null:
            e = e + self.classes(label)
        return F.silu(e)


class Residual(nn.Module):
    def __init__(self, i, o, groups, width):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, i), nn.Conv2d(i, o, 3, padding=1)
        self.embed = nn.Linear(width, o)
        self.norm2, self.conv2 = nn.GroupNorm(groups, o), nn.Conv2d(o, o, 3, padding=1)
        self.shortcut = nn.Conv2d(i, o, 1) if i != o else None

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x))) + self.embed(e)[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + (self.shortcut(x) if self.shortcut else x)


class Attention(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.norm, self.qkv, self.proj = nn.GroupNorm(groups, c), nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x).flatten(2).transpose(1, 2)).chunk(3, 2)
        h = torch.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, 2) @ v
        return x + self.proj(h).transpose(1, 2).reshape(x.shape)


class Stage(nn.Module):
    def __init__(self, blocks, name=None, resample=None):
        super().__init__()
        self.blocks, self.name = nn.ModuleList(blocks), name
        if name:
            self.add_module(name, resample)


class UNet(nn.Module):
    def __init__(self, channels, width, multipliers, blocks, attention, groups, condition):
        super().__init__()
        E, low = condition['width'], width * multipliers[-1]
        self.condition = Condition(**condition)
        self.conv_in = nn.Conv2d(channels, width, 3, padding=1)
        c, skips, down, up = width, [width], [], []
        for i, m in enumerate(multipliers):
            stage = []
            for _ in range(blocks):
                stage.append(Residual(c, width * m, groups, E))
                c = width * m
                skips.append(c)
            if i + 1 < len(multipliers):
                down.append(Stage(stage, 'downsample', nn.Conv2d(c, c, 3, stride=2, padding=1)))
                skips.append(c)
            else:
                down.append(Stage(stage))
        self.down = nn.ModuleList(down)
        self.mid1 = Residual(low, low, groups, E)
        self.attention = Attention(low, groups) if attention else None
        self.mid2 = Residual(low, low, groups, E)
        for i, m in reversed(list(enumerate(multipliers))):
            stage = []
            for _ in range(blocks + 1):
                stage.append(Residual(c + skips.pop(), width * m, groups, E))
                c = width * m
            up.append(Stage(stage, 'upsample', nn.Conv2d(c, c, 3, padding=1)) if i else Stage(stage))
        self.up = nn.ModuleList(up)
        self.norm_out, self.conv_out = nn.GroupNorm(groups, c), nn.Conv2d(c, channels, 3, padding=1)

    def forward(self, x, t, label=None):
        e = self.condition(t, label)
        h = self.conv_in(x)
        skips = [h]
        for stage in self.down:
            for block in stage.blocks:
                h = block(h, e)
                skips.append(h)
            if stage.name:
                h = stage.downsample(h)
                skips.append(h)
        h = self.mid1(h, e)
        h = self.mid2(self.attention(h) if self.attention else h, e)
        for stage in self.up:
            for block in stage.blocks:
                h = block(torch.cat([h, skips.pop()], 1), e)
            if stage.name:
                h = stage.upsample(F.interpolate(h, size=skips[-1].shape[2:], mode='nearest'))
        return self.conv_out(F.silu(self.norm_out(h)))
