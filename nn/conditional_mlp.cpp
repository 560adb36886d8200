// SPDX-License-Identifier: MIT
#include "nn/conditional_mlp.h"

#include "ops/ops.h"

namespace stein::nn {
namespace {

ConditionalMLPOptions completed(ConditionalMLPOptions o) {
  if (o.outputs == 0) o.outputs = o.dimension;
  if (o.hidden.empty()) fail("conditional_mlp", "at least one hidden layer", "none");
  if (o.dimension < 1 || o.outputs < 1)
    fail("conditional_mlp", "a dimension and outputs of at least 1",
         std::to_string(o.dimension) + ", " + std::to_string(o.outputs));
  for (const auto width : o.hidden)
    if (width < 1) fail("conditional_mlp", "hidden layers of at least 1", std::to_string(width));
  if (o.condition.features == 0) o.condition.features = 64;
  if (o.condition.width == 0) o.condition.width = 128;
  return o;
}

}  // namespace

ConditionalMLP::ConditionalMLP(const ConditionalMLPOptions& options, Generator& generator)
    : options_(completed(options)),
      activation_(options.activation),
      condition_(add("condition", Condition(options_.condition, generator))),
      layers_(add("layers", ModuleList<Linear>())),
      embeddings_(add("embeddings", ModuleList<Linear>())),
      output_(options_.hidden.back(), options_.outputs, true, generator) {
  std::int64_t width = options_.dimension;
  for (const auto next : options_.hidden) {
    layers_.append(Linear(width, next, true, generator));
    if (!condition_.empty()) embeddings_.append(Linear(options_.condition.width, next, false, generator));
    width = next;
  }
  add("output", output_);
}

Tensor ConditionalMLP::operator()(const Tensor& x, const Tensor& t, const Tensor& label) const {
  const DType dtype = output_.weight.dtype();
  if (x.rank() != 2 || x.size(1) != options_.dimension || x.dtype() != dtype)
    fail("conditional_mlp", "x " + std::string(name_of(dtype)) + " (B, " + std::to_string(options_.dimension) + ")",
         describe(x));
  const Tensor e = condition_("conditional_mlp", t, label, x.size(0), dtype);
  Tensor h = x;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Tensor u = layers_[l](h);
    const Tensor next = activation_(e.defined() ? u + embeddings_[l](e) : u);
    h = options_.residual && next.size(1) == h.size(1) ? h + next : next;
  }
  return output_(h);
}

}  // namespace stein::nn
