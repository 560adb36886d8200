// SPDX-License-Identifier: MIT
// A tree of products, halves against halves: n multiplications, and derivatives of every order are right with zeros.
#include "ops/op.h"
#include "ops/reduce.h"

namespace stein {

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == u8 || x.dtype() == boolean)
    fail("prod", "a dtype of f32, f64, i64", name_of(x.dtype()), "convert it with to(dtype)");
  const Axes a = from_end("prod", axes, x.rank());
  const Shape shape = reduced_shape(x.shape(), a, keepdim);
  if (reduced_count(x.shape(), a) == 0) return sum(x, a, keepdim) + 1;  // recorded, with derivative 0
  Tensor t = x;
  for (auto wide : a) {
    const int axis = static_cast<int>(wide);
    while (t.size(axis) > 1) {
      const auto n = t.size(axis), half = n / 2;
      Tensor both = narrow(t, axis, 0, half) * narrow(t, axis, half, half);
      if (n % 2) both = concat({both, narrow(t, axis, n - 1, 1)}, axis);
      t = both;
    }
  }
  return reshape(t, shape);
}

void register_prod(OpRegistry& r) {
  const auto sample = [](Shape shape, Axes axes, bool keepdim) {
    return Sample{to_string(shape) + " over " + to_string(axes),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{prod(in[0], axes, keepdim)}; },
                  [=](const Tensors& in) {
                    Tensor t = in[0];
                    for (auto a : from_end("prod", axes, t.rank())) {
                      Tensor p = ones(reduced_shape(t.shape(), {a}, true), t.dtype());
                      for (const auto& slice : split(t, 1, static_cast<int>(a)))
                        if (slice.size(static_cast<int>(a))) p = p * slice;
                      t = p;
                    }
                    return Tensors{reshape(t, reduced_shape(in[0].shape(), from_end("prod", axes, t.rank()), keepdim))};
                  }};
  };
  r.add({"prod",
         "product over axes",
         Kind::general,
         {sample({5}, {}, false), sample({2, 3}, {0}, true), sample({2, 3, 2}, {0, -1}, false),
          sample({1, 4}, {1}, false), sample({0, 3}, {0}, false), sample({0, 3}, {1}, false), sample({}, {}, false)}});
}

}  // namespace stein
