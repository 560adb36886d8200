// SPDX-License-Identifier: MIT
// gather / scatter_add: an adjoint pair. Axes left of the index's own rank are batch: every slice uses the same index.
#include "ops/detail/axis_device.h"
#include "ops/detail/axis_view.h"
#include "ops/op.h"
#include "tensor/detail/index_fault.h"
#include "tensor/thread_pool.h"

namespace stein::host {

struct Gather {
  static constexpr const char* name = "gather";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative

  Tensor forward(const Tensor& x, const Tensor& index) const {
    const Tensor from = detail::rows_of(x), at = detail::rows_of(index);
    const auto view = detail::around(x.shape(), axis);
    const auto outer = view.outer, n = view.n, width = view.inner;
    const auto core = detail::around(index.shape(), axis);
    detail::check_index(name, at, n);
    Shape shape = x.shape();
    shape[axis] = core.n;
    Tensor out = empty(shape, x.dtype(), x.device());
    if (out.numel() == 0) return out;
    if (x.device() != cpu) {
      kernels::device_index(x.device())({x.dtype(), false, false, outer, n, core.n, width, core.outer, from.raw(),
                                         static_cast<const std::int64_t*>(at.raw()), const_cast<void*>(out.raw()),
                                         detail::index_fault(x.device())});
      return out;
    }
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* p = from.data<T>();
      const std::int64_t* idx = at.data<std::int64_t>();
      T* q = out.mutable_data<T>();
      // A row: `width` elements that stand at one place of the axis.
      parallel_for(outer * core.n, std::max<std::int64_t>(1, 32768 / width), [&](std::int64_t b, std::int64_t e) {
        for (auto row = b; row < e; ++row) {
          const auto o = row / core.n, j = row % core.n;
          const auto* i = idx + (o % core.outer * core.n + j) * width;
          for (std::int64_t c = 0; c < width; ++c) q[row * width + c] = p[(o * n + i[c]) * width + c];
        }
      });
    });
    return out;
  }
  Tensor vjp0(G g, In<1> index, Like<0> x) const;
};

struct ScatterAdd {
  static constexpr const char* name = "scatter_add";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative
  std::int64_t size;

  Tensor forward(const Tensor& x, const Tensor& index) const {
    const Tensor from = detail::rows_of(x), at = detail::rows_of(index);
    const auto view = detail::around(x.shape(), axis);
    const auto outer = view.outer, n = view.n, width = view.inner;
    const auto core = detail::around(index.shape(), axis);
    detail::check_index(name, at, size);
    Shape shape = x.shape();
    shape[axis] = size;
    Tensor out = zeros(shape, x.dtype(), x.device());
    if (x.numel() == 0) return out;
    if (x.device() != cpu) {
      kernels::device_index(x.device())({x.dtype(), true, false, outer, size, n, width, core.outer, from.raw(),
                                         static_cast<const std::int64_t*>(at.raw()), const_cast<void*>(out.raw()),
                                         detail::index_fault(x.device())});
      return out;
    }
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>) {
        const T* p = from.data<T>();
        const std::int64_t* idx = at.data<std::int64_t>();
        T* q = out.mutable_data<T>();
        // Each element of the result belongs to one range, which adds to it in the order of the index.
        const auto part = std::min<std::int64_t>(width, 64), parts = (width + part - 1) / part;
        parallel_for(outer * parts, std::max<std::int64_t>(1, 32768 / (n * part)), [&](std::int64_t b, std::int64_t e) {
          for (auto r = b; r < e; ++r) {
            const auto o = r / parts, first = r % parts * part, last = std::min(width, first + part);
            for (std::int64_t j = 0; j < n; ++j) {
              const auto* i = idx + (o % core.outer * n + j) * width;
              const auto* v = p + (o * n + j) * width;
              for (auto c = first; c < last; ++c) q[(o * size + i[c]) * width + c] += v[c];
            }
          }
        });
      }
    });
    return out;
  }
  Tensor vjp0(G g, In<1> index) const { return record(Gather{axis}, g, index); }
};

inline Tensor Gather::vjp0(G g, In<1> index, Like<0> x) const {
  return record(ScatterAdd{axis, x.shape[axis]}, g, index);
}

inline void check_index_dtype(const char* op, const Tensor& index) {
  if (index.dtype() != i64) fail(op, "an index of dtype i64", describe(index), "convert it with to(i64)");
}

}  // namespace stein::host

