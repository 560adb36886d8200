// SPDX-License-Identifier: MIT
// What is seen: nodes, or boxes that stand for a visit to a folded module; laid out, drawn, moved and zoomed.
"use strict";

const graph = JSON.parse(document.getElementById("graph").textContent);
const kLarge = 400;  // graphs with more nodes come folded
const kHeight = 36, kRow = 70, kGap = 16;

graph.users = graph.nodes.map(() => []);
graph.nodes.forEach((n, i) => {
  const kept = new Set(n.saved.map(s => s.from[0]));
  n.from = [...new Set(n.inputs.map(p => p[0]))].filter(k => k >= 0).map(k => ({node: k, saved: kept.has(k)}));
  for (const e of n.from) graph.users[e.node].push(i);
});

graph.walks.forEach((steps, w) => steps.forEach(s => s.made.forEach(i => graph.nodes[i].walk = w)));

const esc = text => String(text).replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;"}[c]));
const bytesText = b => b < 1e3 ? b + " B" : b < 1e6 ? (b / 1e3).toPrecision(3) + " kB" : b < 1e9 ? (b / 1e6).toPrecision(3) + " MB"
                                                                                              : (b / 1e9).toPrecision(3) + " GB";
const shapeText = v => v.dtype + " (" + v.shape.join(", ") + (v.shape.length === 1 ? ",)" : ")");
const numberText = e => typeof e === "string" ? e : String(Number(e.toPrecision(5)));  // "inf", "-inf", "nan"
const titleOf = n => n.name ? (n.op === "leaf" ? n.name : n.op + " = " + n.name) : n.op;
const colorOf = order => Math.max(order, 0) % 5;

const folded = new Set();  // paths of modules
const view = {boxes: [], boxOf: [], edges: [], selected: -1, found: new Set(), x: 0, y: 0, zoom: 1, width: 1, height: 1};

// Every path that a module's name begins with: "a.b.c" -> "a", "a.b", "a.b.c".
function paths(module) {
  const parts = module ? module.split(".") : [];
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
}
const foldOf = n => paths(n.module).find(p => folded.has(p));
const topModules = () => new Set(graph.nodes.filter(n => n.module).map(n => n.module.split(".")[0]));

// A folded module is a box for each visit: nodes made one after the other in the forward pass or in one walk, so that every edge
// leads to a later box. Leaves, which depend on nothing, come first, or into the visit of their own module that uses them first.
function assemble() {
  const leaves = [], visits = [], box = (list, i, module) => {
    list.push({nodes: [i], module});
    return list[list.length - 1];
  };
  const of = [];
  let last = null;
  graph.nodes.forEach((n, i) => {
    if (n.op === "leaf") return;
    const module = foldOf(n);
    if (module !== undefined && last && last.module === module && last.walk === n.walk) last.nodes.push(i);
    else last = box(visits, i, module);
    last.walk = n.walk;
    of[i] = last;
  });
  const folds = new Map();
  graph.nodes.forEach((n, i) => {
    if (n.op !== "leaf") return;
    const module = foldOf(n), user = of[graph.users[i][0]];
    of[i] = module === undefined ? box(leaves, i) : user && user.module === module ? user : folds.get(module) ?? box(leaves, i, module);
    if (module !== undefined && of[i] !== user) folds.set(module, of[i]);
    if (!of[i].nodes.includes(i)) of[i].nodes.push(i);
  });
  view.boxes = [...leaves, ...visits];
  view.boxes.forEach((b, i) => (b.place = i, b.order = mostly(b.nodes.map(k => graph.nodes[k].order))));
  view.boxOf = of.map(b => b.place);
  const edges = new Map();
  graph.nodes.forEach((n, i) => {
    for (const e of n.from) {
      const from = view.boxOf[e.node], to = view.boxOf[i], key = from * view.boxes.length + to;
      if (from === to) continue;
      if (!edges.has(key)) edges.set(key, {from, to, count: 0, saved: false});
      edges.get(key).count += 1;
      edges.get(key).saved ||= e.saved;
    }
  });
  view.edges = [...edges.values()];
  for (const b of view.boxes) {
    const n = graph.nodes[b.nodes[0]];
    b.title = b.module === undefined ? titleOf(n) : b.module;
    b.words = b.module === undefined
        ? n.outputs.map(shapeText).join(", ")
        : `${b.nodes.length} nodes, ${bytesText(b.nodes.reduce((s, i) => s + graph.nodes[i].bytes, 0))}`;
    b.leaf = b.module === undefined && n.op === "leaf";
    b.result = b.nodes.some(i => results.has(i));
    b.width = Math.max(48, 18 + 7.4 * b.title.length, 18 + 6 * b.words.length);
  }
}
// The number that comes most often.
function mostly(list) {
  const count = new Map();
  for (const v of list) count.set(v, (count.get(v) ?? 0) + 1);
  return [...count].reduce((a, b) => b[1] > a[1] ? b : a)[0];
}
const results = new Set(graph.outputs.map(o => o[0]));

