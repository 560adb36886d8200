// SPDX-License-Identifier: MIT
// The layered layout of detail/graph_layout.cpp once more, for what is folded and unfolded in the page. Edges [from, to] lead from
// lower to higher numbers.
"use strict";

const kBendWidth = 10, kSweeps = 8;

// The longest way from a source; a source itself stands right above its first user.
function ranks(n, edges) {
  const users = Array.from({length: n}, () => []), source = new Array(n).fill(true), rank = new Array(n).fill(0);
  for (const [from, to] of edges) users[from].push(to), source[to] = false;
  for (let v = 0; v < n; ++v) for (const u of users[v]) rank[u] = Math.max(rank[u], rank[v] + 1);
  for (let v = 0; v < n; ++v)
    if (source[v] && users[v].length) rank[v] = users[v].reduce((r, u) => Math.min(r, rank[u]), Infinity) - 1;
  return rank;
}

function meanOf(list, x, otherwise) {
  if (!list.length) return otherwise;
  let sum = 0;
  for (const u of list) sum += x[u];
  return sum / list.length;
}

// Sorts each layer by the mean place of its neighbours in the layer before (or after), again and again.
function orderLayers(l) {
  const place = new Array(l.width.length);
  const number = layer => layer.forEach((v, i) => place[v] = i - layer.length / 2);
  l.layers.forEach(number);
  for (let sweep = 0; sweep < kSweeps; ++sweep) {
    const down = sweep % 2 === 0, near = down ? l.above : l.below;
    for (let step = 1; step < l.layers.length; ++step) {
      const layer = l.layers[down ? step : l.layers.length - 1 - step];
      const by = new Map(layer.map(v => [v, meanOf(near[v], place, place[v])]));
      layer.sort((a, b) => by.get(a) - by.get(b));
      number(layer);
    }
  }
}

// The places of a layer nearest to `wanted` that keep their distances: isotonic regression, neighbours that would collide are pooled.
function settle(layer, wanted, l, gap) {
  const offset = [], pools = [];
  layer.forEach((v, i) => {
    offset.push(i ? offset[i - 1] + (l.width[layer[i - 1]] + l.width[v]) / 2 + gap : 0);
    const weight = l.bend[v] ? kBendWeight : 1;
    let last = {sum: weight * (wanted[i] - offset[i]), weight, count: 1};
    while (pools.length && pools[pools.length - 1].sum / pools[pools.length - 1].weight > last.sum / last.weight) {
      const before = pools.pop();
      last = {sum: before.sum + last.sum, weight: before.weight + last.weight, count: before.count + last.count};
    }
    pools.push(last);
  });
  let i = 0;
  for (const p of pools) for (let k = 0; k < p.count; ++k, ++i) l.x[layer[i]] = p.sum / p.weight + offset[i];
}
const kBendWeight = 4;

function placeLayers(l, gap) {
  for (let sweep = 0; sweep <= kSweeps; ++sweep) {
    const down = sweep % 2 === 0;
    for (let step = 0; step < l.layers.length; ++step) {
      const layer = l.layers[down ? step : l.layers.length - 1 - step];
      settle(layer, layer.map(v => {
        const up = meanOf(l.above[v], l.x, l.x[v]), under = meanOf(l.below[v], l.x, up);
        return sweep < 2 ? (down ? up : under) : l.above[v].length ? (up + under) / 2 : under;
      }), l, gap);
    }
  }
}

// {x, y, bends, width, height}: centres of the boxes, and for each edge the points between its ends.
function layered(widths, edges, row, gap) {
  const n = widths.length, rank = ranks(n, edges);
  const l = {width: [...widths], rank, x: new Array(n).fill(0), bend: new Array(n).fill(false), above: [], below: [], layers: []};
  for (let v = 0; v < n; ++v) l.above.push([]), l.below.push([]);
  const join = (from, to) => (l.below[from].push(to), l.above[to].push(from));
  const length = e => rank[edges[e][1]] - rank[edges[e][0]];
  const bends = edges.map(() => []);
  let left = 4 * n + 100;
  for (const e of edges.map((_, e) => e).sort((a, b) => length(a) - length(b))) {
    left -= length(e) - 1;
    if (left < 0) break;  // the longest edges do without bends
    let at = edges[e][0];
    for (let k = 1, count = length(e), from = rank[at]; k < count; ++k) {
      const bend = l.width.length;
      l.width.push(kBendWidth), l.rank.push(from + k), l.x.push(0), l.bend.push(true), l.above.push([]), l.below.push([]);
      bends[e].push(bend);
      join(at, bend);
      at = bend;
    }
    join(at, edges[e][1]);
  }
  const top = l.rank.reduce((a, b) => Math.min(a, b), Infinity);
  l.rank.forEach((r, v) => (l.layers[r - top] ||= []).push(v));
  orderLayers(l);
  placeLayers(l, gap);
  let first = Infinity, last = -Infinity;
  l.x.forEach((x, v) => (first = Math.min(first, x - l.width[v] / 2), last = Math.max(last, x + l.width[v] / 2)));
  const at = v => [l.x[v] - first, (l.rank[v] - top + 0.5) * row];
  const points = widths.map((_, v) => at(v));
  return {x: points.map(p => p[0]), y: points.map(p => p[1]), bends: bends.map(b => b.map(at)), width: n ? last - first : 0,
          height: l.layers.length * row};
}
