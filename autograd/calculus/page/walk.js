// SPDX-License-Identifier: MIT
// The backward walks, step by step, and the memory that tensors took meanwhile.
"use strict";

const walk = {number: 0, step: -1};  // step -1: not begun

function currentStep() { return walk.step < 0 ? null : graph.walks[walk.number][walk.step]; }

function setStep(step, number = walk.number) {
  if (!graph.walks.length) return;
  walk.number = number;
  walk.step = Math.max(-1, Math.min(step, graph.walks[number].length - 1));
  tellWalk();
  const at = currentStep();
  if (!at) return mark();
  select(at.node);
}

function tellWalk() {
  const panel = document.getElementById("walk");
  if (!graph.walks.length) {
    panel.innerHTML = `<h2>Backward walk</h2><p class="faint">None was recorded.</p>`;
    return;
  }
  const steps = graph.walks[walk.number], at = currentStep();
  const options = graph.walks.map((w, i) => `<option value="${i}"${i === walk.number ? " selected" : ""}>${i + 1} of ${
      graph.walks.length}: ${w.length} nodes</option>`).join("");
  let s = `<h2>Backward walk</h2><div class="row"><select id="walks" aria-label="Which walk">${options}</select>
    <button id="previous" title="Previous step (p)">&#8592;</button><button id="next" title="Next step (n)">&#8594;</button>
    <span id="position">${walk.step + 1} / ${steps.length}</span></div>
    <input id="slide" type="range" min="0" max="${steps.length}" value="${walk.step + 1}" aria-label="Step of the walk">`;
  if (!at) {
    s += `<p class="faint">From the newest node to the oldest, each after all its users. Begin with n.</p>`;
  } else {
    const n = graph.nodes[at.node];
    s += `<p>${link(at.node)} has its whole cotangent${n.op === "leaf" ? ": this is the derivative." : "."}</p>`;
    at.cotangents.forEach((c, k) => s += `<p class="value">${at.cotangents.length > 1 ? "result " + k + ": " : ""}${
        c ? valueText(c) : "none came: zero"}</p>`);
    if (n.op !== "leaf")
      s += at.made.length ? `<p>Its rule made ${at.made.length > 12 ? at.made.length + " nodes" : at.made.map(link).join(", ")}.</p>`
                          : `<p class="faint">Nothing of what its rule made is in this graph.</p>`;
  }
  panel.innerHTML = s;
  document.getElementById("walks").onchange = e => setStep(0, Number(e.target.value));
  document.getElementById("previous").onclick = () => setStep(walk.step - 1);
  document.getElementById("next").onclick = () => setStep(walk.step + 1);
  document.getElementById("slide").oninput = e => setStep(Number(e.target.value) - 1);
  const mark = document.getElementById("now");
  if (mark) mark.setAttribute("transform", `translate(${at ? 1000 * at.moment / Math.max(1, graph.memory.length) : -10} 0)`);
}

// Bytes after each op; of many ops in one column the most.
function drawMemory() {
  const panel = document.getElementById("memory"), m = graph.memory;
  if (!m.length) return panel.remove();
  const columns = Math.min(m.length, 1000), most = m.reduce((a, p) => Math.max(a, p[1]), 1);
  let s = "";
  for (let c = 0; c < columns; ++c) {
    let top = m[Math.floor(c * m.length / columns)];
    for (let i = Math.floor(c * m.length / columns); i < Math.floor((c + 1) * m.length / columns); ++i)
      if (m[i][1] > top[1]) top = m[i];
    const h = 100 * Math.max(0, top[1]) / most;
    s += `<rect class="o${colorOf(top[0])}" x="${(1000 * c / columns).toFixed(2)}" y="${(100 - h).toFixed(2)}" width="${
        (1000 / columns + 0.2).toFixed(2)}" height="${h.toFixed(2)}"/>`;
  }
  panel.innerHTML = `<h2>Memory</h2><span class="faint">alive in tensors after each of ${m.length} ops; at most ${
      bytesText(most)}. The graph keeps ${bytesText(graph.bytes)}.</span>
    <svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="Bytes after each op">${s}
    <path id="now" d="M0 0V100" transform="translate(-10 0)"/></svg>`;
  panel.querySelector("svg").onclick = e => {  // to the step that began there
    const r = e.currentTarget.getBoundingClientRect(), moment = (e.clientX - r.left) / r.width * m.length;
    let best = [0, -1];
    graph.walks.forEach((w, i) => w.forEach((step, k) => { if (step.moment <= moment) best = [i, k]; }));
    if (graph.walks.length) setStep(best[1], best[0]);
  };
}
