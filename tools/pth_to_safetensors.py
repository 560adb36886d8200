#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Converts a PyTorch checkpoint (.pth, .pt; zip or legacy format) to safetensors, which stein reads.

usage: pth_to_safetensors.py INPUT.pth OUTPUT.safetensors [--part model|ema] [--list]

What is taken from the file:
  a dict of tensors              all of it
  a list [model, optimiser, ...] the first item (NCSN's published files); --part ema: the fifth item, a dict of averaged weights
                                 (NCSNv2: [model, optimiser, epoch, step, ema])
  a dict of dicts                model: the first present of model, state_dict, model_state_dict, net;
                                 ema: of ema, ema_state_dict, ema_model
Averaged weights hold parameters only: buffers (such as NCSNv2's `sigmas`) are then taken from the model part.
The prefix `module.` (of DataParallel) is removed. f16 and bf16 become f32, smaller integers i64: stein has f32, f64, i64, u8, bool.
Nothing in the file is executed: it is read by torch.load(weights_only=True), and what that refuses is refused.
Needs torch and safetensors, for example: python3 -m venv ~/peers && ~/peers/bin/pip install torch numpy safetensors
Exit status: 0 good, 1 an error (one line on stderr).
"""
import argparse
import pickle
import sys
from pathlib import Path

MODEL_KEYS = ('model', 'state_dict', 'model_state_dict', 'net')
EMA_KEYS = ('ema', 'ema_state_dict', 'ema_model')


class Refused(Exception):
    pass


def is_state(value):
    import torch
    return isinstance(value, dict) and bool(value) and all(isinstance(k, str) and torch.is_tensor(v) for k, v in value.items())


def describe(value):
    if isinstance(value, dict):
        return 'a dict with keys ' + ', '.join(map(repr, list(value)[:8])) + (', ...' if len(value) > 8 else '')
    if isinstance(value, (list, tuple)):
        return f'a list of {len(value)}: ' + ', '.join(type(v).__name__ for v in value[:8])
    return f'a {type(value).__name__}'


def find_part(content, part):
    """The dict of tensors that `part` names."""
    if part == 'model' and is_state(content):
        return content
    if isinstance(content, (list, tuple)):
        index = 0 if part == 'model' else 4
        found = content[index] if len(content) > index else None
    elif isinstance(content, dict):
        found = next((content[k] for k in (MODEL_KEYS if part == 'model' else EMA_KEYS) if k in content), None)
    else:
        found = None
    if isinstance(found, dict) and not is_state(found):  # one level more, such as {'ema': {'shadow': {...}}}
        found = next((v for v in found.values() if is_state(v)), None)
    if not is_state(found):
        raise Refused(f'expected a checkpoint with a dict of tensors as {part}; got {describe(content)}')
    return found


def without_module(state):
    out = {}
    for key, value in state.items():
        short = key[7:] if key.startswith('module.') else key
        if short in out:
            raise Refused(f'expected distinct names; got {short!r} with and without the prefix module.')
        out[short] = value
    return out


def storable(name, tensor):
    import torch
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise Refused(f'expected dense real tensors; got {name!r} of dtype {tensor.dtype}, layout {tensor.layout}')
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    elif tensor.dtype in (torch.int8, torch.int16, torch.int32):
        tensor = tensor.long()
    elif tensor.dtype not in (torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool):
        raise Refused(f'expected a dtype that stein has or can widen; got {name!r} of dtype {tensor.dtype}')
    return tensor.detach().contiguous().clone()  # clone: tied weights share memory, which safetensors refuses


def convert(source, part):
    """{name: tensor}, ready to be stored."""
    import torch
    try:
        content = torch.load(source, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()
        raise Refused('expected a readable PyTorch checkpoint of plain tensors; '
                      f'got {source}: {reason[0] if reason else error!r}') from error
    state = without_module(find_part(content, part))
    if part == 'ema':
        try:
            model = without_module(find_part(content, 'model'))
        except Refused:
            model = {}
        unknown = sorted(set(state) - set(model)) if model else []
        if unknown:
            raise Refused(f'expected averaged weights named like the model\'s; got {unknown[0]!r}, which the model lacks')
        state = {k: state.get(k, v) for k, v in model.items()} or state
    return {k: storable(k, v) for k, v in state.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input')
    parser.add_argument('output')
    parser.add_argument('--part', choices=('model', 'ema'), default='model', help='which weights (default: model)')
    parser.add_argument('--list', action='store_true', help='print name, dtype and shape of each tensor')
    a = parser.parse_args(arguments)
    try:
        from safetensors.torch import save_file
        tensors = convert(a.input, a.part)
        save_file(tensors, a.output, {'source': Path(a.input).name, 'part': a.part, 'format': 'pt'})
    except ImportError as error:
        print(f'pth_to_safetensors: {error}; see --help', file=sys.stderr)
        return 1
    except (Refused, OSError) as error:
        print(f'pth_to_safetensors: {error}', file=sys.stderr)
        return 1
    if a.list:
        for name, tensor in tensors.items():
            print(f'{name}  {str(tensor.dtype)[6:]}  {tuple(tensor.shape)}')
    print(f'{a.output}: {len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} values')
    return 0


if __name__ == '__main__':
    sys.exit(main())