namespace stein {

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  if (x.rank() == 0 && index.rank() == 0)
    return as_vector(x, [&](const Tensor& v) { return gather(v, axis, reshape(index, {1})); });
  const int a = normal_axis("gather", axis, x.rank()) - x.rank();
  host::check_index_dtype("gather", index);
  bool fits = index.rank() <= x.rank() && -a <= index.rank();
  for (int i = -index.rank(); fits && i < 0; ++i) fits = i == a || index.size(i) <= x.size(i);
  if (!fits)
    fail("gather", "an index with the axes of x, no longer than x except along axis " + std::to_string(axis),
         describe(index) + " for " + describe(x));
  Tensor from = x;  // a shorter index reads the beginning of x
  for (int i = -index.rank(); i < 0; ++i)
    if (i != a) from = narrow(from, i, 0, index.size(i));
  return record(host::Gather{a}, from, index);
}

Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size) {
  const int a = normal_axis("scatter_add", axis, x.rank()) - x.rank();
  host::check_index_dtype("scatter_add", index);
  if (x.dtype() == u8 || x.dtype() == boolean) fail("scatter_add", "a dtype of f32, f64, i64", name_of(x.dtype()));
  if (index.rank() > x.rank() || -a > index.rank() ||
      index.shape() != x.shape().slice(x.rank() - index.rank(), x.rank()))
    fail("scatter_add", "an index of the shape of x", describe(Tensors{index, x}));
  if (size < 0) fail("scatter_add", "a size of at least 0", std::to_string(size));
  return record(host::ScatterAdd{a, size}, x, index);
}

void register_gather(OpRegistry& r) {
  // Element by element: f(position in the index, the same position with the index's value along the axis).
  const auto walk = [](const Tensor& index, int axis, const auto& f) {
    const auto at = index.to_vector<std::int64_t>();
    const Strides strides = row_major(index.shape());
    for (std::size_t i = 0; i < at.size(); ++i) {
      Dims here, there;
      for (int k = 0; k < index.rank(); ++k)
        here.push_back(static_cast<std::int64_t>(i) / strides[k] % std::max<std::int64_t>(1, index.size(k)));
      there = here;
      there[axis] = at[i];
      f(here, there);
    }
  };
  const auto offset = [](const Dims& position, const Shape& shape) {
    const Strides s = row_major(shape);
    std::int64_t o = 0;
    for (int k = 0; k < s.rank(); ++k) o += position[k] * s[k];
    return static_cast<std::size_t>(o);
  };
  const auto sample = [=](Shape x, Shape index, int axis) {
    return Sample{to_string(x) + " axis " + std::to_string(axis),
                  {{x}, {index, 0, static_cast<double>(x[axis] - 1), {}, i64}},
                  [axis](const Tensors& in) { return Tensors{gather(in[0], axis, in[1])}; },
                  [=](const Tensors& in) {
                    const auto from = in[0].to_vector<double>();
                    std::vector<double> to(static_cast<std::size_t>(in[1].numel()));
                    walk(in[1], axis, [&](const Dims& here, const Dims& there) {
                      to[offset(here, in[1].shape())] = from[offset(there, in[0].shape())];
                    });
                    return Tensors{from_vector(to, in[1].shape())};
                  },
                  true};
  };
  r.add({"gather",
         "out[.., i, ..] = x[.., index[.., i, ..], ..]",
         Kind::linear,
         {sample({4}, {6}, 0),
          sample({3, 2}, {5, 2}, 0),
          sample({2, 3, 2}, {2, 1, 2}, 1),
          sample({2, 3}, {1, 4}, -1),
          sample({1, 2}, {3, 2}, 0),
          sample({2, 3}, {2, 0}, 1),
          {"rank 0",
           {{Shape{}}, {Shape{}, 0, 0, {}, i64}},
           [](const Tensors& in) { return Tensors{gather(in[0], -1, in[1])}; },
           [](const Tensors& in) { return Tensors{in[0]}; },
           true}}});
  const auto back = [=](Shape x, int axis, std::int64_t size) {
    return Sample{to_string(x) + " axis " + std::to_string(axis) + " into " + std::to_string(size),
                  {{x}, {x, 0, static_cast<double>(size - 1), {}, i64}},
                  [=](const Tensors& in) { return Tensors{scatter_add(in[0], axis, in[1], size)}; },
                  [=](const Tensors& in) {
                    Shape shape = in[0].shape();
                    shape[axis] = size;
                    const auto from = in[0].to_vector<double>();
                    std::vector<double> to(static_cast<std::size_t>(numel(shape)));
                    walk(in[1], axis, [&](const Dims& here, const Dims& there) {
                      to[offset(there, shape)] += from[offset(here, in[0].shape())];
                    });
                    return Tensors{from_vector(to, shape)};
                  },
                  true};
  };
  r.add({"scatter_add",
         "zeros with x added at index, the adjoint of gather",
         Kind::linear,
         {back({6}, 0, 4), back({5, 2}, 0, 3), back({2, 3, 2}, 1, 2), back({2, 4}, -1, 1), back({2, 0}, 1, 3)}});
}

}  // namespace stein
