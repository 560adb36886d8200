// SPDX-License-Identifier: MIT
// slice_axis / unslice_axis: an adjoint pair; NumPy indexing on top of them.
#include "ops/op.h"

namespace stein::host {

struct SliceAxis {
  static constexpr const char* name = "slice";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative
  std::int64_t start, step, count;

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape();
    Strides strides = x.strides();
    shape[axis] = count;
    const auto offset = x.impl().offset + (count ? start * strides[axis] : 0);
    strides[axis] *= step;
    return as_strided(x, shape, strides, offset);
  }
  Tensor vjp0(G g, Like<0> x) const { return unslice_axis(g, axis, start, step, x.shape[axis]); }
};

struct UnsliceAxis {
  static constexpr const char* name = "unslice";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative
  std::int64_t start, step, size;

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape();
    shape[axis] = size;
    Tensor out = zeros(shape, x.dtype(), x.device());
    SliceAxis{axis, start, step, x.size(axis)}.forward(out).copy_(x);
    return out;
  }
  Tensor vjp0(G g, Like<0> x) const { return slice_axis(g, axis, start, step, x.shape[axis]); }
};

inline void check_slice(const char* op, std::int64_t size, std::int64_t start, std::int64_t step, std::int64_t count) {
  const auto last = start + (count - 1) * step;
  if (step == 0 || count < 0 || (count > 0 && (start < 0 || start >= size || last < 0 || last >= size)))
    fail(op, "a slice inside an axis of size " + std::to_string(size) + ", step not 0",
         "start " + std::to_string(start) + ", step " + std::to_string(step) + ", count " + std::to_string(count));
}

}  // namespace stein::host

namespace stein {

Tensor slice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t count) {
  const int a = normal_axis("slice", axis, x.rank());
  host::check_slice("slice", x.size(a), start, step, count);
  if (start == 0 && step == 1 && count == x.size(a)) return x;
  return record(host::SliceAxis{a - x.rank(), start, step, count}, x);
}

Tensor unslice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t size) {
  const int a = normal_axis("unslice", axis, x.rank());
  host::check_slice("unslice", size, start, step, x.size(a));
  if (start == 0 && step == 1 && size == x.size(a)) return x;
  return record(host::UnsliceAxis{a - x.rank(), start, step, size}, x);
}

Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t count) {
  return slice_axis(x, axis, start, 1, count);
}

Tensor Tensor::at(const std::vector<Index>& indices) const {
  int consumed = 0, ellipses = 0;
  for (const auto& i : indices) {
    consumed += i.kind == Index::Kind::at || i.kind == Index::Kind::slice;
    ellipses += i.kind == Index::Kind::ellipsis;
  }
  if (consumed > rank() || ellipses > 1)
    fail("index", "at most " + std::to_string(rank()) + " indices and one ellipsis for " + describe(*this),
         std::to_string(consumed) + " indices, " + std::to_string(ellipses) + " ellipses");
  Tensor r = *this;
  int axis = 0;
  for (const auto& i : indices) {
    if (i.kind == Index::Kind::ellipsis) {
      axis += rank() - consumed;
    } else if (i.kind == Index::Kind::newaxis) {
      r = r.unsqueeze(axis++);
    } else if (i.kind == Index::Kind::at) {
      const auto n = r.size(axis), p = i.pos < 0 ? i.pos + n : i.pos;
      if (p < 0 || p >= n)
        fail("index", "an index in [" + std::to_string(-n) + ", " + std::to_string(n) + ")",
             std::to_string(i.pos) + " for " + describe(*this));
      r = slice_axis(r, axis, p, 1, 1).squeeze(axis);
    } else {
      const auto n = r.size(axis), step = i.range.step;
      if (step == 0) fail("index", "a step that is not 0", "0");
      // Python's rules: out-of-range bounds are clipped.
      const auto clip = [&](std::int64_t v, std::int64_t lo, std::int64_t hi) {
        return std::max(lo, std::min(v < 0 ? v + n : v, hi));
      };
      const std::int64_t lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
      const std::int64_t start = i.range.start == Slice::kNone ? (step > 0 ? 0 : n - 1) : clip(i.range.start, lo, hi);
      const std::int64_t stop = i.range.stop == Slice::kNone ? (step > 0 ? n : -1) : clip(i.range.stop, lo, hi);
      const auto count = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
      r = slice_axis(r, axis++, count > 0 ? start : 0, step, std::max<std::int64_t>(count, 0));
    }
  }
  return r;
}

Tensor Tensor::operator[](std::int64_t index) const { return at({Index(index)}); }

void register_slice(OpRegistry& r) {
  const auto sample = [](Shape shape, int axis, std::int64_t start, std::int64_t step, std::int64_t count) {
    return Sample{to_string(shape) + " axis " + std::to_string(axis) + " from " + std::to_string(start) + " by " +
                      std::to_string(step),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{slice_axis(in[0], axis, start, step, count)}; },
                  {},
                  true};
  };
  const auto back = [](Shape shape, int axis, std::int64_t start, std::int64_t step, std::int64_t size) {
    return Sample{to_string(shape) + " into " + std::to_string(size),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{unslice_axis(in[0], axis, start, step, size)}; },
                  {},
                  true};
  };
  r.add(
      {"slice",
       "elements start, start + step, ... of an axis",
       Kind::linear,
       {sample({5}, 0, 1, 2, 2), sample({3, 4}, 1, 3, -1, 4), sample({3, 4}, 0, 1, 1, 1), sample({2, 3}, 1, 0, 1, 0)}});
  r.add({"unslice",
         "zeros with x at start, start + step, ...",
         Kind::linear,
         {back({2}, 0, 1, 2, 5), back({3, 2}, 1, 3, -1, 4), back({2, 0}, 1, 0, 1, 3)}});
}

}  // namespace stein
