// SPDX-License-Identifier: MIT
// A described graph as DOT and as JSON.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "autograd/calculus/detail/graph_style.h"
#include "autograd/calculus/graph.h"

namespace stein {
namespace {

using Json = nlohmann::ordered_json;

Json json(const GraphInfo::Value& v) {
  Json j{{"shape", std::vector<std::int64_t>(v.shape.begin(), v.shape.end())}, {"dtype", name_of(v.dtype)}};
  if (v.elements.empty()) return j;
  Json& elements = j["elements"] = Json::array();
  for (const double e : v.elements) {  // JSON has no numbers for the others
    if (std::isfinite(e))
      elements.push_back(e);
    else
      elements.push_back(std::isnan(e) ? "nan" : e > 0 ? "inf" : "-inf");
  }
  return j;
}

Json json(const GraphInfo::Node& n) {
  Json j{{"op", n.op}, {"kind", n.kind}, {"order", n.order}, {"module", n.module}, {"name", n.name}};
  j["inputs"] = n.inputs;
  j["outputs"] = Json::array();
  for (const auto& v : n.outputs) j["outputs"].push_back(json(v));
  j["saved"] = Json::array();
  for (const auto& s : n.saved) {
    Json v = json(s.value);
    v["what"] = s.what;
    v["from"] = s.from;
    v["bytes"] = s.bytes;
    j["saved"].push_back(std::move(v));
  }
  j["bytes"] = n.bytes;
  j["twin"] = n.twin;
  j["seconds"] = n.seconds;
  return j;
}

Json json(const GraphInfo::Step& s) {
  Json cotangents = Json::array();
  for (const auto& c : s.cotangents) cotangents.push_back(c ? json(*c) : Json());
  return {{"node", s.node}, {"cotangents", std::move(cotangents)}, {"made", s.made}, {"moment", s.moment}};
}

std::string quoted(const std::string& text) {
  std::string r = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') r += '\\';
    r += c;
  }
  return r + '"';
}

}  // namespace

std::string to_json(const GraphInfo& g) {
  Json j{{"nodes", Json::array()}, {"outputs", g.outputs}, {"bytes", g.bytes}, {"levels", Json::array()}};
  for (const auto& n : g.nodes) j["nodes"].push_back(json(n));
  for (const auto& l : g.levels)
    j["levels"].push_back(Json{{"order", l.order}, {"nodes", l.nodes}, {"bytes", l.bytes}});
  j["walks"] = Json::array();
  for (const auto& walk : g.walks) {
    Json steps = Json::array();
    for (const auto& s : walk) steps.push_back(json(s));
    j["walks"].push_back(std::move(steps));
  }
  j["memory"] = Json::array();
  for (const auto& m : g.memory) j["memory"].push_back({m.order, m.bytes});
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_dot(const GraphInfo& g) {
  std::string s =
      "digraph stein {\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=11];\n";
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const auto& n = g.nodes[i];
    const auto words = detail::words_of(g, static_cast<int>(i));
    s += fmt::format("  n{} [label={}, fillcolor=\"{}\", color=\"{}\", tooltip={}];\n", i,
                     quoted(words.title + "\n" + words.shapes), detail::order_fill(n.order),
                     detail::order_color(n.order), quoted(words.details));
  }
  for (const auto& e : detail::edges_of(g))
    s += fmt::format("  n{} -> n{}{};\n", e.from, e.to, e.saved ? " [style=dotted]" : "");
  for (std::size_t i = 0; i < g.nodes.size(); ++i)
    if (g.nodes[i].twin >= 0)
      s += fmt::format("  n{} -> n{} [style=dashed, color=gray60, arrowhead=none, constraint=false];\n",
                       g.nodes[i].twin, i);
  for (std::size_t i = 0; i < g.outputs.size(); ++i)
    if (g.outputs[i].first >= 0)
      s += fmt::format("  r{0} [label=\"result {0}\", shape=plaintext];\n  n{1} -> r{0};\n", i, g.outputs[i].first);
  return s + "}\n";
}

}  // namespace stein
