#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the code out of pages of documentation, so that it is compiled and run with the tests.

usage: extract.py FOLDER PAGE.md...       takes out
       extract.py --fill OUTPUTS PAGE.md  writes into the page what its code printed, after STEIN_PAGE_OUTPUTS=OUTPUTS test_docs "[pages]"

The first line of a fenced block says what becomes of it:
    ```cpp run=NAME     statements. Blocks of one NAME are one function, in order, so variables live on from block to block. What
                        they print on std::cout is compared with the next fenced block of the page, if that is a ```text;
                        there `...` stands for anything.
    ```cpp declare      functions and types, which stand before all functions of the page.
    ```cpp file=NAME    goes to FOLDER/NAME, for tests/docs/*.cmake to build.
    ```cpp from=PATH    is a piece of that file of the repository (tests/docs/pages.test.cpp compares); a line `// ...` leaves out.
Any other block is not code to run. `using namespace stein` and stein/stein.h are there; #include lines may stand anywhere.
Writes FOLDER/PAGE.cpp with one TEST_CASE for each NAME; #line makes compilers speak of the page's lines.
"""
import pathlib
import re
import sys


def blocks(text):
    """(line of the first line inside, the words after the fence, content) of every fenced block."""
    found, inside = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if inside is None and line.startswith("```"):
            inside = (number + 1, line[3:].split(), [])
        elif inside is not None and line.startswith("```"):
            found.append((inside[0], inside[1], "".join(x + "\n" for x in inside[2])))
            inside = None
        elif inside is not None:
            inside[2].append(line)
    if inside is not None:
        sys.exit(f"a fence that opens before line {inside[0]} is not closed")
    return found


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def extract(page, folder):
    includes, declared, functions = [], [], {}
    found = blocks(page.read_text())
    for i, (line, words, code) in enumerate(found):
        tags = dict(w.split("=", 1) if "=" in w else (w, "") for w in words[1:])
        if words[:1] != ["cpp"] or not tags:
            continue
        if not tags.keys() <= {"run", "declare", "file", "from"}:
            sys.exit(f"{page}: line {line - 1}: unknown tag after ```cpp")
        if "file" in tags:
            write_if_changed(folder / tags["file"], code)
        includes += re.findall(r"^#include .*$", code, re.M)
        code = f'#line {line} "{page}"\n' + re.sub(r"^#include .*$", "", code, flags=re.M)
        if "declare" in tags:
            declared.append(code)
        elif "run" in tags:
            functions.setdefault(tags["run"], []).append(code)
            if i + 1 < len(found) and found[i + 1][1] == ["text"]:
                after, _, output = found[i + 1]
                functions[tags["run"]].append(f'#line {after} "{page}"\n  page_output.expect({after}, R"~~~({output})~~~");\n')
    if not functions:
        (folder / f"{page.stem}.cpp").unlink(missing_ok=True)
        return
    cases = "".join(f'TEST_CASE("{page.name}: {name}", "[pages]") {{\n  stein::test::PageOutput page_output("{page.name}");\n'
                    f'{"".join(parts)}}}\n' for name, parts in functions.items())
    write_if_changed(folder / f"{page.stem}.cpp",
                     '#include <catch2/catch.hpp>\n#include "stein/stein.h"\n#include "tests/docs/page_output.h"\n'
                     + "".join(x + "\n" for x in dict.fromkeys(includes))
                     + f"using namespace stein;\nnamespace {{\n{''.join(declared)}}}  // namespace\n{cases}")


def fill(page, outputs):
    lines = page.read_text().splitlines()
    printed = {int(line): text for name, line, text in (x.split("\f") for x in outputs.read_text().split("\0")[:-1]) if name == page.name}
    for start in sorted(printed, reverse=True):  # from the end, so that line numbers stay right
        end = next(i for i in range(start - 1, len(lines)) if lines[i].startswith("```"))
        if not any("..." in line for line in lines[start - 1 : end]):  # patterns are written by hand
            lines[start - 1 : end] = printed[start].splitlines()
    page.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--fill":
        sys.exit(fill(pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[2])))
    for name in sys.argv[2:]:
        extract(pathlib.Path(name), pathlib.Path(sys.argv[1]))
