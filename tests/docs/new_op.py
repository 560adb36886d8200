#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test docs/new_op: what tools/new_op refuses, and that it then changes nothing. What it writes is compiled by tests/docs/extending.py.

usage: new_op.py SOURCE_FOLDER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

# arguments, what it must say
REFUSED = [
    (["tanh"], "'tanh' is taken: ops/elementwise/tanh.op.h: there is such a file"),
    (["layer_norm", "--fused"], "'layer_norm' is taken: ops/network/norms.op.h: Tensor layer_norm("),
    (["zeros"], "'zeros' is taken: tensor/tensor.h: Tensor zeros("),
    (["f32"], "'f32' is taken: tensor/dtype.h"),
    (["detail"], "'detail' is taken: "),
    (["unary"], "'unary' is taken: ops/detail/elementwise_functor.h: struct Unary : ElementwiseBase {"),
    (["Mish"], "'Mish' is no name for an op: lower-case letters"),
    (["mish__x"], "'mish__x' is no name for an op"),
    (["../mish"], "'../mish' is no name for an op"),
    (["class"], "'class' is a word of C++"),
    (["new_name", "--doc", "two\nlines"], "--doc expects one line"),
    (["new_name", "--binary", "--fused"], "not allowed with argument"),
    ([], "arguments are required: name"),
]


def expect(ok, text):
    if not ok:
        print("FAILED: " + text)
        sys.exit(1)


def contents(tree):
    return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}


def main(source):
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for layer in ("tensor", "autograd", "ops"):
            shutil.copytree(source / layer, tree / layer, ignore=shutil.ignore_patterns("*.cpp"))
        (tree / "tools").mkdir()
        shutil.copy(source / "tools/new_op", tree / "tools/new_op")

        def new_op(arguments):
            run = subprocess.run([sys.executable, tree / "tools/new_op", *arguments], capture_output=True, text=True)
            return run.returncode, run.stdout, run.stderr

        before = contents(tree)
        for arguments, words in REFUSED:
            status, _, said = new_op(arguments)
            expect(status in (1, 2) and words in said, f"{arguments}: status {status}, expected '{words}', said: {said}")
            expect(contents(tree) == before, f"{arguments}: refused, but files have changed")

        # The catalogue cannot be written: no half of an op stays behind.
        catalogue = tree / "ops/ops.h"
        catalogue.write_text(before["ops/ops.h"].decode().replace("// ---- reductions", "// ---- other things"))
        status, _, said = new_op(["new_name", "--reduction"])
        expect(status == 1 and "has no section '// ---- reductions'" in said, said)
        catalogue.write_bytes(before["ops/ops.h"])
        expect(contents(tree) == before, "half of an op stays behind")

        status, said, _ = new_op(["new_name", "--binary", "--file-only"])
        file = tree / "ops/elementwise/new_name.op.h"
        expect(status == 0 and "Tensor new_name(const Tensor& a, const Tensor& b);" in said and file.is_file(), said)
        file.unlink()
        expect(contents(tree) == before, "--file-only: more than the file has changed")

        status, said, _ = new_op(["new_name", "--doc", "x tanh(softplus(x))."])
        expect(status == 0 and "gradcheck new_name" in said, said)
        after = contents(tree)
        changed = sorted(name for name in after if after[name] != before.get(name))
        expect(changed == ["ops/elementwise/new_name.op.h", "ops/ops.h"], f"two places: {changed}")
        lines = b"/// x tanh(softplus(x)).\nTensor new_name(const Tensor& x);\n"
        expect(after["ops/ops.h"].replace(lines, b"") == before["ops/ops.h"], "one entry of the catalogue")
        status, _, said = new_op(["new_name"])
        expect(status == 1 and "taken" in said and contents(tree) == after, "a second time: " + said)
    print("all is well")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
