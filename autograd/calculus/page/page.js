// SPDX-License-Identifier: MIT
// The page: its parts, what is selected, search, folding, keys.
"use strict";

document.body.innerHTML += `
<header><h1>${esc(document.body.dataset.title)}</h1>
  <input id="search" type="search" placeholder="Search op, name, module, #number  ( / )" aria-label="Search">
  <span id="hits" class="faint" role="status"></span>
  <span class="grow"></span>
  <button id="fold">Fold modules</button><button id="unfold">Unfold all</button>
  <button id="smaller" aria-label="Smaller">&#8722;</button><button id="larger" aria-label="Larger">+</button><button id="fit">Fit</button>
</header>
<svg id="canvas" tabindex="0" role="application" aria-label="Graph: arrow keys lead from node to node, the panel beside it tells about the chosen one"><g id="scene"></g></svg>
<aside>
  <section id="legend"></section><section id="walk"></section><section id="about" aria-live="polite"></section>
  <section><details><summary>Keys</summary><table>
  <tr><td>n, p</td><td>next and previous step of the backward walk</td></tr>
  <tr><td>&#8593; &#8595;</td><td>to the first input, to the first user</td></tr>
  <tr><td>&#8592; &#8594;</td><td>the node made before, and after</td></tr>
  <tr><td>t</td><td>the node whose rule made this one</td></tr>
  <tr><td>Enter</td><td>fold and unfold the node's module</td></tr>
  <tr><td>/</td><td>search; Enter: next hit</td></tr>
  <tr><td>+ &#8722; 0</td><td>larger, smaller, fit; also wheel and drag</td></tr></table></details></section>
</aside>
<footer id="memory"></footer>`;

const canvas = document.getElementById("canvas"), scene = document.getElementById("scene");
const by = id => document.getElementById(id);

const link = i => `<a href="#" data-node="${i}" class="o${colorOf(graph.nodes[i].order)}">#${i} ${esc(titleOf(graph.nodes[i]))}</a>`;
const links = list => list.length ? list.slice(0, 40).map(link).join(", ") + (list.length > 40 ? ", &hellip;" : "") : "none";
const valueText = v => shapeText(v) + (v.elements ? " <code>" + v.elements.map(numberText).join(" ") + "</code>" : "");

function tellAbout() {
  const i = view.selected, n = graph.nodes[i];
  if (!n) {
    by("about").innerHTML = `<h2>Node</h2><p class="faint">Choose one in the graph.</p>`;
    return;
  }
  const rows = [["order", n.order], ["result", n.outputs.map(valueText).join("<br>")]];
  if (n.kind) rows.push(["kind", n.kind]);
  if (n.module) rows.push(["module", esc(n.module)]);
  if (n.twin >= 0) rows.push(["made by the rule of", link(n.twin)]);
  const made = graph.nodes.flatMap((m, k) => m.twin === i ? [k] : []);
  if (made.length) rows.push(["its rule made", links(made)]);
  if (n.op !== "leaf")
    rows.push(["inputs", n.inputs.map(p => p[0] < 0 ? "constant" : link(p[0])).slice(0, 40).join(", ")]);
  rows.push(["users", links(graph.users[i])]);
  if (n.saved.length)
    rows.push(["keeps", n.saved.map(s => `${s.what}, ${shapeText(s)}: ${s.bytes ? bytesText(s.bytes) : "shared"}`).join("<br>")]);
  if (n.seconds > 0) rows.push(["took", (1e6 * n.seconds).toPrecision(3) + " &micro;s"]);
  by("about").innerHTML = `<h2 class="o${colorOf(n.order)}">#${i} ${esc(titleOf(n))}</h2><table>${
      rows.map(([k, v]) => `<tr><td>${k}</td><td>${v}</td></tr>`).join("")}</table>`;
}

function select(i) {
  view.selected = i;
  tellAbout();
  mark();
  if (i >= 0) show(i);
}

function search(text) {
  const words = text.trim().toLowerCase();
  view.found = new Set();
  if (words)
    graph.nodes.forEach((n, i) => {
      if ([n.op, n.name, n.module, "#" + i, "order " + n.order].some(w => w.toLowerCase() === words || (words[0] !== "#" && w.toLowerCase().includes(words))))
        view.found.add(i);
    });
  by("hits").textContent = words ? view.found.size + (view.found.size === 1 ? " hit" : " hits") : "";
  mark();
}
function nextHit() {
  const hits = [...view.found];
  if (hits.length) select(hits.find(i => i > view.selected) ?? hits[0]);
}

