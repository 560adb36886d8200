// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

// A view that walks back; its own adjoint.
struct Flip {
  static constexpr const char* name = "flip";
  static constexpr Kind kind = Kind::linear;
  Axes axes;  // negative

  Tensor forward(const Tensor& x) const {
    Strides strides = x.strides();
    auto offset = x.impl().offset;
    for (auto a : axes) {
      const int axis = static_cast<int>(a);
      offset += std::max<std::int64_t>(x.size(axis) - 1, 0) * strides[axis];
      strides[axis] = -strides[axis];
    }
    return as_strided(x, x.shape(), strides, x.numel() ? offset : x.impl().offset);
  }
  Tensor vjp0(G g) const { return record(*this, g); }
};

}  // namespace stein::host

namespace stein {

Tensor flip(const Tensor& x, const Axes& axes) {
  const Axes a = from_end("flip", axes, x.rank());
  return a.empty() ? x : record(host::Flip{a}, x);
}

void register_flip(OpRegistry& r) {
  const auto sample = [](Shape shape, Axes axes) {
    return Sample{to_string(shape) + " along " + to_string(axes),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{flip(in[0], axes)}; },
                  [=](const Tensors& in) {
                    Tensor t = in[0];
                    for (auto a : from_end("flip", axes, t.rank())) {
                      Tensors slices = split(t, 1, static_cast<int>(a));
                      std::reverse(slices.begin(), slices.end());
                      t = concat(slices, static_cast<int>(a));
                    }
                    return Tensors{t};
                  },
                  true};
  };
  r.add({"flip",
         "axes in reverse order",
         Kind::linear,
         {sample({3}, {0}), sample({2, 3}, {0, 1}), sample({2, 3, 2, 2}, {-1, 1}), sample({0, 3}, {1}), sample({}, {}),
          sample({1, 2}, {})}});
}

}  // namespace stein
