# SPDX-License-Identifier: MIT
"""Round trips of tools/pth_to_safetensors.py with PyTorch, over every container it knows.

usage: python3 tests/python/check_pth_to_safetensors.py        (exit status 77: torch or safetensors is missing)
"""
import collections
import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import types
import unittest
from pathlib import Path

try:
    import torch
    from safetensors.torch import load_file
except ImportError as error:
    print(f'SKIPPED: {error}')
    sys.exit(77)

SPEC = importlib.util.spec_from_file_location('tool', Path(__file__).resolve().parents[2] / 'tools' / 'pth_to_safetensors.py')
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


class Harm:
    """Would create a file if it were unpickled without care."""
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Conversion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 2, 3))
        self.state = self.net.state_dict()
        self.optimiser = torch.optim.Adam(self.net.parameters())
        self.net(torch.randn(2, 1, 8, 8)).sum().backward()
        self.optimiser.step()
        self.prefixed = collections.OrderedDict(('module.' + k, v) for k, v in self.state.items())

    def run_tool(self, content, *options, zipped=True, save=torch.save):
        source, self.target = self.folder / 'in.pth', self.folder / 'out.safetensors'
        save(content, source, _use_new_zipfile_serialization=zipped) if save is torch.save else save(content, source)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = tool.main([str(source), str(self.target), *options])
        return types.SimpleNamespace(returncode=status, stderr=err.getvalue())

    def check(self, expected, *arguments, **options):
        done = self.run_tool(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        got = load_file(self.target)
        self.assertEqual(set(got), set(expected))
        for k, v in expected.items():
            self.assertEqual(got[k].dtype, v.dtype, k)
            self.assertTrue(torch.equal(got[k], v), k)

    def test_state_dict_zip_and_legacy(self):
        self.check(self.state, self.state)
        self.check(self.state, self.state, zipped=False)

    def test_list_with_optimiser_and_module_prefix(self):
        for zipped in (True, False):
            self.check(self.state, [self.prefixed, self.optimiser.state_dict()], zipped=zipped)

    def test_averaged_weights_take_buffers_from_the_model(self):
        ema = {k: v.detach() + 1 for k, v in self.net.named_parameters()}
        expected = {**self.state, **ema}
        self.check(expected, [self.prefixed, self.optimiser.state_dict(), 3, 700, ema], '--part', 'ema')
        self.check(self.state, [self.prefixed, self.optimiser.state_dict(), 3, 700, ema])
        self.check(expected, dict(model=self.state, ema=ema, epoch=3), '--part', 'ema')
        self.check(self.state, dict(state_dict=self.prefixed, epoch=3))

    def test_types_are_widened_and_layouts_made_plain(self):
        t = torch.arange(6.0).view(2, 3)
        self.check({'h': t, 'b': t, 'i': t.long(), 'u': t.byte(), 't': t.T, 'e': torch.ones(2, 3), 'tied': t},
                   {'h': t.half(), 'b': t.bfloat16(), 'i': t.int(), 'u': t.byte(), 't': t.T,
                    'e': torch.ones(1, 3).expand(2, 3), 'tied': t})

    def test_refusals(self):
        for content, words in ((dict(epoch=3), 'a dict of tensors as model; got a dict with keys \'epoch\''), ([1, 2], 'a list of 2: int, int'),
                               (7, 'got a int'), ({'z': torch.zeros(2, dtype=torch.complex64)}, 'dense real tensors; got \'z\''),
                               ({'module.a': torch.zeros(1), 'a': torch.zeros(1)}, 'distinct names')):
            done = self.run_tool(content)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
        done = self.run_tool([self.state, {}], '--part', 'ema')
        self.assertEqual(done.returncode, 1)
        self.assertIn('a dict of tensors as ema', done.stderr)

    def test_nothing_is_executed(self):
        done = self.run_tool({'a': Harm(self.folder / 'harm')})
        self.assertEqual(done.returncode, 1)
        self.assertIn('expected a readable PyTorch checkpoint of plain tensors', done.stderr)
        self.assertFalse((self.folder / 'harm').exists())

    def test_damaged_files(self):
        for content in (b'', b'PK\x03\x04 nothing', b'\x80\x02garbage'):
            done = self.run_tool(content, save=lambda b, path: path.write_bytes(b))
            self.assertEqual(done.returncode, 1)
            self.assertIn('expected a readable PyTorch checkpoint', done.stderr)


if __name__ == '__main__':
    unittest.main()
