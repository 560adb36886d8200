// SPDX-License-Identifier: MIT
// `stein graph` through the program. Its page is tested in a browser: graph_page.py.
#include <nlohmann/json.hpp>

#include "ops/ops.h"
#include "tensor/npy.h"
#include "tensor/random.h"
#include "tests/support/xml.h"
#include "tests/tools/program.h"

using namespace stein::test;
using Json = nlohmann::json;

namespace {

struct Graph {
  TempDir dir;
  Finished graph(std::vector<std::string> args) const {
    args.insert(args.begin(), "graph");
    return run(dir, args);
  }
  Json json(std::vector<std::string> args) const {
    args.insert(args.end(), {"--out", dir / "g.json"});
    const auto r = graph(args);
    INFO(r.err);
    REQUIRE(r.code == 0);
    return Json::parse(read_file(dir / "g.json"));
  }
  // The value of the last result, by its name.
  std::vector<double> value(const std::vector<std::string>& args, const std::string& name) const {
    const Json j = json(args);
    for (const auto& n : j["nodes"])
      if (n["name"] == name) return n["outputs"][0]["elements"];
    FAIL("no " << name);
    return {};
  }
};

std::vector<double> all(std::size_t n, double v) { return std::vector<double>(n, v); }

}  // namespace

TEST_CASE("stein graph: expressions mean what they mean in mathematics") {
  const Graph g;
  // f = x^0 * (...) keeps a variable in and its value out.
  const auto value = [&](const std::string& text) { return g.value({"x*0 + " + text, "--order", "0"}, "f")[0]; };
  CHECK(value("1 + 2 * 3") == 7);
  CHECK(value("(1 + 2) * 3 - 4 / 8") == 8.5);
  CHECK(value("-2^2") == -4);
  CHECK(value("2^3^2") == 512);
  CHECK(value("2^-1") == 0.5);
  CHECK(value("7 - 3 - 2") == 2);
  CHECK(value("--1.5e1") == 15);
  CHECK(value("maximum(2, 3) + sin(pi) * 0 + square(2)") == 7);
  CHECK(value("sum(exp(x*0)) ") == 2);  // two elements
}

TEST_CASE("stein graph: derivatives of every order, shapes, names") {
  const Graph g;
  const Json j = g.json({"x^3*y", "--order", "2", "--shape", "x=3,2", "--shape", "y=2"});
  CHECK(j["outputs"].size() == 5);
  CHECK(j["walks"].size() == 2);
  std::map<std::string, Json> named;
  for (const auto& n : j["nodes"])
    if (n["name"] != "") named[n["name"]] = n["outputs"][0];
  REQUIRE(named.size() == 7);
  CHECK(named["x"]["shape"] == std::vector<int>{3, 2});
  CHECK(named["df/dy"]["shape"] == std::vector<int>{2});
  for (std::size_t i = 0; i < 6; ++i) {
    const double x = named["x"]["elements"][i], y = named["y"]["elements"][i % 2];
    CHECK(named["f"]["elements"][i].get<double>() == Approx(x * x * x * y));
    CHECK(named["df/dx"]["elements"][i].get<double>() == Approx(3 * x * x * y));
    CHECK(named["d2f/dx"]["elements"][i].get<double>() == Approx(6 * x * y + 3 * x * x));  // of the sum of both
  }
  CHECK(g.value({"x^4/24", "--order", "4"}, "f''''") == all(2, 1));
}

TEST_CASE("stein graph: networks and losses, every form") {
  const Graph g;
  const Json mlp = g.json({"mlp", "--order", "2", "--sizes", "2,5,2"});
  int weights = 0, twins = 0;
  for (const auto& n : mlp["nodes"]) {
    weights += n["name"] == "0.weight" && n["module"] == "0";
    twins += n["twin"] >= 0;
  }
  CHECK(weights == 1);
  CHECK(twins > 10);
  for (const std::string loss :
       {"dsm", "implicit", "ssm", "ssm-vr", "fd-ssm", "hutchinson", "penalty", "antithetic-dsm"})
    CHECK(g.json({"loss:" + loss, "--sizes", "2,4,2"})["walks"].size() >= 1);
  CHECK(g.json({"loss:dsm", "--model", "energy"})["levels"].size() == 3);
  CHECK(g.json({"unet", "--order", "0"})["nodes"].size() > 100);

  const Json folded = g.json({"ncsn", "--fold"});
  CHECK(folded["nodes"].size() < 40);  // a box for each visit to one of eleven modules
  CHECK(folded["nodes"].size() > 20);
  CHECK(folded["levels"][0]["nodes"] > 300);

  const std::string svg = g.dir / "g.svg", dot = g.dir / "g.dot", page = g.dir / "g.html";
  CHECK(g.graph({"mlp", "--out", svg}).out.find("nodes: ") != std::string::npos);
  CHECK(xml_fault(read_file(svg)) == "");
  REQUIRE(g.graph({"mlp", "--out", dot}).code == 0);
  CHECK(read_file(dot).starts_with("digraph"));
  REQUIRE(g.graph({"mlp", "--out", page}).code == 0);
  CHECK(read_file(page).ends_with("</html>\n"));
  CHECK(g.graph({"tanh(x)"}).out.find("tanh_backward") != std::string::npos);

  // The same command gives the same bytes; measured times are asked for.
  const std::string first = read_file(svg);
  REQUIRE(g.graph({"mlp", "--out", svg}).code == 0);
  CHECK(read_file(svg) == first);
  double seconds = 0;
  const Json measured = g.json({"mlp", "--measure"});
  for (const auto& n : measured["nodes"]) seconds += n["seconds"].get<double>();
  CHECK(seconds > 0);
}

