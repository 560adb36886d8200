// SPDX-License-Identifier: MIT
#include "autograd/calculus/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "autograd/calculus/detail/graph_value.h"
#include "autograd/node.h"
#include "autograd/profile.h"
#include "autograd/walk.h"

namespace stein {
namespace {

std::string text(const GraphInfo::Value& v) { return fmt::format("{} {}", name_of(v.dtype), to_string(v.shape)); }

std::string text(const std::pair<int, int>& input, const GraphInfo& g) {
  if (input.first < 0) return "const";
  const bool only = g.nodes[static_cast<std::size_t>(input.first)].outputs.size() == 1;
  return only ? fmt::format("#{}", input.first) : fmt::format("#{}.{}", input.first, input.second);
}

template <class List, class Piece>
std::string list(const List& items, const char* none, Piece piece) {
  std::string s;
  for (const auto& item : items) s += (s.empty() ? "" : ", ") + piece(item);
  return s.empty() ? none : s;
}

// Columns as wide as their widest cell; the last one is free.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  std::string s;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) s += fmt::format("{:<{}}  ", row[i], width[i]);
    s += row.back() + "\n";
  }
  return s;
}

}  // namespace

GraphInfo::Value detail::graph_value(const Tensor& t) {
  GraphInfo::Value v{t.shape(), t.dtype()};
  if (t.numel() > GraphInfo::kShown) return v;
  if (t.dtype() == f64) v.elements = t.to_vector<double>();
  if (t.dtype() == f32)
    for (const float e : t.to_vector<float>()) v.elements.push_back(e);
  return v;
}

GraphInfo graph_info(const Tensors& outputs, const TensorNames& names) {
  GraphInfo g;
  std::vector<Edge> from;
  for (const auto& t : outputs) from.push_back(edge_of(t));
  const Walk walk = Walk::whole(from);
  std::unordered_map<const Node*, int> number;
  std::unordered_set<const Storage*> seen;
  std::map<int, GraphInfo::Level> levels;
  const auto place = [&](const Edge& e) {
    return e.node ? std::pair(number.at(e.node.get()), e.output) : std::pair(-1, 0);
  };
  for (int i = 0; i < walk.size(); ++i) {
    const Node& node = walk.node(i);
    number[&node] = i;
    GraphInfo::Node n{node.name(), node.is_leaf() ? "" : name_of(node.op->kind()), node.order, {}, {}, {}, 0};
    n.module = Profile::module_name(node.module);
    n.number = node.id;
    const auto save = [&](const char* what, int k, std::pair<int, int> made_by, const Tensor& t) {
      if (!t.defined()) return;
      const Storage* storage = t.impl().storage.get();
      const auto bytes = seen.insert(storage).second ? storage->bytes() : 0;
      n.saved.push_back({fmt::format("{} {}", what, k), made_by,
                         made_by.first < 0 ? detail::graph_value(t) : GraphInfo::Value{t.shape(), t.dtype()}, bytes});
      n.bytes += bytes;
    };
    for (int k = 0; k < node.inputs.size(); ++k) {
      n.inputs.push_back(place(node.inputs[k].edge));
      save("in", k, n.inputs.back(), node.inputs[k].kept);
    }
    for (int k = 0; k < node.outputs.size(); ++k) {
      const auto& o = node.outputs[k];
      n.outputs.push_back(o.kept.defined() ? detail::graph_value(o.kept) : GraphInfo::Value{o.shape, o.dtype});
      save("out", k, {i, k}, o.kept);
    }
    auto& level = levels.try_emplace(n.order, GraphInfo::Level{n.order, 0, 0}).first->second;
    ++level.nodes;
    level.bytes += n.bytes;
    g.bytes += n.bytes;
    g.nodes.push_back(std::move(n));
  }
  for (const auto& e : from) g.outputs.push_back(place(e));
  for (const auto& [order, level] : levels) g.levels.push_back(level);
  for (const auto& [name, t] : names) {
    const auto at = number.find(edge_of(t).node.get());
    if (at == number.end()) continue;
    auto& n = g.nodes[static_cast<std::size_t>(at->second)];
    n.name = name;
    n.outputs[static_cast<std::size_t>(edge_of(t).output)] = detail::graph_value(t);
    if (const auto dot = name.rfind('.'); n.op == "leaf" && dot != std::string::npos) n.module = name.substr(0, dot);
  }
  return g;
}

std::string to_text(const GraphInfo& g) {
  std::vector<std::vector<std::string>> rows{{"node", "op", "kind", "order", "result", "inputs", "bytes", "saved"}};
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const auto& n = g.nodes[i];
    rows.push_back({fmt::format("#{}", i), n.op, n.kind.empty() ? "-" : n.kind, fmt::format("{}", n.order),
                    list(n.outputs, "-", [](const auto& v) { return text(v); }),
                    list(n.inputs, "-", [&](const auto& in) { return text(in, g); }), fmt::format("{}", n.bytes),
                    list(n.saved, "-", [](const auto& s) {
                      return fmt::format("{} {}{}", s.what, text(s.value), s.bytes ? "" : " (shared)");
                    })});
  }
  std::string s = table(rows) + "results: " + list(g.outputs, "none", [&](const auto& o) { return text(o, g); }) + "\n";
  std::size_t nodes = 0;
  for (const auto& l : g.levels) {
    nodes += static_cast<std::size_t>(l.nodes);
    s += fmt::format("order {}: {} node{}, {} bytes saved\n", l.order, l.nodes, l.nodes == 1 ? "" : "s", l.bytes);
  }
  const std::string folded = nodes == g.nodes.size() ? "" : fmt::format(", folded to {}", g.nodes.size());
  return s + fmt::format("in all {} nodes{}, {} bytes saved\n", nodes, folded, g.bytes);
}

}  // namespace stein