function curve(x, y, bends, toX, toY) {
  let path = `M${x.toFixed(1)} ${y.toFixed(1)}`;
  const reach = (bx, by) => {
    const m = ((y + by) / 2).toFixed(1);
    path += `C${x.toFixed(1)} ${m} ${bx.toFixed(1)} ${m} ${bx.toFixed(1)} ${by.toFixed(1)}`;
    x = bx, y = by;
  };
  for (const [bx, by] of bends) reach(bx, by - kHeight / 2), path += "V" + (y = by + kHeight / 2).toFixed(1);
  reach(toX, toY);
  return path;
}

function draw() {
  assemble();
  const l = layered(view.boxes.map(b => b.width), view.edges.map(e => [e.from, e.to]), kRow, kGap);
  view.width = l.width, view.height = l.height;
  view.boxes.forEach((b, i) => (b.x = l.x[i], b.y = l.y[i]));
  let s = "";
  view.edges.forEach((e, i) => {
    const a = view.boxes[e.from], b = view.boxes[e.to];
    const path = curve(a.x, a.y + kHeight / 2, l.bends[i], b.x, b.y - kHeight / 2 - 5);
    const w = Math.min(1.3 + 0.5 * Math.log2(e.count), 4);  // many edges in one
    s += `<path class="edge${e.saved ? " saved" : ""}" id="e${i}" d="${path}"${
        e.count > 1 ? ` style="stroke-width:${w};stroke-dasharray:${e.saved ? `0.1 ${2.2 * w}` : "none"};opacity:.6"` : ""}/>`;
    s += `<path class="head" d="M${b.x.toFixed(1)} ${(b.y - kHeight / 2).toFixed(1)}l-3.5 -7h7z"/>`;
  });
  view.boxes.forEach((b, i) => {
    s += `<g class="node o${colorOf(b.order)}${b.module === undefined ? "" : " folded"}${b.result ? " result" : ""}" data-box="${i}">`;
    if (b.module !== undefined)
      s += `<rect x="${b.x - b.width / 2 + 4}" y="${b.y - kHeight / 2 + 4}" width="${b.width}" height="${kHeight}" rx="5"/>`;
    s += `<rect x="${b.x - b.width / 2}" y="${b.y - kHeight / 2}" width="${b.width}" height="${kHeight}" rx="${b.leaf ? 18 : 5}"/>` +
         `<text class="title" x="${b.x}" y="${b.y - 2}">${esc(b.title)}</text>` +
         `<text class="words" x="${b.x}" y="${b.y + 12}">${esc(b.words)}</text></g>`;
  });
  scene.innerHTML = s + `<path id="twin"/>`;
  mark();
}

// Classes for what is selected, found, and at work in the walk.
function mark() {
  const at = currentStep(), made = new Set(at ? at.made.map(i => view.boxOf[i]) : []);
  const chosen = view.selected < 0 ? -1 : view.boxOf[view.selected];
  const found = new Set([...view.found].map(i => view.boxOf[i]));
  for (const g of scene.querySelectorAll(".node")) {
    const i = Number(g.dataset.box);
    g.classList.toggle("selected", i === chosen);
    g.classList.toggle("found", found.has(i));
    g.classList.toggle("stepping", Boolean(at) && view.boxOf[at.node] === i);
    g.classList.toggle("made", made.has(i));
  }
  for (let i = 0; i < view.edges.length; ++i) {
    const e = view.edges[i];
    document.getElementById("e" + i).classList.toggle("near", chosen >= 0 && (e.from === chosen || e.to === chosen));
  }
  // The twin of what is selected: a dashed line.
  const twin = view.selected < 0 ? -1 : graph.nodes[view.selected].twin;
  const a = view.boxes[chosen], b = twin < 0 ? undefined : view.boxes[view.boxOf[twin]];
  scene.querySelector("#twin").setAttribute("d", a && b && a !== b ? `M${a.x} ${a.y}L${b.x} ${b.y}` : "");
}

// ---- moving and zooming ----

function look() {
  scene.setAttribute("transform", `translate(${view.x.toFixed(2)} ${view.y.toFixed(2)}) scale(${view.zoom.toFixed(4)})`);
}
function fit() {
  const r = canvas.getBoundingClientRect();
  view.zoom = Math.min(1.2, (r.width - 32) / view.width, (r.height - 32) / view.height);
  // A tall graph is shown from its top, wide enough to be read.
  if (view.zoom < 0.35) view.zoom = Math.max(view.zoom, Math.min(0.8, (r.width - 32) / view.width), 0.1);
  view.x = (r.width - view.zoom * view.width) / 2;
  view.y = Math.max(16, (r.height - view.zoom * view.height) / 2);
  look();
}
function zoomBy(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const zoom = Math.min(4, Math.max(0.01, view.zoom * factor));
  view.x = x - (x - view.x) * zoom / view.zoom;
  view.y = y - (y - view.y) * zoom / view.zoom;
  view.zoom = zoom;
  look();
}
// Brings a node into view when it is outside, or too small to be read.
function show(i) {
  const b = view.boxes[view.boxOf[i]], r = canvas.getBoundingClientRect();
  if (view.zoom < 0.4) view.zoom = 0.8;
  const x = view.x + view.zoom * b.x, y = view.y + view.zoom * b.y;
  if (x < 60 || x > r.width - 60) view.x += r.width / 2 - x;
  if (y < 60 || y > r.height - 60) view.y += r.height / 2 - y;
  look();
}
