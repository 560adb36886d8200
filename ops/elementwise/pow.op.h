// SPDX-License-Identifier: MIT
// A tensor to the power of a tensor, and of a number.
#include "ops/elementwise.h"

namespace stein::STEIN_UNIT {
struct Pow : Binary {
  static constexpr const char* name = "pow";
  static constexpr bool numbers_only = true;
  template <class T>
  constexpr T operator()(T base, T exponent) const {
    return math::pow(base, exponent);
  }
  // Where the derivative is 0 by convention its operand is replaced by 1 before, not its value after: a value that is
  // not selected would come back as 0 * inf in the next order.
  STEIN_RULES(
      Tensor vjp0(G g, In<0> base, In<1> exponent) const {
        const Tensor zero = scalar(0, base.dtype()), one = scalar(1, base.dtype());
        const Tensor e = where(logical_and(eq(base, zero), eq(exponent, zero)), one, exponent);
        return g * (exponent * pow(base, e - 1));
      } Tensor vjp1(G g, In<0> base, In<1> exponent, Out<0> y) const {
        const Tensor zero = scalar(0, base.dtype()), one = scalar(1, base.dtype());
        return g * (y * log(where(logical_and(eq(base, zero), exponent >= 0), one, base)));
      })
};

struct PowNumber : Unary {
  static constexpr const char* name = "pow_number";
  static constexpr bool numbers_only = true;
  double exponent;
  template <class T>
  constexpr T operator()(T base) const {
    return math::pow(base, static_cast<T>(exponent));
  }
  STEIN_RULES(Tensor vjp0(G g, In<0> base) const {
    if (exponent == 0) return {};
    return g * (pow(base, exponent - 1) * exponent);
  })
};
}  // namespace stein::STEIN_UNIT

STEIN_ELEMENTWISE(pow, Pow)
STEIN_ELEMENTWISE(pow_number, PowNumber)
#if defined(STEIN_HOST)
namespace stein {
Tensor pow(const Tensor& base, const Tensor& exponent) { return elementwise(host::Pow{}, base, exponent); }
Tensor pow(const Tensor& base, double exponent) {
  if (exponent == 2) return square(base);
  if (exponent == 0.5) return sqrt(base);
  if (exponent == -1) return reciprocal(base);
  return elementwise(host::PowNumber{{}, exponent}, base);
}
void register_pow(OpRegistry& r) {
  r.add_binary(
      "pow", [](const Tensor& a, const Tensor& b) { return pow(a, b); },
      {.formula = "a^b", .a = {0.3, 2}, .reference = [](long double a, long double b) { return std::pow(a, b); }});
  r.add_unary("pow_number", [](const Tensor& x) { return pow(x, 2.5); },
              {.formula = "x^number", .domain = {0.3, 3}, .reference = [](long double x) -> long double {
                 return std::pow(x, 2.5L);
               }});
}
}  // namespace stein
#endif
