// SPDX-License-Identifier: MIT
#include "ops/reduce.h"

#include <algorithm>

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

namespace {

template <class T>
auto rows_kernel() {
  if constexpr (std::is_same_v<T, float>)
    return kernels::sum_rows_f32();
  else
    return kernels::sum_rows_f64();
}
template <class T>
auto columns_kernel() {
  if constexpr (std::is_same_v<T, float>)
    return kernels::sum_columns_f32();
  else
    return kernels::sum_columns_f64();
}

// in (outer, n, inner) row-major -> out (outer, inner)
template <class T>
void sum_middle(const T* in, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto work = std::max<std::int64_t>(n * inner, 1);
    if (outer == 1 && inner == 1 && n > 65536) {  // one long sum: partial sums of fixed chunks
      constexpr std::int64_t kChunk = 32768;
      Tensor partial = empty({(n + kChunk - 1) / kChunk}, dtype_of<T>());
      T* p = partial.mutable_data<T>();
      parallel_for(n, kChunk,
                   [&](std::int64_t b, std::int64_t e) { rows_kernel<T>()(in + b, p + b / kChunk, 1, e - b); });
      return rows_kernel<T>()(p, out, 1, partial.numel());
    }
    if (outer == 1 && inner > 1 && n * inner > 131072) {  // few columns, many rows: partial sums of fixed bands
      const auto band = std::max<std::int64_t>(64, 32768 / inner);
      const auto bands = (n + band - 1) / band;
      Tensor partial = empty({bands, inner}, dtype_of<T>());
      T* p = partial.mutable_data<T>();
      parallel_for(n, band, [&](std::int64_t b, std::int64_t e) {
        columns_kernel<T>()(in + b * inner, p + b / band * inner, e - b, inner);
      });
      return columns_kernel<T>()(p, out, bands, inner);
    }
    parallel_for(outer, std::max<std::int64_t>(1, 32768 / work), [&](std::int64_t b, std::int64_t e) {
      if (inner == 1)
        rows_kernel<T>()(in + b * n, out + b, e - b, n);
      else
        for (auto o = b; o < e; ++o) columns_kernel<T>()(in + o * n * inner, out + o * inner, n, inner);
    });
  } else {
    std::fill_n(out, outer * inner, T(0));
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t i = 0; i < inner; ++i) out[o * inner + i] += in[(o * n + j) * inner + i];
  }
}

}  // namespace

Tensor reduce_sum(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() != f32 && x.dtype() != f64 && x.dtype() != i64)
    fail("sum", "a dtype of f32, f64, i64", name_of(x.dtype()), "convert it with to(dtype)");
  // Neighbouring reduced axes form groups; each group is one pass over (outer, n, inner) in MEMORY order. Channels-last
  // images are seen as N, H, W, C.
  Tensor t = x.detach();
  Axes left = axes;
  const bool nhwc = !t.is_contiguous() && t.is_channels_last();
  if (nhwc) {
    static constexpr int kNew[] = {-4, -1, -3, -2};  // axis -4, -3, -2, -1 of NCHW stands there in NHWC
    t = permute(t, {0, 2, 3, 1});
    for (auto& a : left) a = kNew[a + 4];
    std::sort(left.begin(), left.end());
  } else if (!t.is_contiguous()) {
    t = t.clone();
  }
  const Shape final_shape = reduced_shape(x.shape(), axes, keepdim);
  Shape shape = t.shape();
  while (!left.empty()) {
    const int last = static_cast<int>(left.back());
    int first = last;
    left.erase(left.rank() - 1);
    while (!left.empty() && left.back() == first - 1) {
      --first;
      left.erase(left.rank() - 1);
    }
    const int r = shape.rank();
    const auto outer = numel(shape.slice(0, r + first)), n = numel(shape.slice(r + first, r + last + 1)),
               inner = numel(shape.slice(r + last + 1, r));
    Shape next = shape;
    for (int a = first; a <= last; ++a) next[a] = 1;
    Tensor out = empty(next, x.dtype(), x.device());
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>)
        sum_middle(t.data<T>(), out.mutable_data<T>(), outer, n, inner);
    });
    t = out;
    shape = next;
  }
  if (nhwc) t = permute(t, {0, 3, 1, 2});
  return reshape(t, final_shape);
}

}  // namespace stein
