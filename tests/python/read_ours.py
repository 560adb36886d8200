# SPDX-License-Identifier: MIT
"""Checks files that stein wrote with NumPy's and safetensors' own readers.

usage: python3 tests/python/read_ours.py FOLDER
FOLDER holds <dtype>_<case>.npy and all.safetensors as tests/tensor/python_files.test.cpp writes them. Element i, in row-major order:
floats i/4 - 1.5, integers 1000 i - 2000, bytes 40 i, bools i % 3 == 1. Exit status: 0 good, 1 wrong values, 77 a package is missing.
"""
import sys
from pathlib import Path

try:
    import numpy as np
    import safetensors
    import safetensors.numpy
except ImportError as error:
    print(f'SKIPPED: {error}')
    sys.exit(77)

KINDS = {'f32': '<f4', 'f64': '<f8', 'i64': '<i8', 'u8': '|u1', 'bool': '|b1'}
SHAPES = {'matrix': (2, 3), 'transposed': (3, 2), 'channels_last': (2, 3, 2, 2), 'scalar': (), 'empty': (0, 3)}


def values(dtype, shape):
    i = np.arange(int(np.prod(shape)))
    kind = np.dtype(dtype).kind
    v = i / 4 - 1.5 if kind == 'f' else 1000 * i - 2000 if kind == 'i' else 40 * i % 256 if kind == 'u' else i % 3 == 1
    return v.astype(dtype).reshape(shape)


def main(folder):
    wrong = checked = 0
    stored = safetensors.numpy.load_file(folder / 'all.safetensors')
    for name, dtype in KINDS.items():
        for case, shape in SHAPES.items():
            key = f'{name}_{case}'
            for where, array in (('npy', np.load(folder / f'{key}.npy', allow_pickle=False)), ('safetensors', stored.pop(key))):
                checked += 1
                expected = values(dtype, shape)
                if array.dtype != expected.dtype or array.shape != shape or not np.array_equal(array, expected):
                    print(f'{key} in {where}: expected {expected!r}; got {array!r}')
                    wrong += 1
    if stored:
        print(f'not expected: {sorted(stored)}')
        wrong += 1
    with safetensors.safe_open(folder / 'all.safetensors', 'np') as f:
        note = f.metadata().get('note')
    if note != 'quotes " and \u00fcml\u00e4uts \\':
        print(f'metadata: got {note!r}')
        wrong += 1
    print(f'{checked} arrays read, {wrong} wrong')
    return 1 if wrong else 0


sys.exit(main(Path(sys.argv[1])))
