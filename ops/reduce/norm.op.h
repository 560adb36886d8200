// SPDX-License-Identifier: MIT
// (sum |x|^p)^(1/p). Derivative 0 where the norm is 0, and where an element is 0 and p < 1, as in PyTorch.
#include <cmath>

#include "ops/op.h"
#include "ops/reduce.h"

namespace stein::host {

struct Norm2 {
  static constexpr const char* name = "norm";
  static constexpr Kind kind = Kind::general;
  Axes axes;  // negative
  bool keepdim;

  Tensor forward(const Tensor& x) const { return sqrt(stein::sum(x * x, axes, keepdim)); }
  Tensor vjp0(G g, In<0> x, Out<0> y) const {
    const Tensor scaled = g * inverse_or_zero(y);
    return (keepdim ? scaled : with_axes(scaled, axes)) * x;
  }
};

struct NormP {
  static constexpr const char* name = "norm";
  static constexpr Kind kind = Kind::general;
  double p;
  Axes axes;  // negative
  bool keepdim;

  Tensor forward(const Tensor& x) const { return pow(stein::sum(pow(abs(x), p), axes, keepdim), 1 / p); }
  // d y / d x = sign(x) |x|^(p-1) / y^(p-1)
  Tensor vjp0(G g, In<0> x, Out<0> y) const {
    const Tensor one = scalar(1, x.dtype()), zero = scalar(0, x.dtype());
    const Tensor nothing = eq(y.detach(), zero), nil = eq(x.detach(), zero);
    const Tensor scaled = where(nothing, zero, g * pow(where(nothing, one, y), 1 - p));
    // Away from 0 sign(x) is a constant; at 0 the power is kept off its kink.
    const Tensor slope = sign(x.detach()) * pow(where(nil, p < 2 ? one : zero, abs(x)), p - 1);
    return (keepdim ? scaled : with_axes(scaled, axes)) * slope;
  }
};

}  // namespace stein::host

namespace stein {

Tensor norm(const Tensor& x, double p, const Axes& axes, bool keepdim) {
  if (!is_floating(x.dtype())) fail("norm", "a dtype of f32, f64", name_of(x.dtype()), "convert it with to(dtype)");
  if (std::isnan(p)) fail("norm", "an order p", "nan");
  const Axes a = from_end("norm", axes, x.rank());
  if (p == 0) return sum(cast(ne(x, scalar(0, x.dtype())), x.dtype()), a, keepdim);  // how many are not 0
  if (a.empty()) return abs(x);
  if (p == 2) return record(host::Norm2{a, keepdim}, x);
  if (p == 1) return sum(abs(x), a, keepdim);
  if (std::isinf(p)) return p > 0 ? amax(abs(x), a, keepdim) : amin(abs(x), a, keepdim);
  return record(host::NormP{p, a, keepdim}, x);
}

void register_norm(OpRegistry& r) {
  const auto sample = [](Shape shape, double p, Axes axes, bool keepdim) {
    InputSpec x{shape, -2, 2, {0}};
    x.margin = 0.2;
    x.distinct = std::isinf(p);
    std::string label = to_string(shape) + ", p " + std::to_string(p);
    return Sample{label,
                  {x},
                  [=](const Tensors& in) { return Tensors{norm(in[0], p, axes, keepdim)}; },
                  [=](const Tensors& in) {
                    const Tensor m = in[0] * sign(in[0]);
                    if (in[0].rank() == 0) return Tensors{m};
                    if (std::isinf(p)) return Tensors{p > 0 ? amax(m, axes, keepdim) : amin(m, axes, keepdim)};
                    return Tensors{exp(log(sum(exp(log(m) * p), axes, keepdim)) / p)};
                  }};
  };
  const double inf = HUGE_VAL;
  r.add({"norm",
         "(sum |x|^p)^(1/p)",
         Kind::general,
         {sample({5}, 2, {}, false), sample({2, 3}, 2, {1}, true), sample({2, 3, 2}, 2, {0, 2}, false),
          sample({2, 3}, 1, {0}, false), sample({2, 3}, 3, {1}, false), sample({4}, 1.5, {}, false),
          sample({3, 2}, 0.5, {0}, true), sample({5}, inf, {}, false), sample({2, 3}, -inf, {1}, true),
          sample({0, 3}, 2, {1}, false), sample({}, 2, {}, false)}});
}

}  // namespace stein
