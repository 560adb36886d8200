// SPDX-License-Identifier: MIT
// Places for the nodes of a directed graph in layers, after Sugiyama, Tagawa and Toda (1981): every edge leads down, layers are
// ordered by the mean of their neighbours, and places are the nearest to those means that keep their distance.
#pragma once

#include <utility>
#include <vector>

namespace stein::detail {

struct Layout {
  std::vector<double> x, y;                                   ///< centres of the nodes, pixels
  std::vector<std::vector<std::pair<double, double>>> bends;  ///< of each edge, between its ends; from the top
  double width = 0, height = 0;
};

/// `widths` of the nodes, pixels; edges (from, to) with from < to; `row` pixels from layer to layer. Time and memory about linear
/// in nodes and edges: edges that pass more layers than fit go straight.
Layout layered(const std::vector<double>& widths, const std::vector<std::pair<int, int>>& edges, double row,
               double gap);

}  // namespace stein::detail
