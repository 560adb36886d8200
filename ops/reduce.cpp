// SPDX-License-Identifier: MIT
#include "ops/reduce.h"

#include <algorithm>

#include "ops/detail/kernel_of.h"
#include "ops/detail/reduce_kernels.h"
#include "ops/ops.h"
#include "tensor/thread_pool.h"

namespace stein {

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim) {
  Shape r;
  for (int i = -shape.rank(); i < 0; ++i) {
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!gone || keepdim) r.push_back(gone ? 1 : shape[i]);
  }
  return r;
}

Tensor with_axes(const Tensor& reduced, const Axes& axes) {
  Shape shape = reduced.shape();
  // Leftmost first: each insertion is counted from the end of the final shape.
  const int rank = shape.rank() + axes.rank();
  for (auto a : axes) shape.insert(static_cast<int>(a) + rank, 1);
  return reshape(reduced, shape);
}

std::int64_t reduced_count(const Shape& shape, const Axes& axes) {
  std::int64_t n = 1;
  for (auto a : axes) n *= shape[static_cast<int>(a)];
  return n;
}

Tensor inverse_or_zero(const Tensor& y) {
  const Tensor zero = scalar(0, y.dtype()), at_zero = eq(y.detach(), zero);
  return where(at_zero, zero, reciprocal(where(at_zero, scalar(1, y.dtype()), y)));
}

namespace {

// in (outer, n, inner) row-major -> out (outer, inner)
template <class T>
void sum_middle(const T* in, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto work = std::max<std::int64_t>(n * inner, 1);
    if (outer == 1 && inner == 1 && n > 65536) {  // one long sum: partial sums of fixed chunks
      constexpr std::int64_t kChunk = 32768;
      Tensor partial = empty({(n + kChunk - 1) / kChunk}, dtype_of<T>());
      T* p = partial.mutable_data<T>();
      parallel_for(n, kChunk, [&](std::int64_t b, std::int64_t e) {
        STEIN_KERNEL_OF(T, sum_rows)(in + b, p + b / kChunk, 1, e - b);
      });
      return STEIN_KERNEL_OF(T, sum_rows)(p, out, 1, partial.numel());
    }
    if (outer == 1 && inner > 1 && n * inner > 131072) {  // few columns, many rows: partial sums of fixed bands
      const auto band = std::max<std::int64_t>(64, 32768 / inner);
      const auto bands = (n + band - 1) / band;
      Tensor partial = empty({bands, inner}, dtype_of<T>());
      T* p = partial.mutable_data<T>();
      parallel_for(n, band, [&](std::int64_t b, std::int64_t e) {
        STEIN_KERNEL_OF(T, sum_columns)(in + b * inner, p + b / band * inner, e - b, inner);
      });
      return STEIN_KERNEL_OF(T, sum_columns)(p, out, bands, inner);
    }
    parallel_for(outer, std::max<std::int64_t>(1, 32768 / work), [&](std::int64_t b, std::int64_t e) {
      if (inner == 1)
        STEIN_KERNEL_OF(T, sum_rows)(in + b * n, out + b, e - b, n);
      else
        for (auto o = b; o < e; ++o) STEIN_KERNEL_OF(T, sum_columns)(in + o * n * inner, out + o * inner, n, inner);
    });
  } else {
    std::fill_n(out, outer * inner, T(0));
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t i = 0; i < inner; ++i) out[o * inner + i] += in[(o * n + j) * inner + i];
  }
}

}  // namespace

Tensor reduce_by_passes(const Tensor& x, const Axes& axes, bool keepdim, const ReducePass& pass) {
  // The axes from the largest stride to the smallest: a dense tensor in any order of axes is row-major then.
  const int rank = x.rank();
  Tensor t = x.detach();
  Axes order;
  for (int i = 0; i < rank; ++i) order.push_back(i);
  if (!t.is_contiguous()) {
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return std::abs(x.strides()[static_cast<int>(a)]) > std::abs(x.strides()[static_cast<int>(b)]);
    });
    t = permute(t, order);
    if (!t.is_contiguous()) {
      t = detail::dense_copy(x);
      std::sort(order.begin(), order.end());
    }
  }
  Axes back = order;
  for (int i = 0; i < rank; ++i) back[static_cast<int>(order[i])] = i;
  Axes left;
  for (auto a : axes) left.push_back(back[static_cast<int>(a)] - rank);
  std::sort(left.begin(), left.end());

  Shape shape = t.shape();
  while (!left.empty()) {
    const int last = static_cast<int>(left.back());
    int first = last;
    left.erase(left.rank() - 1);
    while (!left.empty() && left.back() == first - 1) {
      --first;
      left.erase(left.rank() - 1);
    }
    const auto outer = numel(shape.slice(0, rank + first)), n = numel(shape.slice(rank + first, rank + last + 1)),
               inner = numel(shape.slice(rank + last + 1, rank));
    Shape next = shape;
    for (int a = first; a <= last; ++a) next[a] = 1;
    Tensor out = empty(next, x.dtype(), x.device());
    if (out.numel()) pass(t, out, outer, n, inner);
    t = out;
    shape = next;
  }
  return reshape(permute(t, back), reduced_shape(x.shape(), axes, keepdim));
}

void reduce_on_device(kernels::Reduction what, const Tensor& in, const Tensor* second, Tensor& out, std::int64_t outer,
                      std::int64_t n, std::int64_t inner) {
  const auto parts = kernels::reduce_parts(outer, n, inner);
  Tensor partial;
  if (parts > 1) partial = empty({outer, parts, inner}, in.dtype(), in.device());
  kernels::device_reduce(in.device())({what, in.dtype(), outer, n, inner, in.raw(), second ? second->raw() : nullptr,
                                       const_cast<void*>(out.raw()), parts,
                                       parts > 1 ? const_cast<void*>(partial.raw()) : nullptr});
}

Tensor reduce_sum(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() != f32 && x.dtype() != f64 && x.dtype() != i64)
    fail("sum", "a dtype of f32, f64, i64", name_of(x.dtype()), "convert it with to(dtype)");
  return reduce_by_passes(x, axes, keepdim, [](const Tensor& in, Tensor& out, auto outer, auto n, auto inner) {
    if (in.device() != cpu) return reduce_on_device(kernels::Reduction::sum, in, nullptr, out, outer, n, inner);
    visit_dtype(in.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>)
        sum_middle(in.data<T>(), out.mutable_data<T>(), outer, n, inner);
    });
  });
}

}  // namespace stein
