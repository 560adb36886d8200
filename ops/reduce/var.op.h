// SPDX-License-Identifier: MIT
// var, std: two passes, so no cancellation. std has derivative 0 where it is 0.
#include "ops/op.h"
#include "ops/reduce.h"

namespace stein::host {

struct Var {
  static constexpr const char* name = "var";
  static constexpr Kind kind = Kind::general;
  Axes axes;  // negative
  double divisor;
  bool keepdim;

  Tensor centred(const Tensor& x) const { return axes.empty() ? x - x : x - stein::mean(x, axes, true); }
  Tensor forward(const Tensor& x) const {
    const Tensor d = centred(x);
    return stein::sum(d * d, axes, keepdim) / divisor;
  }
  Tensor vjp0(G g, In<0> x) const { return (keepdim ? g : with_axes(g, axes)) * (centred(x) * (2 / divisor)); }
};

struct Std {
  static constexpr const char* name = "std";
  static constexpr Kind kind = Kind::general;
  Var var;

  Tensor forward(const Tensor& x) const { return sqrt(var.forward(x)); }
  Tensor vjp0(G g, In<0> x, Out<0> y) const {
    const Tensor scaled = g * inverse_or_zero(y);
    return (var.keepdim ? scaled : with_axes(scaled, var.axes)) * (var.centred(x) * (1 / var.divisor));
  }
};

inline Var make_var(const char* op, const Tensor& x, const Axes& axes, int correction, bool keepdim) {
  if (!is_floating(x.dtype())) fail(op, "a dtype of f32, f64", name_of(x.dtype()), "convert it with to(dtype)");
  const Axes a = from_end(op, axes, x.rank());
  const auto n = reduced_count(x.shape(), a);
  return {a, static_cast<double>(std::max<std::int64_t>(n - correction, 0)), keepdim};  // 0: the result is NaN
}

}  // namespace stein::host

namespace stein {

Tensor var(const Tensor& x, const Axes& axes, int correction, bool keepdim) {
  return record(host::make_var("var", x, axes, correction, keepdim), x);
}
Tensor std(const Tensor& x, const Axes& axes, int correction, bool keepdim) {
  return record(host::Std{host::make_var("std", x, axes, correction, keepdim)}, x);
}

void register_var(OpRegistry& r) {
  using Function = Tensor (*)(const Tensor&, const Axes&, int, bool);
  const auto samples = [](Function f, bool root) {
    const auto sample = [=](Shape shape, Axes axes, int correction, bool keepdim) {
      return Sample{to_string(shape) + " over " + to_string(axes) + ", correction " + std::to_string(correction),
                    {{shape}},
                    [=](const Tensors& in) { return Tensors{f(in[0], axes, correction, keepdim)}; },
                    [=](const Tensors& in) {  // half the mean square of all differences
                      const Axes a = from_end("var", axes, in[0].rank());
                      Tensor rows = in[0];
                      std::int64_t n = 1;
                      for (auto axis : a) n *= rows.size(static_cast<int>(axis));
                      Axes order;
                      for (int i = -rows.rank(); i < 0; ++i)
                        if (std::find(a.begin(), a.end(), i) == a.end()) order.push_back(i);
                      const Shape result = reduced_shape(rows.shape(), a, keepdim);
                      for (auto axis : a) order.push_back(axis);
                      rows = reshape(permute(rows, order), {numel(result), n});
                      const Tensor d = unsqueeze(rows, 1) - unsqueeze(rows, 2);
                      const Tensor v = sum(d * d, {1, 2}) * (0.5 / static_cast<double>(n * (n - correction)));
                      return Tensors{reshape(root ? sqrt(v) : v, result)};
                    }};
    };
    return std::vector<Sample>{sample({5}, {}, 1, false), sample({3, 2}, {0}, 1, true),
                               sample({2, 3, 4}, {0, -1}, 0, false), sample({2, 3, 2, 2}, {2, 3}, 1, false),
                               sample({0, 3}, {1}, 1, false)};
  };
  r.add({"var", "sum (x - mean)^2 / (n - correction)", Kind::general, samples(var, false)});
  r.add({"std", "sqrt(var)", Kind::general, samples(std, true)});
}

}  // namespace stein
