#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test build/planted: tools/check_layers, tools/check_simd_symbols and tools/api_docs must find what is planted here, and only that.

usage: planted.py SOURCE_FOLDER C++COMPILER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SPDX = "// SPDX-License-Identifier: MIT\n"
GOOD = SPDX + "#pragma once\n"

# file, its text, what check_layers must say (None: nothing)
PLANTED = [
    ("tensor/good.h", GOOD + "#include <vector>\n", None),
    ("nn/good.h", GOOD + '#include "tensor/good.h"\n', None),
    ("nn/good.cpp", SPDX + '#include "nn/good.h"\n#include <fmt/core.h>\n', None),
    ("autograd/calculus/good.h", GOOD + '#include "ops/good.h"\n', None),
    ("ops/good.h", GOOD, None),
    ("ops/detail/thick.h", GOOD + "#include <nlohmann/json.hpp>\n", "stein/stein.h drags in a third-party header"),
    ("ops/through.h", GOOD + '#include "ops/detail/thick.h"\n', None),
    ("stein/stein.h", GOOD + '#include "ops/through.h"\n', None),
    ("tensor/up.h", GOOD + '#include "nn/good.h"\n', 'tensor may not include nn: "nn/good.h"'),
    ("ops/up.cpp", SPDX + '#include "autograd/calculus/good.h"\n', "ops may not include autograd/calculus"),
    ("nn/thick.h", GOOD + "#include <CLI/CLI.hpp>\n", "third-party header in a public header"),
    ("nn/near.cpp", SPDX + '#include "good.h"\n', '"good.h" is no file named from the root'),
    ("nn/long.cpp", SPDX + "//\n" * 400, "401 lines"),
    ("nn/free.cpp", "int a;\n", "no SPDX-License-Identifier"),
    ("nn/twice.h", SPDX, "no #pragma once"),
    ("nn/place.cpp", SPDX + 'auto p = "/' + 'home/somebody/data";\n', "path of one machine"),
]

WEAK = "inline int __attribute__((noinline)) shared(int a) { return a + 1; }\nint NAME(int a) { return shared(a); }\n"
OWN = "namespace v4 { inline int __attribute__((noinline)) own(int a) { return a + 2; } }\nint v4_user(int a) { return v4::own(a); }\n"


def expect(ok, text):
    if not ok:
        print("FAILED: " + text)
        sys.exit(1)


def layers(source):
    with tempfile.TemporaryDirectory() as folder:
        for name, text, _ in PLANTED:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, source / "tools/check_layers", folder], capture_output=True, text=True)
        lines = run.stdout.splitlines()
        expect(run.returncode == 1, f"check_layers left with {run.returncode}: {run.stdout}{run.stderr}")
        for name, _, message in PLANTED:
            found = [line for line in lines if line.startswith(name + ":")]
            if message is None:
                expect(not found, f"{name} is well, but: {found}")
            else:
                expect(len(found) == 1 and message in found[0], f"{name}: expected '{message}', found {found}")


def symbols(source, compiler):
    def run(units):
        with tempfile.TemporaryDirectory() as folder:
            for target, text in units.items():
                path = pathlib.Path(folder) / f"CMakeFiles/{target}.dir/a.o"
                path.parent.mkdir(parents=True)
                subprocess.run([compiler, "-O1", "-x", "c++", "-c", "-", "-o", path], input=text, text=True, check=True)
            done = subprocess.run([sys.executable, source / "tools/check_simd_symbols", folder], capture_output=True, text=True)
            return done.returncode, done.stdout

    level = {"stein_v3": "int f(int a) { return a; }\n", "stein_v4": OWN}
    status, said = run({**level, "stein": OWN.replace("v4_user", "host_user")})
    expect(status == 0, "a function with the level in its name is the level's own: " + said)
    status, said = run({**level, "stein_v4": WEAK.replace("NAME", "f4"), "stein": WEAK.replace("NAME", "f")})
    expect(status == 1 and "shared(int)" in said, "shared by v4 and the host: " + said)
    status, said = run({**level, "stein_v3": WEAK.replace("NAME", "f3"), "stein_v4": WEAK.replace("NAME", "f4")})
    expect(status == 1 and "shared(int)" in said, "shared by v3 and v4: " + said)
    status, said = run({"stein": "int f(int a) { return a; }\n"})
    expect(status == 77, "no units above the baseline: " + said)


def api_docs(source):
    def run(header):
        with tempfile.TemporaryDirectory() as folder:
            for name in "tools/api_docs", "tools/deps", "docs/Doxyfile", "docs/api.dox":
                path = pathlib.Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                shutil.copy(source / name, path)
            for layer in "tensor", "autograd/calculus", "ops", "nn", "smld/data", "stein":
                (pathlib.Path(folder) / layer).mkdir(parents=True)
            # What docs/api.dox speaks of is not here, so only complaints about this header count.
            (pathlib.Path(folder) / "tensor/planted.h").write_text(header, encoding="utf-8")
            done = subprocess.run([path.parent.parent / "tools/api_docs", "--no-install"], capture_output=True, text=True)
            return done.returncode, "".join(line for line in done.stdout.splitlines(True) if "planted" in line)

    if shutil.which("doxygen") is None:
        return
    good = GOOD + "namespace stein {\n/// Three.\nint f(int a);\n/// A struct.\nstruct S {\n  int a;  ///< a field\n};\n}  // namespace stein\n"
    status, said = run(good)
    expect(status == 0 and not said, f"every name has words, but {status}: {said}")
    status, said = run(good.replace("  ///< a field", ""))
    expect(status == 1 and "Member a" in said, "a field without words: " + said)
    status, said = run(good.replace("/// Three.\n", ""))
    expect(status == 1 and "Member f" in said, "a function without words: " + said)
    status, said = run(good.replace("namespace stein {", "namespace stein::planted {"))
    expect(status == 1 and "stein::planted has no @namespace" in said, "a namespace without words: " + said)


if __name__ == "__main__":
    layers(pathlib.Path(sys.argv[1]))
    symbols(pathlib.Path(sys.argv[1]), sys.argv[2])
    api_docs(pathlib.Path(sys.argv[1]))
    print("every planted fault was found")
