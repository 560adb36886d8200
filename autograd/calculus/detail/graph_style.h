// SPDX-License-Identifier: MIT
// What the drawn forms of a graph have in common: colours, the words on a node, which edges there are.
#pragma once

#include <string>
#include <vector>

#include "autograd/calculus/graph.h"

namespace stein::detail {

/// Colours by derivative order that colour-blind readers tell apart (Okabe and Ito 2008); from the fifth order on they repeat.
constexpr int kOrderColors = 5;
const char* order_color(int order);  ///< of lines
const char* order_fill(int order);   ///< the same, pale

struct GraphWords {
  std::string title;    ///< "x", "tanh", "W 0.weight"
  std::string shapes;   ///< of the results
  std::string details;  ///< a few lines with the rest
};
GraphWords words_of(const GraphInfo& graph, int node);

struct GraphEdge {
  int from, to;
  bool saved;  ///< the tensor is kept for a backward pass by `to`
};
/// Each pair of nodes once.
std::vector<GraphEdge> edges_of(const GraphInfo& graph);

/// "12 B", "3.4 kB"
std::string bytes_text(std::int64_t bytes);
/// Text for XML and HTML.
std::string escaped(const std::string& text);

}  // namespace stein::detail
