# SPDX-License-Identifier: MIT
"""Resizing of pictures: PyTorch's antialiased bilinear interpolation, the rule that smld/data/image_folder.h states."""
import torch
import torch.nn.functional as F

from golden import draw, save


def make_all():
    g, out = torch.Generator().manual_seed(50), {}
    for size, side in ((8, 8), (33, 8), (31, 16), (100, 32), (7, 16), (3, 28), (64, 1), (5, 4)):
        x = draw(g, (3, size, size), 'uniform')
        out[f'{size}_to_{side}.input'] = x.permute(1, 2, 0)
        y = F.interpolate(x[None].double(), size=(side, side), mode='bilinear', align_corners=False, antialias=True)[0]
        out[f'{size}_to_{side}.output'] = y.permute(1, 2, 0).float()
    save('resize.safetensors', out)
