// SPDX-License-Identifier: MIT
#include "autograd/calculus/detail/graph_style.h"

#include <fmt/format.h>

#include <algorithm>

namespace stein::detail {

const char* order_color(int order) {
  constexpr const char* colors[kOrderColors] = {"#5c6670", "#0072b2", "#d55e00", "#009e73", "#a6528a"};
  return colors[std::max(order, 0) % kOrderColors];
}

const char* order_fill(int order) {
  constexpr const char* colors[kOrderColors] = {"#eef0f2", "#dcedf8", "#fbe5d6", "#d8f1e8", "#f5e3ef"};
  return colors[std::max(order, 0) % kOrderColors];
}

std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  const auto b = static_cast<double>(bytes);
  if (b < 1e6) return fmt::format("{:.3g} kB", b / 1e3);
  return b < 1e9 ? fmt::format("{:.3g} MB", b / 1e6) : fmt::format("{:.3g} GB", b / 1e9);
}

std::string escaped(const std::string& text) {
  std::string r;
  for (const char c : text) {
    if (c == '<')
      r += "&lt;";
    else if (c == '>')
      r += "&gt;";
    else if (c == '&')
      r += "&amp;";
    else if (c == '"')
      r += "&quot;";
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n')
      r += c;
  }
  return r;
}

GraphWords words_of(const GraphInfo& g, int node) {
  const auto& n = g.nodes[static_cast<std::size_t>(node)];
  GraphWords w;
  w.title = n.name.empty() ? n.op : n.op == "leaf" ? n.name : n.op + " = " + n.name;
  if (n.kind == "module") w.title = n.op, w.shapes = n.name;
  for (const auto& v : n.outputs)
    w.shapes += fmt::format("{}{} {}", w.shapes.empty() ? "" : ", ", name_of(v.dtype), to_string(v.shape));
  w.details = fmt::format("#{} {}, order {}", node, n.op, n.order);
  if (!n.module.empty()) w.details += ", module " + n.module;
  if (n.twin >= 0)
    w.details += fmt::format("\nmade by the rule of #{} {}", n.twin, g.nodes[static_cast<std::size_t>(n.twin)].op);
  for (const auto& s : n.saved)
    w.details += fmt::format("\nkeeps {}, {} {}{}", s.what, name_of(s.value.dtype), to_string(s.value.shape),
                             s.bytes ? ": " + bytes_text(s.bytes) : ", shared");
  if (n.seconds > 0) w.details += fmt::format("\n{:.1f} us", 1e6 * n.seconds);
  return w;
}

std::vector<GraphEdge> edges_of(const GraphInfo& g) {
  std::vector<GraphEdge> edges;
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const auto& n = g.nodes[i];
    const auto first = edges.size();
    for (const auto& in : n.inputs) {
      const auto same = [&](const GraphEdge& e) { return e.from == in.first; };
      if (in.first < 0 || std::any_of(edges.begin() + static_cast<std::ptrdiff_t>(first), edges.end(), same)) continue;
      edges.push_back({in.first, static_cast<int>(i), false});
    }
    for (const auto& s : n.saved)
      for (auto e = first; e < edges.size(); ++e)
        if (edges[e].from == s.from.first) edges[e].saved = true;
  }
  return edges;
}

}  // namespace stein::detail
