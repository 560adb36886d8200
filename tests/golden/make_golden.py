# SPDX-License-Identifier: MIT
"""Makes the files of tests/data/golden with PyTorch (see the README there for versions and keys).

usage: python tests/golden/make_golden.py [ncsn] [mlp] [unet] [op] [image] [optim]      (no argument: all)
"""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
torch.set_num_threads(1)  # the order of sums, and so the f32 errors, does not depend on the machine's cores
torch.use_deterministic_algorithms(True)

for group in sys.argv[1:] or ('ncsn', 'mlp', 'unet', 'op', 'image', 'optim'):
    __import__(f'{group}_cases').make_all()