function redraw() {
  draw();
  if (view.selected >= 0) show(view.selected);
}
function foldAll(on) {
  folded.clear();
  if (on) for (const m of topModules()) folded.add(m);
  draw();
  fit();
}
// A folded box opens by one level; an open node's innermost module folds.
function toggle(i) {
  const n = graph.nodes[i], own = paths(n.module), at = foldOf(n);
  if (at !== undefined) {
    folded.delete(at);
    for (const m of graph.nodes) {  // what lies deeper stays folded
      const p = paths(m.module), k = p.indexOf(at);
      if (k >= 0 && k + 1 < p.length) folded.add(p[k + 1]);
    }
  } else if (own.length) {
    folded.add(own[own.length - 1]);
  }
  view.selected = i;
  tellAbout();
  redraw();
}

by("legend").innerHTML = graph.levels.map(l => `<span class="chip o${colorOf(l.order)}">order ${l.order}: ${l.nodes} nodes, ${bytesText(l.bytes)} kept</span>`).join("") +
    `<span class="faint"><svg width="34" height="8"><path class="edge saved" d="M2 4h30"/></svg> kept for a backward pass</span>`;
by("search").oninput = e => search(e.target.value);
by("search").onkeydown = e => { if (e.key === "Enter") nextHit(); else if (e.key === "Escape") e.target.blur(); };
by("fold").onclick = () => foldAll(true);
by("unfold").onclick = () => foldAll(false);
by("larger").onclick = () => zoomBy(1.3);
by("smaller").onclick = () => zoomBy(1 / 1.3);
by("fit").onclick = fit;
document.querySelector("aside").addEventListener("click", e => {
  const a = e.target.closest("[data-node]");
  if (a) e.preventDefault(), select(Number(a.dataset.node));
});

let drag = null;
canvas.onpointerdown = e => { drag = {x: e.clientX, y: e.clientY, moved: false, target: e.target.closest(".node")}; };
window.addEventListener("pointermove", e => {
  if (!drag) return;
  if (Math.abs(e.clientX - drag.x) + Math.abs(e.clientY - drag.y) < 4 && !drag.moved) return;
  view.x += drag.moved ? e.movementX : e.clientX - drag.x;
  view.y += drag.moved ? e.movementY : e.clientY - drag.y;
  drag.moved = true;
  look();
});
window.addEventListener("pointerup", () => {
  if (drag && !drag.moved) select(drag.target ? view.boxes[Number(drag.target.dataset.box)].nodes[0] : -1);
  drag = null;
});
canvas.ondblclick = e => {
  const g = e.target.closest(".node");
  if (g) toggle(view.boxes[Number(g.dataset.box)].nodes[0]);
};
canvas.addEventListener("wheel", e => {
  e.preventDefault();
  const r = canvas.getBoundingClientRect();
  zoomBy(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.clientX - r.left, e.clientY - r.top);
}, {passive: false});

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
  const i = view.selected, n = graph.nodes[i], last = graph.nodes.length - 1;
  const actions = {
    "n": () => setStep(walk.step + 1), "p": () => setStep(walk.step - 1), "/": () => by("search").focus(),
    "+": () => zoomBy(1.3), "=": () => zoomBy(1.3), "-": () => zoomBy(1 / 1.3), "0": fit,
    "t": () => { if (n && n.twin >= 0) select(n.twin); },
    "ArrowUp": () => { if (n && n.from.length) select(n.from[0].node); },
    "ArrowDown": () => { if (n && graph.users[i].length) select(graph.users[i][0]); },
    "ArrowLeft": () => select(Math.max(0, i - 1)), "ArrowRight": () => select(Math.min(last, i + 1)),
    "Escape": () => select(-1),
  };
  if (e.key === "Enter" && n && !e.target.closest("button, a, summary")) actions.Enter = () => toggle(i);
  if (actions[e.key]) e.preventDefault(), actions[e.key]();
});

drawMemory();
tellWalk();
tellAbout();
foldAll(graph.nodes.length > kLarge);
window.addEventListener("resize", () => look());
