#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Opens pages of `stein graph` in headless Chromium and uses them as a reader would: searches, folds, steps, by clicks and keys.

usage: graph_page.py STEIN       Leaves with 77 when there is no Chromium here.
A copy of the page gets a script behind its own, which acts, looks, and leaves what it saw in the document; --dump-dom prints that.
"""
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ACT = r"""
const seen = {errors: []};
const key = k => document.dispatchEvent(new KeyboardEvent("keydown", {key: k, bubbles: true}));
const press = id => document.getElementById(id).click();
const count = selector => document.querySelectorAll(selector).length;
const text = id => document.getElementById(id).textContent;
const type = words => { const s = document.getElementById("search"); s.value = words; s.dispatchEvent(new Event("input")); };
const timed = f => { const t = performance.now(); f(); return performance.now() - t; };
try {
  seen.nodes = graph.nodes.length;
  seen.boxes = count("#scene .node");
  seen.legend = text("legend");
  seen.memory = count("#memory rect");
  type(SEARCH);
  seen.hits = text("hits");
  seen.found = count(".node.found");
  document.getElementById("search").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  seen.about = text("about");
  seen.selected = count(".node.selected");
  type("");
  press("fold");
  seen.folded = count("#scene .node");
  seen.boxes_of_modules = count("#scene .node.folded");
  seen.unfold_ms = timed(() => press("unfold"));
  seen.unfolded = count("#scene .node");
  seen.dotted = count("#scene .saved");
  seen.inside = [...document.querySelectorAll("#scene .node rect")].every(r => Number.isFinite(Number(r.getAttribute("x"))));
  seen.steps = [];
  for (let i = 0; i < 8; ++i) {
    key("n");
    seen.steps.push({position: text("position"), walk: text("walk"), about: text("about"), stepping: count(".node.stepping"),
                     made: count(".node.made")});
  }
  key("p");
  seen.back = text("position");
  key("t");  // to the node whose rule made this one: none, it is of order 0
  const backward = graph.nodes.findIndex(n => n.twin >= 0);
  select(backward);
  seen.twin_line = document.getElementById("twin").getAttribute("d");
  key("t");
  seen.twin = view.selected === graph.nodes[backward].twin;
  key("Escape");
  seen.none = count(".node.selected");
  const before = document.getElementById("scene").getAttribute("transform");
  key("+");
  seen.zoomed = before !== document.getElementById("scene").getAttribute("transform");
} catch (e) { seen.errors.push(String(e.stack)); }
const pre = document.createElement("pre");
pre.id = "seen";
pre.textContent = JSON.stringify(seen);
document.body.append(pre);
"""


def use(chromium, page, search):
    """What the script saw on a copy of `page`."""
    acting = page.with_suffix(".acting.html")
    script = "<script>\n" + ACT.replace("SEARCH", json.dumps(search)) + "</script>\n</body>"
    acting.write_text(page.read_text(encoding="utf-8").replace("</body>\n</html>", script + "\n</html>"), encoding="utf-8")
    profile = page.parent / "profile"
    dom = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                          "--window-size=1400,900", "--dump-dom", acting.as_uri()], capture_output=True, text=True, timeout=180)
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom.stdout, re.S)
    assert found, "the page's script did not end: " + dom.stderr[-2000:]
    seen = json.loads(html.unescape(found.group(1)))
    assert not seen["errors"], seen["errors"]
    return seen


def check(what, got, expected):
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}; got {got!r}")


def small(chromium, make):
    seen = use(chromium, make("tanh(x)*sin(y)", "--order", "1"), "tanh")
    check("boxes", seen["boxes"], seen["nodes"])
    check("hits", seen["hits"], "2 hits")  # tanh and tanh_backward
    check("found", seen["found"], 2)
    assert "tanh" in seen["about"] and seen["selected"] == 1, seen
    assert "order 0: 5 nodes" in seen["legend"] and "order 1: " in seen["legend"], seen["legend"]
    assert seen["memory"] > 4 and seen["dotted"] > 4 and seen["inside"], seen
    steps = seen["steps"]
    check("positions", [s["position"] for s in steps], ["1 / 5", "2 / 5", "3 / 5", "4 / 5", "5 / 5"] + ["5 / 5"] * 3)
    assert "mul = f" in steps[0]["walk"] and "(2,) 1 1" in steps[0]["walk"], steps[0]
    check("made by the product's rule", steps[0]["made"], 2)
    assert all(s["stepping"] == 1 for s in steps), steps
    assert "this is the derivative" in steps[4]["walk"] and steps[4]["made"] == 0, steps[4]
    check("a step back", seen["back"], "4 / 5")
    assert seen["twin"] and seen["twin_line"].startswith("M") and seen["none"] == 0 and seen["zoomed"], seen


def network(chromium, make):
    seen = use(chromium, make("mlp", "--order", "2"), "2.weight")
    check("boxes", seen["boxes"], seen["nodes"])
    assert seen["boxes_of_modules"] >= 10 and seen["folded"] < seen["nodes"] / 2, seen
    check("unfolded", seen["unfolded"], seen["nodes"])


def large(chromium, make):
    seen = use(chromium, make("unet", "--order", "2"), "conv2d")
    assert seen["nodes"] > 3000, seen["nodes"]
    assert seen["boxes"] < 200, f"{seen['boxes']} boxes at first sight"
    check("unfolded", seen["unfolded"], seen["nodes"])
    print(f"{seen['nodes']} nodes unfolded and drawn in {seen['unfold_ms']:.0f} ms")


def main():
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium:
        print("SKIPPED: no Chromium here")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        def make(*args):
            page = pathlib.Path(folder) / "page.html"
            subprocess.run([sys.argv[1], "graph", *args, "--out", page], check=True, stdout=subprocess.DEVNULL)
            return page
        small(chromium, make)
        network(chromium, make)
        large(chromium, make)
    print("the pages of stein graph do what they say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
