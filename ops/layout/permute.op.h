// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

// A view. Output axis i (counted from the end) is input axis axes[i], also counted from the end.
struct Permute {
  static constexpr const char* name = "permute";
  static constexpr Kind kind = Kind::linear;
  Axes axes;  // negative

  Tensor forward(const Tensor& x) const {
    const int lead = x.rank() - axes.rank();
    Shape shape = x.shape();
    Strides strides = x.strides();
    for (int i = 0; i < axes.rank(); ++i) {
      shape[lead + i] = x.size(static_cast<int>(axes[i]));
      strides[lead + i] = x.strides()[static_cast<int>(axes[i])];
    }
    return as_strided(x, shape, strides, x.impl().offset);
  }
  Tensor vjp0(G g) const {
    Axes inverse = axes;
    for (int i = 0; i < axes.rank(); ++i) inverse[static_cast<int>(axes[i])] = i - axes.rank();
    return record(Permute{inverse}, g);
  }
};

}  // namespace stein::host

namespace stein {

Tensor permute(const Tensor& x, const Axes& axes) {
  const int n = x.rank();
  if (axes.rank() != n)
    fail("permute", "each of " + std::to_string(n) + " axes once", to_string(axes) + " for " + describe(x));
  if (n == 0) return x;
  const Axes sorted = from_end("permute", axes, n);
  Axes negative;
  for (auto a : axes) negative.push_back(normal_axis("permute", a, n) - n);
  return negative == sorted ? x : record(host::Permute{negative}, x);
}
Tensor Tensor::permute(const Axes& axes) const { return stein::permute(*this, axes); }

Tensor transpose(const Tensor& x, int axis0, int axis1) {
  const int a = normal_axis("transpose", axis0, x.rank()), b = normal_axis("transpose", axis1, x.rank());
  Axes axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back(i == a ? b : i == b ? a : i);
  return permute(x, axes);
}
Tensor Tensor::transpose(int axis0, int axis1) const { return stein::transpose(*this, axis0, axis1); }

void register_permute(OpRegistry& r) {
  const auto sample = [](Shape shape, Axes axes) {
    return Sample{
        to_string(axes), {{shape}}, [axes](const Tensors& in) { return Tensors{permute(in[0], axes)}; }, {}, true};
  };
  r.add({"permute",
         "axes in another order",
         Kind::linear,
         {sample({2, 3}, {1, 0}), sample({2, 3, 4}, {2, 0, 1}), sample({2, 1, 3, 2}, {0, 2, 3, 1}),
          sample({0, 2}, {1, 0})}});
}

}  // namespace stein
