// SPDX-License-Identifier: MIT
#include "autograd/calculus/detail/graph_layout.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace stein::detail {
namespace {

constexpr double kBendWidth = 10;  // pixels that an edge takes where it passes a layer
constexpr int kSweeps = 8;

using Index = std::size_t;

// Nodes and, behind them, the bends of edges that pass layers: from here on every edge leads to the next layer.
struct Layers {
  std::vector<double> width, x;
  std::vector<int> rank;
  std::vector<std::vector<Index>> above, below;  // neighbours in the layer before and in the one after
  std::vector<std::vector<Index>> layers;        // from left to right

  Index add(double w, int r) {
    width.push_back(w);
    rank.push_back(r);
    above.emplace_back();
    below.emplace_back();
    return width.size() - 1;
  }
  void join(Index from, Index to) {
    below[from].push_back(to);
    above[to].push_back(from);
  }
};

// The longest way from a source; a source itself stands right above its first user.
std::vector<int> ranks(Index n, const std::vector<std::pair<int, int>>& edges) {
  std::vector<std::vector<Index>> users(n);
  std::vector<char> source(n, true);
  for (const auto& [from, to] : edges) {
    users[static_cast<Index>(from)].push_back(static_cast<Index>(to));
    source[static_cast<Index>(to)] = false;
  }
  std::vector<int> rank(n, 0);
  for (Index v = 0; v < n; ++v)
    for (const Index u : users[v]) rank[u] = std::max(rank[u], rank[v] + 1);
  for (Index v = 0; v < n; ++v) {
    if (!source[v] || users[v].empty()) continue;
    int first = rank[users[v][0]];
    for (const Index u : users[v]) first = std::min(first, rank[u]);
    rank[v] = first - 1;
  }
  return rank;
}

double mean_of(const std::vector<Index>& of, const std::vector<double>& x, double otherwise) {
  if (of.empty()) return otherwise;
  double sum = 0;
  for (const Index u : of) sum += x[u];
  return sum / static_cast<double>(of.size());
}

// Sorts each layer by the mean place of its neighbours in the layer before (or after), again and again.
void order(Layers& l) {
  std::vector<double> place(l.width.size());
  const auto number = [&](const std::vector<Index>& layer) {
    for (Index i = 0; i < layer.size(); ++i)  // layers of different lengths lie centred above each other
      place[layer[i]] = static_cast<double>(i) - static_cast<double>(layer.size()) / 2;
  };
  for (const auto& layer : l.layers) number(layer);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const bool down = sweep % 2 == 0;
    for (Index step = 1; step < l.layers.size(); ++step) {
      auto& layer = l.layers[down ? step : l.layers.size() - 1 - step];
      std::vector<std::pair<double, Index>> by;
      for (const Index v : layer) by.emplace_back(mean_of(down ? l.above[v] : l.below[v], place, place[v]), v);
      std::stable_sort(by.begin(), by.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (Index i = 0; i < layer.size(); ++i) layer[i] = by[i].second;
      number(layer);
    }
  }
}

// The places of a layer nearest to `wanted` (least squares) that keep their distances: isotonic regression, neighbours that
// would collide are pooled.
void settle(const std::vector<Index>& layer, const std::vector<double>& wanted, const Layers& l, double gap,
            std::vector<double>& x) {
  struct Pool {
    double sum, weight;
    Index count;
  };
  std::vector<double> offset(layer.size(), 0);
  std::vector<Pool> pools;
  for (Index i = 0; i < layer.size(); ++i) {
    if (i > 0) offset[i] = offset[i - 1] + (l.width[layer[i - 1]] + l.width[layer[i]]) / 2 + gap;
    const double weight = l.width[layer[i]] == kBendWidth ? 4 : 1;  // straight edges are quiet
    pools.push_back({weight * (wanted[i] - offset[i]), weight, 1});
    while (pools.size() > 1) {
      const Pool last = pools.back();
      Pool& before = pools[pools.size() - 2];
      if (before.sum / before.weight <= last.sum / last.weight) break;
      before = {before.sum + last.sum, before.weight + last.weight, before.count + last.count};
      pools.pop_back();
    }
  }
  Index i = 0;
  for (const auto& p : pools)
    for (Index k = 0; k < p.count; ++k, ++i) x[layer[i]] = p.sum / p.weight + offset[i];
}

void place(Layers& l, double gap) {
  l.x.assign(l.width.size(), 0);
  std::vector<double> wanted;
  for (int sweep = 0; sweep <= kSweeps; ++sweep) {
    const bool down = sweep % 2 == 0;
    for (Index step = 0; step < l.layers.size(); ++step) {
      const auto& layer = l.layers[down ? step : l.layers.size() - 1 - step];
      wanted.clear();
      for (const Index v : layer) {
        const double up = mean_of(l.above[v], l.x, l.x[v]), under = mean_of(l.below[v], l.x, up);
        wanted.push_back(sweep < 2 ? (down ? up : under) : (l.above[v].empty() ? under : (up + under) / 2));
      }
      settle(layer, wanted, l, gap, l.x);
    }
  }
}

}  // namespace

Layout layered(const std::vector<double>& widths, const std::vector<std::pair<int, int>>& edges, double row,
               double gap) {
  const Index n = widths.size();
  Layout r;
  r.bends.resize(edges.size());
  if (n == 0) return r;
  Layers l;
  const auto rank = ranks(n, edges);
  for (Index v = 0; v < n; ++v) l.add(widths[v], rank[v]);
  // Bends may be as many as four for each node; the longest edges do without.
  std::vector<Index> by_length(edges.size());
  std::iota(by_length.begin(), by_length.end(), Index{0});
  const auto length = [&](Index e) {
    return rank[static_cast<Index>(edges[e].second)] - rank[static_cast<Index>(edges[e].first)];
  };
  std::stable_sort(by_length.begin(), by_length.end(), [&](Index a, Index b) { return length(a) < length(b); });
  std::vector<std::vector<Index>> bends(edges.size());
  auto left = static_cast<std::ptrdiff_t>(4 * n + 100);
  for (const Index e : by_length) {
    left -= length(e) - 1;
    if (left < 0) break;
    auto at = static_cast<Index>(edges[e].first);
    for (int k = 1; k < length(e); ++k) {
      const Index bend = l.add(kBendWidth, rank[static_cast<Index>(edges[e].first)] + k);
      bends[e].push_back(bend);
      l.join(at, bend);
      at = bend;
    }
    l.join(at, static_cast<Index>(edges[e].second));
  }
  const int top = *std::min_element(l.rank.begin(), l.rank.end());
  l.layers.resize(static_cast<Index>(*std::max_element(l.rank.begin(), l.rank.end()) - top + 1));
  for (Index v = 0; v < l.rank.size(); ++v) l.layers[static_cast<Index>(l.rank[v] - top)].push_back(v);
  order(l);
  place(l, gap);

  double first = l.x[0], last = l.x[0];
  for (Index v = 0; v < l.x.size(); ++v) {
    first = std::min(first, l.x[v] - l.width[v] / 2);
    last = std::max(last, l.x[v] + l.width[v] / 2);
  }
  const auto y = [&](Index v) { return (l.rank[v] - top + 0.5) * row; };
  for (Index v = 0; v < n; ++v) r.x.push_back(l.x[v] - first), r.y.push_back(y(v));
  for (Index e = 0; e < edges.size(); ++e)
    for (const Index v : bends[e]) r.bends[e].emplace_back(l.x[v] - first, y(v));
  r.width = last - first;
  r.height = row * static_cast<double>(l.layers.size());
  return r;
}

}  // namespace stein::detail
