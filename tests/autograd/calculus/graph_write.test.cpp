// SPDX-License-Identifier: MIT
// The written forms of a graph. The page is tested in a browser: tests/tools/graph_page.py.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "autograd/calculus/detail/graph_layout.h"
#include "autograd/calculus/graph_recording.h"
#include "autograd/grad.h"
#include "autograd/profile.h"
#include "ops/ops.h"
#include "tests/support/xml.h"

using namespace stein;

namespace {

// tanh(x) sin(y), its derivatives, and theirs.
GraphInfo second_order() {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_(), y = tensor({2, 3}, f64).requires_grad_();
  GraphRecording recording;
  Tensors all{tanh(x) * sin(y)};
  const Tensors d = grad(all, {x, y}, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const Tensors dd = grad(d, {x, y}, {.cotangents = {ones({2}, f64), ones({2}, f64)}, .create_graph = true});
  all.insert(all.end(), d.begin(), d.end());
  all.insert(all.end(), dd.begin(), dd.end());
  return recording.graph(all, {{"x", x}, {"<\"y\">\n", y}}, false);
}

// A chain of `length` sines, differentiated twice: more than five nodes for each.
GraphInfo large(int length) {
  Tensor x = ones({2}, f64).requires_grad_();
  GraphRecording recording;
  Tensor y = x;
  for (int i = 0; i < length; ++i) y = sin(y);
  const Tensor d = grad(y, x, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const Tensor dd = grad(d, x, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  return recording.graph({y, d, dd});
}

}  // namespace

TEST_CASE("graph writers: JSON holds the whole description") {
  const GraphInfo g = second_order();
  const auto j = nlohmann::json::parse(to_json(g));
  REQUIRE(j["nodes"].size() == g.nodes.size());
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const auto& n = g.nodes[i];
    const auto& k = j["nodes"][i];
    CHECK(k["op"] == n.op);
    CHECK(k["kind"] == n.kind);
    CHECK(k["order"] == n.order);
    CHECK(k["twin"] == n.twin);
    CHECK(k["name"] == n.name);
    CHECK(k["module"] == n.module);
    CHECK(k["bytes"] == n.bytes);
    CHECK(k["seconds"] == 0);
    CHECK(k["inputs"] == nlohmann::json(n.inputs));
    CHECK(k["outputs"][0]["shape"] == std::vector<int>{2});
    CHECK(k["outputs"][0]["dtype"] == "f64");
    REQUIRE(k["saved"].size() == n.saved.size());
    for (std::size_t s = 0; s < n.saved.size(); ++s) {
      CHECK(k["saved"][s]["from"] == nlohmann::json(n.saved[s].from));
      CHECK(k["saved"][s]["what"] == n.saved[s].what);
      CHECK(k["saved"][s]["bytes"] == n.saved[s].bytes);
    }
  }
  CHECK(j["outputs"].size() == 5);
  CHECK(j["levels"].size() == 3);
  REQUIRE(j["walks"].size() == 2);
  CHECK(j["walks"][0].size() == g.walks[0].size());
  CHECK(j["walks"][0][0]["cotangents"][0]["elements"] == std::vector<double>{1, 1});
  CHECK(j["memory"].size() == g.memory.size());
}

TEST_CASE("graph writers: elements that are not finite are told in JSON by name") {
  const Tensor x = tensor({0.0, 1}, f64).requires_grad_();
  GraphInfo g = graph_info({log(x)});
  for (auto& n : g.nodes)
    if (n.op == "log") n.outputs[0].elements = {-INFINITY, INFINITY, NAN, 0.5};
  const auto j = nlohmann::json::parse(to_json(g));
  for (const auto& n : j["nodes"])
    if (n["op"] == "log") {
      CHECK(n["outputs"][0]["elements"] == nlohmann::json{"-inf", "inf", "nan", 0.5});
      return;
    }
  FAIL("no node of log");
}

TEST_CASE("graph writers: what is kept is an edge from the node that made it") {
  Tensor x = tensor({0.5, 1}, f64).requires_grad_(), y = tensor({2, 3}, f64).requires_grad_();
  const Tensor a = exp(x), b = a * y, c = b + a;
  const GraphInfo g = graph_info({c});
  REQUIRE(g.nodes.size() == 5);
  using Place = std::pair<int, int>;
  const auto& e = g.nodes[2];
  REQUIRE(e.op == "exp");
  REQUIRE(e.saved.size() == 1);
  CHECK(e.saved[0].what == "out 0");
  CHECK(e.saved[0].from == Place(2, 0));
  const auto& m = g.nodes[3];
  REQUIRE(m.saved.size() == 2);
  CHECK(m.saved[0].from == Place(2, 0));
  CHECK(m.saved[0].bytes == 0);  // exp keeps it already
  CHECK(m.saved[1].from == Place(1, 0));
  CHECK(m.saved[1].bytes == 16);
  const std::string dot = to_dot(g);
  CHECK(dot.find("n2 -> n3 [style=dotted];") != std::string::npos);
  CHECK(dot.find("n1 -> n3 [style=dotted];") != std::string::npos);
  CHECK(dot.find("n0 -> n2;") != std::string::npos);               // exp keeps its result, not x
  CHECK(dot.find("n2 -> n4;") != std::string::npos);               // add keeps nothing
  CHECK(test::count(to_svg(g), "class=\"edge saved\"") == 2 + 1);  // and one in the legend
}

TEST_CASE("graph writers: DOT is a digraph of statements whose ends are declared") {
  const GraphInfo g = second_order();
  const std::string dot = to_dot(g);
  CHECK(dot.starts_with("digraph stein {\n"));
  CHECK(dot.ends_with("}\n"));
  const std::string text = R"re("(?:[^"\\]|\\[\s\S])*")re", value = "(?:" + text + R"(|[\w.]+))",
                    list = R"((?: \[\w+=)" + value + R"((?:, \w+=)" + value + R"()*\])?)";
  const std::regex statement(R"(^  (\w+)( -> (\w+))?)" + list + ";\n");
  std::string rest = dot.substr(16, dot.size() - 18);
  std::set<std::string> declared{"node"};
  std::size_t nodes = 0, edges = 0;
  while (!rest.empty()) {
    std::smatch m;
    INFO(rest.substr(0, 200));
    REQUIRE(std::regex_search(rest, m, statement));
    if (m[3].matched) {
      CHECK(declared.count(m[1]) == 1);
      CHECK(declared.count(m[3]) == 1);
      ++edges;
    } else {
      nodes += m[1] != "node";
      declared.insert(m[1]);
    }
    rest = m.suffix();
  }
  CHECK(nodes == g.nodes.size() + g.outputs.size());
  CHECK(edges > g.nodes.size());
}

TEST_CASE("graph writers: SVG and page are well formed whatever the names are") {
  const GraphInfo g = second_order();
  const std::string svg = to_svg(g, "tanh(x) < \"2\" & more");
  CHECK(test::xml_fault(svg) == "");
  CHECK(test::count(svg, "<g><title>") == g.nodes.size());
  CHECK(svg.find("made by the rule of #") != std::string::npos);
  const std::string html = to_html(g, "a </script><b>");
  CHECK(test::count(html, "</script>") == 2);
  CHECK(html.find("http://") == std::string::npos);
  CHECK(html.find("https://") == std::string::npos);
  const auto begin = html.find("id=\"graph\">") + 11;
  CHECK(nlohmann::json::parse(html.substr(begin, html.find("</script>") - begin))["nodes"].size() == g.nodes.size());
  CHECK(test::xml_fault(to_svg(graph_info({ones({2})}))) == "");
  const Tensor x = ones({2}).requires_grad_();
  const std::string hostile = to_html(graph_info({x}, {{"<!--<script></script>", x}}));
  CHECK(test::count(hostile, "<script") == 2);
  CHECK(test::count(hostile, "</script>") == 2);
  CHECK(test::count(hostile, "<!--") == 0);
}

TEST_CASE("graph writers: layers lead down, boxes of a layer keep their distance, edges bend between them") {
  const GraphInfo g = second_order();
  std::vector<std::pair<int, int>> edges;
  for (std::size_t i = 0; i < g.nodes.size(); ++i)
    for (const auto& in : g.nodes[i].inputs)
      if (in.first >= 0) edges.emplace_back(in.first, static_cast<int>(i));
  const std::vector<double> widths(g.nodes.size(), 60);
  const auto l = detail::layered(widths, edges, 50, 10);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const auto from = static_cast<std::size_t>(edges[e].first), to = static_cast<std::size_t>(edges[e].second);
    CHECK(l.y[to] >= l.y[from] + 50);
    CHECK(static_cast<double>(l.bends[e].size()) == Approx((l.y[to] - l.y[from]) / 50 - 1));
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    CHECK(l.x[i] >= 30 - 1e-9);
    CHECK(l.x[i] <= l.width - 30 + 1e-9);
    CHECK(l.y[i] <= l.height - 25 + 1e-9);
    for (std::size_t k = 0; k < i; ++k)
      if (l.y[i] == l.y[k]) CHECK(std::abs(l.x[i] - l.x[k]) >= 70 - 1e-6);
  }
}

TEST_CASE("graph writers: folded, a module is a node for each visit, and every edge leads to a later one") {
  Tensor x = ones({2}, f64).requires_grad_(), w = ones({2}, f64).requires_grad_();
  GraphRecording recording;
  const auto layer = [&](const char* name, const Tensor& t) {
    const ProfileScope scope(name);
    const ProfileScope inner("part");
    return tanh(t * w) + t;
  };
  const Tensor y = layer("a", exp(layer("b", layer("a", x))));
  const Tensor d = grad(y, x, {.cotangents = {ones({2}, f64)}, .create_graph = true});
  const GraphInfo g = recording.graph({y, d}, {{"x", x}, {"a.w", w}}), f = fold_modules(g);
  std::string words;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < f.nodes.size(); ++i) {
    const auto& n = f.nodes[i];
    words += n.op + std::to_string(n.order) + " ";
    bytes += n.bytes;
    CHECK((n.kind == "module") == (n.op == "a" || n.op == "b"));
    for (const auto& in : n.inputs) CHECK(in.first < static_cast<int>(i));
  }
  CHECK(words == "leaf0 a0 b0 exp0 a0 a1 mul1 b1 a1 ");  // mul: the rule of exp; w has gone into the first a
  CHECK(bytes == g.bytes);
  CHECK(f.nodes[1].name.starts_with("4 nodes, "));
  CHECK(f.outputs == std::vector<std::pair<int, int>>{{4, 0}, {8, 0}});
  CHECK(test::xml_fault(to_svg(f)) == "");
  CHECK(nlohmann::json::parse(to_json(f))["nodes"].size() == 9);
}

TEST_CASE("graph writers: thousands of nodes, a chain of twenty thousand") {
  const GraphInfo g = large(600);
  CHECK(g.nodes.size() > 3000);
  CHECK(test::xml_fault(to_svg(g)) == "");
  CHECK(to_html(g).size() < 4'000'000);
  std::vector<std::pair<int, int>> chain;
  for (int i = 1; i < 20000; ++i) chain.emplace_back(i - 1, i), chain.emplace_back(0, i);
  const auto l = detail::layered(std::vector<double>(20000, 40), chain, 50, 10);
  CHECK(l.y.back() - l.y.front() == Approx(50.0 * 19999));
}
