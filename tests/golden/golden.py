# SPDX-License-Identifier: MIT
"""What the golden-file scripts share: seeded draws, the issue's error measure, deterministic writing."""
import json
import struct
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).resolve().parent.parent / 'data' / 'golden'
NAMES = {torch.float64: 'F64', torch.float32: 'F32', torch.int64: 'I64', torch.uint8: 'U8', torch.bool: 'BOOL'}


def draw(generator, shape, law='normal'):
    """Exactly f32-representable draws, as f32: the same numbers serve the f64 and the f32 computation."""
    if law == 'normal':
        return torch.randn(shape, generator=generator)
    if law == 'uniform':
        return torch.rand(shape, generator=generator)
    if law == 'rademacher':
        return torch.randint(0, 2, shape, generator=generator).float() * 2 - 1
    raise ValueError(law)


def errors(values, reference):
    """Per tensor: max|a-b| / (max|b| + 1e-3 of the largest entry of all tensors), as f64 scalars."""
    largest = max(b.abs().max().item() for b in reference.values())
    return {k: torch.tensor((values[k].double() - b).abs().max().item() / (b.abs().max().item() + 1e-3 * largest),
                            dtype=torch.float64)
            for k, b in reference.items()}


def save(name, tensors, metadata=None):
    """Writes DATA/name: safetensors with sorted metadata, so that equal numbers give equal bytes."""
    tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
    order = sorted(tensors, key=lambda k: (-tensors[k].element_size(), k))  # large elements first: all stay aligned
    header, offset = {}, 0
    if metadata:
        header['__metadata__'] = dict(sorted(metadata.items()))
    for k in order:
        t = tensors[k]
        end = offset + t.numel() * t.element_size()
        header[k] = dict(dtype=NAMES[t.dtype], shape=list(t.shape), data_offsets=[offset, end])
        offset = end
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    path = DATA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for k in order:
            f.write(np.ascontiguousarray(tensors[k].numpy()).tobytes())
    print(f'{name}: {len(tensors)} tensors, {path.stat().st_size} bytes', flush=True)
