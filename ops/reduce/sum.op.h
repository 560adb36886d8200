// SPDX-License-Identifier: MIT
#include "ops/op.h"
#include "ops/reduce.h"

namespace stein::host {

struct Sum {
  static constexpr const char* name = "sum";
  static constexpr Kind kind = Kind::linear;
  Axes axes;  // negative
  bool keepdim;

  Tensor forward(const Tensor& x) const { return reduce_sum(x, axes, keepdim); }
  Tensor vjp0(G g, Like<0> x) const { return expand(keepdim ? g : with_axes(g, axes), g.like(x.shape)); }
};

}  // namespace stein::host

namespace stein {

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const Axes a = from_end("sum", axes, x.rank());
  if (a.empty()) return x;
  // Along an expanded axis all terms are the same: sum one slice and multiply.
  for (auto axis : a)
    if (const auto n = x.size(static_cast<int>(axis)); n > 1 && x.strides()[static_cast<int>(axis)] == 0)
      return sum(narrow(x, static_cast<int>(axis), 0, 1), a, keepdim) * static_cast<double>(n);
  // Along an expanded axis that stays all sums are the same: one, expanded.
  for (int axis = -x.rank(); axis < 0; ++axis)
    if (const auto n = x.size(axis); n > 1 && x.strides()[axis] == 0) {
      const Tensor one = sum(narrow(x, axis, 0, 1), a, true);
      Shape shape = one.shape();
      shape[axis] = n;
      const Tensor r = expand(one, shape);
      return keepdim ? r : reshape(r, reduced_shape(x.shape(), a, false));
    }
  return record(host::Sum{a, keepdim}, x);
}
Tensor Tensor::sum(const Axes& axes, bool keepdim) const { return stein::sum(*this, axes, keepdim); }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Axes axes;
  for (int i = 1; i <= x.rank(); ++i)
    if (i > shape.rank() || (shape[-i] == 1 && x.size(-i) != 1))
      axes.push_back(-i);
    else if (shape[-i] != x.size(-i))
      fail("sum_to", "a shape that broadcasts to " + to_string(x.shape()), to_string(shape));
  if (shape.rank() > x.rank()) fail("sum_to", "a shape that broadcasts to " + to_string(x.shape()), to_string(shape));
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  std::int64_t n = 1;
  for (auto a : from_end("mean", axes, x.rank())) n *= x.size(static_cast<int>(a));
  return sum(x, axes, keepdim) / static_cast<double>(n);
}
Tensor Tensor::mean(const Axes& axes, bool keepdim) const { return stein::mean(*this, axes, keepdim); }

namespace detail {
Tensor engine_add(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor engine_sum_to(const Tensor& t, const Shape& shape) { return sum_to(t, shape); }
Tensor engine_stack(const Tensors& ts) { return stack(ts, 0); }
}  // namespace detail

void register_sum(OpRegistry& r) {
  const auto sample = [](Shape shape, Axes axes, bool keepdim) {
    return Sample{to_string(shape) + " over " + to_string(axes),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{sum(in[0], axes, keepdim)}; },
                  {},
                  true};
  };
  r.add({"sum",
         "sum over axes",
         Kind::linear,
         {sample({5}, {}, false), sample({2, 3}, {0}, true), sample({2, 3, 4}, {0, -1}, false),
          sample({2, 3, 2, 2}, {2, 3}, true), sample({0, 3}, {0}, false), sample({}, {}, false)}});
  r.add({"mean",
         "mean over axes",
         Kind::linear,
         {{"all", {{{2, 3}}}, [](const Tensors& in) { return Tensors{mean(in[0])}; }, {}, true},
          {"axis 1", {{{2, 3}}}, [](const Tensors& in) { return Tensors{mean(in[0], {1}, true)}; }, {}, true}}});
}

}  // namespace stein
