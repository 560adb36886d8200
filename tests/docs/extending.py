#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does what docs/10_extending.md tells a newcomer to do, in a copy of ops/, and writes the compilation units of the ops that come of it.

usage: extending.py SOURCE BLOCKS FOLDER LEVEL...     BLOCKS: where tests/docs/extract.py put the page's file= blocks

FOLDER/tree   the copy, with the ops made by the page's `tools/new_op` lines, and a skeleton of each kind left as it is. The page's ops are
              called page_NAME there: a newcomer may have added NAME to the repository itself
FOLDER/host.cpp, FOLDER/LEVEL.cpp    all of them, registered instead of stein's own, so that the every-op suite checks them
FOLDER/names.h                       what is registered
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

PAGE = "docs/10_extending.md"
SKELETONS = {"skeleton_unary": [], "skeleton_binary": ["--binary"], "skeleton_reduction": ["--reduction"],
             "skeleton_fused": ["--fused"], "skeleton_file": ["--reduction", "--file-only"]}
PREFIX = "page"
# Planted: the page's rule of mish without its second term. It is compiled, but not registered.
TERM = " + x * sigmoid(x) * (1 - square(t))"


def only(found, what):
    if len(found) != 1:
        sys.exit(f"{PAGE}: expected one {what}, found {len(found)}")
    return found[0]


def pascal(name):
    return "".join(part.capitalize() for part in name.split("_"))


def renamed(text, names):
    """Functions, structs and registrations of these names, called page_NAME."""
    for name in names:
        text = re.sub(rf"\b(register_)?{name}\b", rf"\g<1>{PREFIX}_{name}", text)
        text = re.sub(rf"\b{pascal(name)}\b", pascal(PREFIX) + pascal(name), text)
    return text


def main(source, blocks, folder, levels):
    tree, text = folder / "tree", (source / PAGE).read_text(encoding="utf-8")
    calls = [shlex.split(line, comments=True) for line in re.findall(r"^    tools/new_op (.+)$", text, re.M)]
    page_names = [words[0] for words in calls]
    text = renamed(text, page_names)
    shutil.rmtree(tree, ignore_errors=True)
    for layer in ("tensor", "autograd", "ops"):
        shutil.copytree(source / layer, tree / layer, ignore=shutil.ignore_patterns("*.cpp"))
    (tree / "tools").mkdir()
    shutil.copy(source / "tools/new_op", tree / "tools/new_op")

    def new_op(words):
        subprocess.run([sys.executable, tree / "tools/new_op", *words], check=True, stdout=subprocess.DEVNULL)
        return only([p for p in tree.glob(f"ops/*/{words[0]}.op.h")], f"file of {words[0]}")

    files = [new_op([name, *options]) for name, options in SKELETONS.items()]
    catalogue = tree / "ops/ops.h"
    for name, *options in calls:
        words = [f"{PREFIX}_{name}", *options]
        file = new_op(words)
        file.write_text(renamed((blocks / f"{name}.op.h").read_text(encoding="utf-8"), page_names), encoding="utf-8")
        listed = catalogue.read_text(encoding="utf-8")
        mine = only(re.findall(rf"^///.*\nTensor {words[0]}\(.*\n", listed, re.M), f"line for {words[0]} in {catalogue}")
        shown = only(re.findall(rf"^///.*\nTensor {words[0]}\(.*\n", text, re.M), f"line for {words[0]}")
        catalogue.write_text(listed.replace(mine, shown), encoding="utf-8")
        files.append(file)
    names = [file.name[: -len(".op.h")] for file in files]

    mish = (blocks / "mish.op.h").read_text(encoding="utf-8")
    only(re.findall(re.escape(TERM), mish), "term in the rule of mish")
    planted = tree / "planted.op.h"
    planted.write_text(mish.replace(TERM, "").replace("Mish", "Planted").replace("mish", "planted"), encoding="utf-8")

    elementwise = [f for f in files if f.parent.name == "elementwise"]
    include = lambda paths: "".join(f'#include "{p.relative_to(tree)}"\n' for p in [*paths, planted])
    listed = "".join(f"  register_{n}(r);\n" for n in names)
    units = {f"{level}.cpp": include(elementwise) for level in levels}
    units["host.cpp"] = ('#define STEIN_HOST 1\n#define STEIN_UNIT host\n#include "ops/ops.h"\nnamespace stein {\nTensor planted(const Tensor& x);\n}\n'
                         + include(files) + f"\nvoid stein::detail::register_all(OpRegistry& r) {{\n{listed}}}\n")
    units["names.h"] = "#pragma once\ninline constexpr const char* kNames[] = {" + ", ".join(f'"{n}"' for n in names) + "};\n"
    for name, content in units.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4:])
