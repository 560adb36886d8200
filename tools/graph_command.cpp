// SPDX-License-Identifier: MIT
// `stein graph`: what is recorded when something is computed and differentiated, as text, DOT, JSON, a drawing or a page.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "autograd/calculus/graph_recording.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/trace_picture.h"
#include "tensor/detail/names.h"
#include "tools/graph_subject.h"

namespace stein::tools {
namespace {

struct Recorded {
  Tensors results;
  TensorNames names;
};

// "f'", "f''" for one variable; "df/dx", "d2f/dx" for several.
std::string derivative(int order, const std::string& variable, bool only) {
  if (only) return "f" + std::string(static_cast<std::size_t>(order), '\'');
  return fmt::format("d{}f/d{}", order > 1 ? std::to_string(order) : "", variable);
}

// The value and its derivatives. The cotangent of everything is one everywhere: each derivative is that of the sum of all elements.
Recorded record(const Subject& subject, int order) {
  const NoGrad on(false);
  Recorded r{{subject.run()}, {}};
  r.names.emplace_back("f", r.results[0]);
  Tensors now = r.results;
  for (int k = 1; k <= order; ++k) {
    std::erase_if(now, [](const Tensor& t) { return !t.requires_grad(); });
    if (now.empty())
      fail("graph", fmt::format("a derivative of order {} that depends on something", k - 1),
           k == 1 ? "a value without derivative" : "a constant", fmt::format("--order {}", k - 1));
    const bool change = k > 1 && k == order && !subject.last.empty();
    const TensorNames& by = change ? subject.last : subject.variables;
    Tensors variables, ones;
    for (const auto& [name, t] : by) variables.push_back(t);
    for (const auto& t : now) ones.push_back(ones_like(t));
    now = grad(now, variables, {.cotangents = ones, .create_graph = true});
    for (std::size_t i = 0; i < now.size(); ++i)
      if (now[i].requires_grad()) r.names.emplace_back(derivative(k, by[i].first, by.size() == 1 && !change), now[i]);
    r.results.insert(r.results.end(), now.begin(), now.end());
  }
  // After the results: one that is a variable itself keeps the variable's name.
  for (const auto* by : {&subject.variables, &subject.last}) r.names.insert(r.names.end(), by->begin(), by->end());
  return r;
}

std::string ending(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos || path.find('/', dot) != std::string::npos ? "" : path.substr(dot + 1);
}

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << text).flush()) fail("graph", "a file that can be written", path);
}

std::string title(const GraphArgs& a) {
  const std::string what = a.what.starts_with("loss:") ? fmt::format("{} of {}", a.what, a.model.model) : a.what;
  const char* times[] = {"", ", differentiated", ", differentiated twice"};
  return what + (a.order <= 2 ? times[a.order] : fmt::format(", differentiated {} times", a.order));
}

int trace_plan(GraphArgs& args, const std::string& form, const Shapes& shapes, Generator& generator) {
  if (form != "svg" && form != "txt") fail("graph", "--out FILE.svg or .txt for a plan", args.out);
  const Network n = network(args.model, shapes, generator);
  const std::string plan =
      form == "svg" ? smld::trace_picture(n.s, n.x.detach()) : smld::explain_trace(n.s, n.x.detach());
  if (args.out.empty()) {
    std::fputs(plan.c_str(), stdout);
    return 0;
  }
  write(args.out, plan);
  fmt::print("{}: how the trace of {}'s Jacobian is contracted\n", args.out, args.model.model);
  return 0;
}

}  // namespace

int graph(GraphArgs args) {
  const std::string form = args.out.empty() ? "txt" : ending(args.out);
  std::string (*const plain)(const GraphInfo&) = form == "dot" ? to_dot : form == "json" ? to_json : to_text;
  std::string (*const titled)(const GraphInfo&, const std::string&) = form == "svg" ? to_svg : to_html;
  if (form != "html" && form != "svg" && plain == to_text && form != "txt")
    fail("graph", "--out with .html, .svg, .dot, .json or .txt", args.out);
  const Shapes shapes = read_shapes(args.shapes);
  Generator generator(args.seed);
  const std::vector<std::string> networks{"mlp", "energy", "ncsn", "unet"};
  const auto is_network = [&](const std::string& name) {
    return std::find(networks.begin(), networks.end(), name) != networks.end();
  };
  const auto colon = args.what.find(':');
  const std::string before = args.what.substr(0, colon),
                    after = colon == std::string::npos ? "" : args.what.substr(colon + 1);

  Subject subject;
  if (before == "trace" && is_network(after)) {
    args.model.model = after;
    return trace_plan(args, form, shapes, generator);
  }
  if (before == "loss" && colon != std::string::npos) {
    subject = loss_subject(after, network(args.model, shapes, generator), generator);
  } else if (colon != std::string::npos) {
    fail("graph", "an expression, a network, loss:NAME or trace:NETWORK", args.what,
         "networks are mlp, energy, ncsn and unet");
  } else if (is_network(args.what)) {
    args.model.model = args.what;
    subject = network_subject(network(args.model, shapes, generator));
  } else {
    if (args.model.device != "cpu") fail("graph", "--device with a network or a loss", "an expression");
    subject = expression(args.what, shapes, generator);
    if (!subject.variables.empty() && subject.variables[0].first == args.what)  // a variable by itself has no graph
      fail("graph", "an expression that computes something, or one of the networks mlp, energy, ncsn, unet", args.what,
           stein::detail::did_you_mean(args.what, networks));
  }
  if (args.measure) record(subject, args.order);  // caches filled, threads started
  const GraphRecording recording;
  const Recorded r = record(subject, args.order);
  const GraphInfo whole = recording.graph(r.results, r.names, args.measure);
  const GraphInfo g =
      args.fold && form != "html" ? fold_modules(whole) : whole;  // the page folds and unfolds by itself
  const std::string text = form == "html" || form == "svg" ? titled(g, title(args)) : plain(g);
  if (args.out.empty()) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  write(args.out, text);
  fmt::print("{}: {} nodes", args.out, whole.nodes.size());
  for (const auto& l : g.levels)
    fmt::print("{} {} of order {}", l.order == g.levels[0].order ? ":" : ",", l.nodes, l.order);
  fmt::print("; {} bytes kept\n", g.bytes);
  return 0;
}

}  // namespace stein::tools
