// SPDX-License-Identifier: MIT
// pad / crop: an adjoint pair.
#include "ops/op.h"

namespace stein::host {

// amounts: (before, after) of the last axis, then of the one before it, ...; all at least 0.
struct Pad {
  static constexpr const char* name = "pad";
  static constexpr Kind kind = Kind::linear;
  Dims amounts;

  Tensor forward(const Tensor& x) const { return with_border(x, 0); }
  Tensor with_border(const Tensor& x, double value) const;
  Tensor vjp0(G g) const;
};

struct Crop {
  static constexpr const char* name = "crop";
  static constexpr Kind kind = Kind::linear;
  Dims amounts;

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape();
    auto offset = x.impl().offset;
    for (int i = 0; 2 * i < amounts.rank(); ++i) {
      shape[-1 - i] -= amounts[2 * i] + amounts[2 * i + 1];
      offset += amounts[2 * i] * x.strides()[-1 - i];
    }
    return as_strided(x, shape, x.strides(), numel(shape) ? offset : x.impl().offset);
  }
  Tensor vjp0(G g) const { return record(Pad{amounts}, g); }
};

inline Tensor Pad::vjp0(G g) const { return record(Crop{amounts}, g); }

inline Tensor Pad::with_border(const Tensor& x, double value) const {
  Shape shape = x.shape();
  for (int i = 0; 2 * i < amounts.rank(); ++i) shape[-1 - i] += amounts[2 * i] + amounts[2 * i + 1];
  Tensor out = !x.is_contiguous() && x.is_channels_last() ? empty_channels_last(shape, x.dtype(), x.device())
                                                          : empty(shape, x.dtype(), x.device());
  out.fill_(value);
  Crop{amounts}.forward(out).copy_(x);
  return out;
}

// A constant border that is not 0: affine, so the tangent is padded with zeros.
struct PadValue {
  static constexpr const char* name = "pad";
  static constexpr Kind kind = Kind::general;
  Pad pad;
  double value;

  Tensor forward(const Tensor& x) const { return pad.with_border(x, value); }
  Tensor vjp0(G g) const { return record(Crop{pad.amounts}, g); }
  Tensor push(G t) const { return record(pad, t); }
};

}  // namespace stein::host

namespace stein {

Tensor pad(const Tensor& x, const Dims& before_after, double value) {
  if (before_after.rank() % 2 || before_after.rank() > 2 * x.rank())
    fail("pad", "pairs (before, after) for at most " + std::to_string(x.rank()) + " axes, the last axis first",
         to_string(before_after) + " for " + describe(x));
  Tensor core = x;  // negative amounts cut off
  Dims amounts = before_after;
  bool any = false;
  for (int i = 0; 2 * i < amounts.rank(); ++i) {
    auto &before = amounts[2 * i], &after = amounts[2 * i + 1];
    const auto size = x.size(-1 - i), cut = std::max<std::int64_t>(-before, 0),
               cut_after = std::max<std::int64_t>(-after, 0);
    if (cut + cut_after > size)
      fail("pad", "to cut off at most the " + std::to_string(size) + " elements of axis " + std::to_string(-1 - i),
           to_string(before_after) + " for " + describe(x));
    core = narrow(core, -1 - i, cut, size - cut - cut_after);
    before = std::max<std::int64_t>(before, 0);
    after = std::max<std::int64_t>(after, 0);
    any = any || before || after;
  }
  detail::number("pad", value, x);  // checks that the dtype holds it
  if (!any) return core;
  return value == 0 ? record(host::Pad{amounts}, core) : record(host::PadValue{{amounts}, value}, core);
}

void register_pad(OpRegistry& r) {
  const auto sample = [](Shape shape, Dims amounts, double value) {
    return Sample{to_string(shape) + " by " + to_string(amounts) + (value == 0 ? "" : " with a value"),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{pad(in[0], amounts, value)}; },
                  [=](const Tensors& in) {
                    Tensor t = in[0];
                    for (int i = 0; 2 * i < amounts.rank(); ++i) {
                      const int axis = t.rank() - 1 - i;
                      Shape before = t.shape(), after = t.shape();
                      before[axis] = std::max<std::int64_t>(amounts[2 * i], 0);
                      after[axis] = std::max<std::int64_t>(amounts[2 * i + 1], 0);
                      const auto cut = before[axis] - amounts[2 * i], cut_after = after[axis] - amounts[2 * i + 1];
                      t = concat({full(before, value, f64), narrow(t, axis, cut, t.size(axis) - cut - cut_after),
                                  full(after, value, f64)},
                                 axis);
                    }
                    return Tensors{t};
                  },
                  value == 0};
  };
  r.add({"pad",
         "a border of a constant",
         Kind::linear,
         {sample({3}, {1, 2}, 0), sample({2, 3}, {1, 0, 0, 2}, 0), sample({2, 3, 2, 2}, {1, 1, 2, 0}, 0),
          sample({2, 4}, {-1, 2, 1, -1}, 0), sample({1, 2}, {1, 1, 1, 1}, -3), sample({0, 2}, {0, 1, 1, 1}, 0.5),
          sample({}, {}, 0)}});
}

}  // namespace stein