TEST_CASE("stein graph: the plan of an exact trace as a picture") {
  const Graph g;
  const std::string svg = g.dir / "t.svg", text = g.dir / "t.txt";
  REQUIRE(g.graph({"trace:mlp", "--sizes", "6,32,32,6", "--shape", "x=64,6", "--out", svg}).code == 0);
  const std::string s = read_file(svg);
  CHECK(count(s, "class=\"node\"") == 2);
  CHECK(count(s, "class=\"gone\"") == 1);  // the data's own node, across which the shared product goes
  CHECK(s.find("1. W1 W3: one 32 x 32 matrix for the whole batch") != std::string::npos);
  CHECK(xml_fault(s) == "");
  CHECK(count(s, "class=\"best\"") == 1);
  CHECK(s.find("the loop of 6 products") != std::string::npos);
  REQUIRE(g.graph({"trace:mlp", "--sizes", "6,32,32,6", "--shape", "x=64,6", "--out", text}).code == 0);
  CHECK(read_file(text).find("quadratic form after 1 shared product") != std::string::npos);
  REQUIRE(g.graph({"trace:unet", "--out", svg}).code == 0);
  CHECK(read_file(svg).find("No sum of chains: ") != std::string::npos);
  CHECK(g.graph({"trace:mlp", "--sizes", "6,32,32,6", "--shape", "x=64,6"}).out == read_file(text));
  CHECK(g.graph({"trace:mlp", "--out", g.dir / "t.dot"}).code == 1);
}

TEST_CASE("stein graph: the network of a run of colour images") {
  const Graph g;
  stein::Generator generator(1);
  stein::save_npy(g.dir / "images.npy", stein::uniform({20, 3, 8, 8}, generator));
  const auto trained = run(g.dir, {"train", "--preset", "tiny", "--data", g.dir / "images.npy", "--steps", "1", "--out",
                                   g.dir / "run", "--quiet"});
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  const Json j = g.json({"ncsn", "--run", g.dir / "run", "--order", "0"});
  for (const auto& n : j["nodes"])
    if (n["name"] == "x") CHECK(n["outputs"][0]["shape"] == std::vector<int>{2, 3, 8, 8});
  CHECK(j["nodes"].size() > 100);
}

TEST_CASE("stein graph: says what is wrong") {
  const Graph g;
  const auto error = [&](const std::vector<std::string>& args) {
    const auto r = g.graph(args);
    CHECK(r.code == 1);
    CHECK(r.err.find("[graph] expected ") != std::string::npos);
    return r.err;
  };
  CHECK(error({"tanh(x"}).find("expected a ); got the end in \"tanh(x\"") != std::string::npos);
  CHECK(error({"x +"}).find("a number, a variable, a function") != std::string::npos);
  CHECK(error({"x y"}).find("an operator or the end; got \"y\"") != std::string::npos);
  CHECK(error({"mish(x)"}).find("softplus") != std::string::npos);
  CHECK(error({"add(x)"}).find("add with 2 arguments") != std::string::npos);
  CHECK(error({"1 + 2"}).find("at least one variable") != std::string::npos);
  CHECK(error({"x", "--shape", "y=2"}).find("got y") != std::string::npos);
  CHECK(error({"x", "--shape", "x=0"}).find("NAME=SIZES") != std::string::npos);
  CHECK(error({"x + y", "--order", "2"}).find("--order 1") != std::string::npos);
  CHECK(error({"tanh(x)", "--out", g.dir / "g.png"}).find(".svg") != std::string::npos);
  CHECK(error({"tanh(x)", "--out", "no/such/folder/g.svg"}).find("can be written") != std::string::npos);
  CHECK(error({"loss:foo"}).find("ssm-vr") != std::string::npos);
  CHECK(error({"lss:dsm"}).find("loss:NAME") != std::string::npos);
  CHECK(error({std::string(3000, '(') + "x"}).find("inside each other") != std::string::npos);
  CHECK(error({"nscn"}).find("got nscn; did you mean ncsn?") != std::string::npos);
  CHECK(error({"x"}).find("an expression that computes something") != std::string::npos);
  CHECK(error({"loss:sm-vr"}).find("did you mean ssm-vr?") != std::string::npos);
  CHECK(g.graph({"tanh(x)", "--order", "-1"}).code == 2);
  const auto nested = [](std::size_t n) { return std::string(n, '(') + "2*x" + std::string(n, ')'); };
  CHECK(g.graph({nested(200)}).code == 0);
  CHECK(error({nested(201)}).find("at most 200 parentheses") != std::string::npos);
}
