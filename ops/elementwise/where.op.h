// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Where : Ternary {
  static constexpr const char* name = "where";
  static constexpr Takes takes = Takes::everything;
  static constexpr bool first_is_bool = true;
  template <class T>
  constexpr T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
  STEIN_RULES(
      Tensor vjp1(G g, In<0> condition) const {
        return where(condition, g, scalar(0, g.dtype()));
      } Tensor vjp2(G g, In<0> condition) const { return where(condition, scalar(0, g.dtype()), g); })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(where, Where)
#if defined(STEIN_HOST)
namespace stein {
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return elementwise(host::Where{}, condition, a, b);
}
void register_where(OpRegistry& r) {
  OpEntry e;
  e.name = "where";
  e.formula = "condition ? a : b";
  e.kind = Kind::elementwise;
  const auto sample = [](const char* label, const Shape& c, const Shape& a, const Shape& b) {
    return Sample{label, {{c, 0, 1, {}, boolean}, {a}, {b}}, [](const Tensors& in) {
                    return Tensors{where(in[0], in[1], in[2])};
                  }};
  };
  e.samples = {sample("rank 0", {}, {}, {}), sample("same shapes", {4, 3}, {4, 3}, {4, 3}),
               sample("broadcast", {2, 1}, {1, 3}, {2, 2, 3}), sample("images", {3, 1, 1}, {2, 3, 2, 2}, {}),
               sample("empty", {0, 2}, {2}, {1, 2})};
  e.scalar_reference = [](std::span<const long double> x) { return x[0] != 0 ? x[1] : x[2]; };
  r.add(std::move(e));
}
}  // namespace stein
#endif
