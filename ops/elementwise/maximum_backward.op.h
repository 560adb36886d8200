// SPDX-License-Identifier: MIT
// a's share of the cotangent of maximum(a, b); b's is maximum_backward(g, b, a), and minimum exchanges the two. Ties go
// half and half; where an operand is NaN both get all of it, as in PyTorch.
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct MaximumBackward : Ternary {
  static constexpr const char* name = "maximum_backward";
  template <class T>
  constexpr T operator()(T g, T a, T b) const {
    return math::select(a < b, T(0), math::select(a == b, g * math::constant<T>(0.5), g));
  }
  STEIN_RULES(
      Tensor vjp0(G c, In<1> a, In<2> b) const { return maximum_backward(c, a, b); } Tensor vjp1(G)
          const { return {}; } Tensor vjp2(G) const { return {}; })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(maximum_backward, MaximumBackward)
#if defined(STEIN_HOST)
namespace stein {
Tensor maximum_backward(const Tensor& g, const Tensor& a, const Tensor& b) {
  return elementwise(host::MaximumBackward{}, g, a, b);
}
void register_maximum_backward(OpRegistry& r) {
  OpEntry e;
  e.name = "maximum_backward";
  e.formula = "a > b ? g : a == b ? g / 2 : 0";
  e.kind = Kind::elementwise;
  const OpCall call = [](const Tensors& in) { return Tensors{maximum_backward(in[0], in[1], in[2])}; };
  e.samples = {{"a below b", {{{3, 2}}, {{3, 2}, -2, 0.9}, {{3, 2}, 1, 2}}, call},
               {"a above b", {{{3, 2}}, {{3, 2}, 1, 2}, {{3, 2}, -2, 0.9}}, call},
               {"broadcast", {{{2, 3, 2, 2}}, {{3, 1, 1}, -2, 0.9}, {{}, 1, 2}}, call}};
  e.scalar_reference = [](std::span<const long double> x) { return x[1] < x[2] ? 0 : x[1] == x[2] ? x[0] / 2 : x[0]; };
  r.add(std::move(e));
}
}  // namespace stein
#endif
