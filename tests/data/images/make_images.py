# SPDX-License-Identifier: MIT
"""Makes the pictures of this folder. PNG by hand with zlib, every sample of pixel (x, y), channel c being formula(x, y, c, bits); JPEG
with Pillow (13.0 was used) from a smooth ramp, ramp(x, y, c).

usage: python tests/data/images/make_images.py
"""
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def formula(x, y, c, bits):
    return (x * 37 + y * 91 + c * 53 + 11 if bits <= 8 else x * 9001 + y * 23017 + c * 4111 + 257) % (1 << bits)


def ramp(x, y, c):
    return 20 + 9 * x + 5 * y + 15 * c


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def row(xs, y, channels, bits, previous, use_filter):
    """One filtered row: filter 0, or 1 (sub) or 2 (up) in turns, so that a reader must undo them."""
    samples = [formula(x, y, c, bits) for x in xs for c in range(channels)]
    if bits == 16:
        data = b''.join(struct.pack('>H', s) for s in samples)
    elif bits == 8:
        data = bytes(samples)
    else:
        text = ''.join(format(s, f'0{bits}b') for s in samples)
        text += '0' * (-len(text) % 8)
        data = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))
    step = max(1, channels * bits // 8)
    kind = 1 + y % 2 if use_filter else 0
    before = [0] * len(data) if previous is None else previous
    left = [0] * step + list(data[:-step])
    base = {0: [0] * len(data), 1: left, 2: before}[kind]
    return bytes([kind]) + bytes((d - b) % 256 for d, b in zip(data, base)), list(data)


def png(name, width, height, colour, bits, extra=b'', interlaced=False):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    raw = b''
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        previous, xs = None, range(x0, width, dx)
        for y in range(y0, height, dy) if xs else ():
            data, previous = row(xs, y, channels, bits, previous, not interlaced)
            raw += data
    header = struct.pack('>IIBBBBB', width, height, bits, colour, 0, 0, int(interlaced))
    packed = zlib.compress(raw, 9)
    half = len(packed) // 2  # two IDAT chunks: readers must join them
    (HERE / name).write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + extra + chunk(b'IDAT', packed[:half]) +
                              chunk(b'IDAT', packed[half:]) + chunk(b'IEND', b''))


def make_png():
    for bits in (1, 2, 4, 8, 16):
        png(f'grey{bits}.png', 5, 3, 0, bits)
    for bits in (8, 16):
        png(f'rgb{bits}.png', 4, 5, 2, bits)
        png(f'grey_alpha{bits}.png', 3, 4, 4, bits)
        png(f'rgba{bits}.png', 5, 4, 6, bits)
    palette = chunk(b'PLTE', bytes(v for i in range(16) for v in (i * 16, 255 - i * 16, i * 7)))
    png('palette4.png', 6, 3, 3, 4, palette)
    png('palette4_transparent.png', 6, 3, 3, 4, palette + chunk(b'tRNS', bytes(255 - 17 * i for i in range(16))))
    png('rgb8_interlaced.png', 11, 9, 2, 8, interlaced=True)


def make_jpeg():
    from PIL import Image
    for name, mode, options in (('grey.jpg', 'L', {}), ('rgb.jpg', 'RGB', {}), ('progressive.jpg', 'RGB', dict(progressive=True)),
                                ('cmyk.jpg', 'CMYK', {})):
        image = Image.new(mode, (13, 9))
        channels = len(image.getbands())
        for y in range(9):
            for x in range(13):
                image.putpixel((x, y), tuple(ramp(x, y, c) for c in range(channels)) if channels > 1 else ramp(x, y, 0))
        image.save(HERE / name, quality=98, subsampling=0, **options)


make_png()
make_jpeg()
