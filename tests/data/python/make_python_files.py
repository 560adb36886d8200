# SPDX-License-Identifier: MIT
"""Makes the files of this folder with NumPy and safetensors (NumPy 2.4.6 and safetensors 0.8.0 were used).

Element i of every array, in row-major order: floats i/4 - 1.5, integers 1000 i - 2000, bytes 40 i, bools i % 3 == 1.
usage: python tests/data/python/make_python_files.py
"""
from pathlib import Path

import numpy as np
import safetensors.numpy

HERE = Path(__file__).resolve().parent


def values(dtype, shape):
    i = np.arange(int(np.prod(shape)))
    v = i / 4 - 1.5 if dtype[-2] == 'f' else 1000 * i - 2000 if dtype[-2] == 'i' else 40 * i if dtype[-2] == 'u' else i % 3 == 1
    return v.astype(dtype).reshape(shape)


def npy(name, array, version=None):
    with open(HERE / f'{name}.npy', 'wb') as f:
        np.lib.format.write_array(f, array, version=version)


for dtype in ('f4', 'f8', 'i8', 'u1', 'b1'):
    npy(dtype, values('<' + dtype, (2, 3)))
    npy(f'{dtype}_fortran', np.asfortranarray(values('<' + dtype, (2, 3))))
    npy(f'{dtype}_scalar', values('<' + dtype, ()))
    npy(f'{dtype}_empty', values('<' + dtype, (0, 3)))
npy('f4_version2', values('<f4', (2, 3)), (2, 0))
npy('f4_version3', values('<f4', (2, 3)), (3, 0))
npy('f8_fortran_3d', np.asfortranarray(values('<f8', (2, 3, 4))))
npy('f4_special', np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], '<f4'))
# To be refused.
npy('refused_big_endian', values('>f4', (2, 3)))
npy('refused_i4', values('<i4', (2, 3)))
npy('refused_f2', values('<f2', (2, 3)))
npy('refused_complex', np.ones(2, '<c16'))
npy('refused_text', np.array(['a', 'bc']))
npy('refused_record', np.zeros(2, [('x', '<f4'), ('y', '<i8')]))
npy('refused_object', np.array([{'a': 1}, None], object))

tensors = {f'layer.{t}': values('<' + t, (2, 3)) for t in ('f4', 'f8', 'i8', 'u1', 'b1')}
tensors |= {'scalar': values('<f4', ()), 'empty': values('<f8', (0, 4)), 'axes.of.one': values('<f4', (1, 6, 1))}
safetensors.numpy.save_file(tensors, HERE / 'all.safetensors', {'format': 'np', 'note': 'quotes " and \u00fcml\u00e4uts \\'})
safetensors.numpy.save_file({}, HERE / 'nothing.safetensors')
safetensors.numpy.save_file({'a': values('<f2', (2, 3))}, HERE / 'refused_f16.safetensors')
safetensors.numpy.save_file({'a': values('<i4', (2, 3))}, HERE / 'refused_i32.safetensors')
