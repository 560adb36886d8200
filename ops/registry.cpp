// SPDX-License-Identifier: MIT
#include "ops/registry.h"

namespace stein {

void OpRegistry::add_unary(const char* name, std::function<Tensor(const Tensor&)> f, const UnaryInfo& info) {
  OpEntry e;
  e.name = name;
  e.formula = info.formula;
  e.kind = Kind::elementwise;
  e.differentiable = info.differentiable;
  e.ulps = info.ulps;
  const OpCall call = [f](const Tensors& in) { return Tensors{f(in[0])}; };
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{3, 2}, Shape{2, 3, 2, 2}, Shape{0, 3}})
    e.samples.push_back({to_string(shape), {{shape, info.domain.lo, info.domain.hi, info.avoid, info.dtype}}, call});
  if (info.reference) e.scalar_reference = [r = info.reference](std::span<const long double> x) { return r(x[0]); };
  add(std::move(e));
}

void OpRegistry::add_binary(const char* name, std::function<Tensor(const Tensor&, const Tensor&)> f,
                            const BinaryInfo& info) {
  OpEntry e;
  e.name = name;
  e.formula = info.formula;
  e.kind = info.kind;
  e.differentiable = info.differentiable;
  e.ulps = info.ulps;
  const OpCall call = [f](const Tensors& in) { return Tensors{f(in[0], in[1])}; };
  const std::pair<Shape, Shape> shapes[] = {{{}, {}},
                                            {{5}, {5}},
                                            {{3, 2}, {3, 2}},
                                            {{1, 2}, {3, 1}},
                                            {{3, 2}, {}},
                                            {{2}, {4, 3, 2}},
                                            {{2, 3, 2, 2}, {1, 3, 1, 1}},
                                            {{0, 2}, {1, 2}}};
  for (const auto& [a, b] : shapes)
    e.samples.push_back(
        {to_string(a) + " with " + to_string(b),
         {{a, info.a.lo, info.a.hi, info.avoid_a, info.dtype}, {b, info.b.lo, info.b.hi, info.avoid_b, info.dtype}},
         call});
  if (info.reference)
    e.scalar_reference = [r = info.reference](std::span<const long double> x) { return r(x[0], x[1]); };
  add(std::move(e));
}

const OpRegistry& op_registry() {
  static const OpRegistry registry = [] {
    OpRegistry r;
    detail::register_all(r);
    return r;
  }();
  return registry;
}

}  // namespace stein
