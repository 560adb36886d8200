// SPDX-License-Identifier: MIT
#include <limits>

#include "ops/op.h"
#include "ops/reduce.h"

namespace stein::host {

struct LogSumExp {
  static constexpr const char* name = "logsumexp";
  static constexpr Kind kind = Kind::general;
  Axes axes;  // negative
  bool keepdim;

  Tensor forward(const Tensor& x) const {
    const Tensor zero = scalar(0, x.dtype());
    Tensor top = reduced_count(x.shape(), axes) ? amax(x, axes, true) : zero;
    top = where(isfinite(top), top, zero);  // a row of -inf, or one with inf
    const Tensor y = log(stein::sum(exp(x - top), axes, true)) + top;
    return keepdim ? y : reshape(y, reduced_shape(x.shape(), axes, false));
  }
  Tensor vjp0(G g, In<0> x, Out<0> y) const {
    return (keepdim ? g : with_axes(g, axes)) * exp(x - (keepdim ? y : with_axes(y, axes)));
  }
};

}  // namespace stein::host

namespace stein {

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  if (!is_floating(x.dtype())) fail("logsumexp", "a dtype of f32, f64", name_of(x.dtype()));
  return record(host::LogSumExp{from_end("logsumexp", axes, x.rank()), keepdim}, x);
}

void register_logsumexp(OpRegistry& r) {
  const auto sample = [](Shape shape, Axes axes, bool keepdim) {
    return Sample{to_string(shape) + " over " + to_string(axes),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{logsumexp(in[0], axes, keepdim)}; },
                  [=](const Tensors& in) {
                    return Tensors{axes.empty() && in[0].rank() == 0 ? in[0] : log(sum(exp(in[0]), axes, keepdim))};
                  }};
  };
  r.add({"logsumexp",
         "log sum e^x over axes",
         Kind::general,
         {sample({5}, {}, false), sample({2, 3}, {0}, true), sample({2, 3, 4}, {0, -1}, false),
          sample({2, 3, 2, 2}, {2, 3}, false), sample({0, 3}, {1}, false), sample({3, 1}, {1}, false),
          sample({}, {}, false)}});
}

}  // namespace stein
