// SPDX-License-Identifier: MIT
// Networks and losses as subjects of `stein graph`.
#include "tools/graph_subject.h"

#include "nn/module.h"
#include "ops/ops.h"
#include "smld/objectives.h"
#include "tensor/detail/names.h"
#include "tools/model.h"

namespace stein::tools {
namespace {

const std::map<std::string, smld::Objective>& losses() {
  namespace o = smld::objective;
  static const std::map<std::string, smld::Objective> all{
      {"dsm", o::dsm()},           {"antithetic-dsm", o::antithetic_dsm(0.1)},
      {"implicit", o::implicit()}, {"hutchinson", o::hutchinson()},
      {"ssm", o::ssm()},           {"ssm-vr", o::ssm_vr()},
      {"fd-ssm", o::fd_ssm()},     {"penalty", o::gradient_penalty()}};
  return all;
}

}  // namespace

Network network(ModelArgs args, const Shapes& shapes, Generator& generator) {
  const bool images = args.model == "ncsn" || args.model == "unet" || !args.run.empty();
  if (!images && args.sizes.empty()) args.sizes = {2, 8, 8, args.model == "energy" ? 1 : 2};
  const Model m = args.run.empty() && args.weights.empty() ? new_model(args, generator) : load_model(args);
  for (const auto& [name, shape] : shapes)
    if (name != "x") fail("graph", "--shape x=SIZES, the network's input", name);
  const auto given = shapes.find("x");
  const Shape shape = given != shapes.end() ? given->second
                      : images              ? Shape{2, args.channels, 8, 8}
                                            : Shape{4, args.sizes.front()};
  Network n{m.module, {}, uniform(shape, generator, 0, 1, m.dtype, m.device).requires_grad_()};
  Tensor level;
  if (args.model == "ncsn") level = integers(0, args.levels, {shape[0]}, generator).to(m.device);
  if (args.model == "unet") level = uniform({shape[0]}, generator, 0, 1, m.dtype, m.device);
  n.s = [score = m.score, level](const Tensor& x) { return score(x, level); };
  return n;
}

Subject network_subject(const Network& n) {
  return {[n] { return n.s(n.x); }, {{"x", n.x}}, n.module->named_parameters()};
}

Subject loss_subject(const std::string& name, const Network& n, Generator& generator) {
  const auto at = losses().find(name);
  if (at == losses().end()) {
    std::vector<std::string> names;
    for (const auto& [known, any] : losses()) names.push_back(known);
    stein::detail::fail_name("graph", name, names);
  }
  const auto model = smld::unconditional(n.s);
  return {[=, loss = at->second, &generator] { return loss(model, n.x.detach(), generator).value; },
          n.module->named_parameters(),
          {}};
}

}  // namespace stein::tools
