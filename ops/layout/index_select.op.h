// SPDX-License-Identifier: MIT
// index_select / index_add: whole slices along one axis, an adjoint pair.
#include <cstring>

#include "ops/detail/axis_device.h"
#include "ops/detail/axis_view.h"
#include "ops/op.h"
#include "tensor/detail/index_fault.h"
#include "tensor/thread_pool.h"

namespace stein::host {

struct IndexSelect {
  static constexpr const char* name = "index_select";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative

  Tensor forward(const Tensor& x, const Tensor& index) const {
    const Tensor from = detail::rows_of(x), at = detail::rows_of(index);
    const auto view = detail::around(x.shape(), axis);
    detail::check_index(name, at, view.n);
    Shape shape = x.shape();
    shape[axis] = index.numel();
    Tensor out = empty(shape, x.dtype(), x.device());
    if (out.numel() == 0) return out;
    const auto count = index.numel();
    if (x.device() != cpu) {
      kernels::device_index(x.device())({x.dtype(), false, true, view.outer, view.n, count, view.inner, 1, from.raw(),
                                         static_cast<const std::int64_t*>(at.raw()), const_cast<void*>(out.raw()),
                                         detail::index_fault(x.device())});
      return out;
    }
    const auto bytes = static_cast<std::size_t>(view.inner) * size_of(x.dtype());
    const auto* idx = at.data<std::int64_t>();
    const auto* p = static_cast<const char*>(from.raw());
    auto* q = static_cast<char*>(const_cast<void*>(out.raw()));
    parallel_for(
        view.outer * count, static_cast<std::int64_t>(1 + 131072 / bytes), [&](std::int64_t b, std::int64_t e) {
          for (auto row = b; row < e; ++row) {
            const auto source = row / count * view.n + idx[row % count];
            std::memcpy(q + static_cast<std::size_t>(row) * bytes, p + static_cast<std::size_t>(source) * bytes, bytes);
          }
        });
    return out;
  }
  Tensor vjp0(G g, In<1> index, Like<0> x) const { return index_add(g, axis, index, x.shape[axis]); }
};

struct IndexAdd {
  static constexpr const char* name = "index_add";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative
  std::int64_t size;

  Tensor forward(const Tensor& x, const Tensor& index) const {
    const Tensor from = detail::rows_of(x), at = detail::rows_of(index);
    const auto view = detail::around(x.shape(), axis);
    const auto outer = view.outer, n = view.n, width = view.inner;
    detail::check_index(name, at, size);
    Shape shape = x.shape();
    shape[axis] = size;
    Tensor out = zeros(shape, x.dtype(), x.device());
    if (x.numel() == 0) return out;
    if (x.device() != cpu) {
      kernels::device_index(x.device())({x.dtype(), true, true, outer, size, n, width, 1, from.raw(),
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
              const T* v = p + (o * n + j) * width;
              T* to = q + (o * size + idx[j]) * width;
              for (auto c = first; c < last; ++c) to[c] += v[c];
            }
          }
        });
      }
    });
    return out;
  }
  Tensor vjp0(G g, In<1> index) const { return index_select(g, axis, index); }
};

inline void check_index_vector(const char* op, const Tensor& index) {
  if (index.dtype() != i64 || index.rank() != 1) fail(op, "an index of dtype i64 and rank 1", describe(index));
}

}  // namespace stein::host

namespace stein {

Tensor index_select(const Tensor& x, int axis, const Tensor& index) {
  const int a = normal_axis("index_select", axis, x.rank()) - x.rank();
  host::check_index_vector("index_select", index);
  return record(host::IndexSelect{a}, x, index);
}

Tensor index_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size) {
  const int a = normal_axis("index_add", axis, x.rank()) - x.rank();
  host::check_index_vector("index_add", index);
  if (x.dtype() == u8 || x.dtype() == boolean) fail("index_add", "a dtype of f32, f64, i64", name_of(x.dtype()));
  if (index.size(0) != x.size(a))
    fail("index_add",
         "one index for each of " + std::to_string(x.size(a)) + " slices along axis " + std::to_string(axis),
         describe(index) + " for " + describe(x));
  if (size < 0) fail("index_add", "a size of at least 0", std::to_string(size));
  return record(host::IndexAdd{a, size}, x, index);
}

void register_index_select(OpRegistry& r) {
  const auto sample = [](Shape x, std::int64_t count, int axis) {
    return Sample{to_string(x) + " axis " + std::to_string(axis),
                  {{x}, {{count}, 0, static_cast<double>(x[axis] - 1), {}, i64}},
                  [=](const Tensors& in) { return Tensors{index_select(in[0], axis, in[1])}; },
                  [=](const Tensors& in) {
                    Tensors slices{narrow(in[0], axis, 0, 0)};
                    for (auto i : in[1].to_vector<std::int64_t>()) slices.push_back(narrow(in[0], axis, i, 1));
                    return Tensors{concat(slices, axis)};
                  },
                  true};
  };
  r.add({"index_select",
         "slices of x at index",
         Kind::linear,
         {sample({4}, 6, 0), sample({3, 2}, 5, 0), sample({2, 3, 2}, 2, 1), sample({2, 3}, 4, -1), sample({1, 2}, 3, 0),
          sample({2, 3}, 0, 1)}});
  const auto back = [](Shape x, int axis, std::int64_t size) {
    return Sample{to_string(x) + " axis " + std::to_string(axis) + " into " + std::to_string(size),
                  {{x}, {{x[axis]}, 0, static_cast<double>(size - 1), {}, i64}},
                  [=](const Tensors& in) { return Tensors{index_add(in[0], axis, in[1], size)}; },
                  [=](const Tensors& in) {
                    Shape shape = in[0].shape();
                    shape[axis] = size;
                    Tensor out = zeros(shape, in[0].dtype());
                    const auto at = in[1].to_vector<std::int64_t>();
                    for (std::size_t i = 0; i < at.size(); ++i)
                      out = out +
                            unslice_axis(narrow(in[0], axis, static_cast<std::int64_t>(i), 1), axis, at[i], 1, size);
                    return Tensors{out};
                  },
                  true};
  };
  r.add({"index_add",
         "zeros with slices of x added at index, the adjoint of index_select",
         Kind::linear,
         {back({6}, 0, 4), back({5, 2}, 0, 3), back({2, 3, 2}, 1, 2), back({2, 4}, -1, 1), back({2, 0}, 1, 3)}});
}

}  // namespace stein
