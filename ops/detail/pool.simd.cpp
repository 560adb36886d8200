// SPDX-License-Identifier: MIT
// Average pooling is separable: a row of column sums, then sums along that row, kh + kw additions for each result. (Running sums
// would need two, but their rounding errors wander.)
#include "ops/detail/kernel_vec.h"
#include "ops/detail/pool_kernels.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

struct Range {
  int64_t begin, end;
};

/// Source positions of window p, clipped to the image; count is PyTorch's divisor along this axis.
STEIN_INLINE Range window(int64_t p, int64_t stride, int64_t pad, int64_t kernel, int64_t size, bool include_pad,
                          int64_t& count) {
  const int64_t first = p * stride - pad, last = first + kernel;
  const Range r{max_of<int64_t>(0, first), min_of(size, last)};
  count = include_pad ? min_of(last, size + pad) - first : max_of<int64_t>(0, r.end - r.begin);
  return r;
}

/// The windows that hold source position h.
STEIN_INLINE Range windows_of(int64_t h, int64_t stride, int64_t pad, int64_t kernel, int64_t windows) {
  return {max_of<int64_t>(0, ceil_div(max_of<int64_t>(0, h + pad - kernel + 1), stride)),
          min_of(windows, (h + pad) / stride + 1)};
}

/// to[i] = the sum of `count` values from[i + k * step], i < n; 0 when there are none.
template <class T>
void sum_steps(const T* from, int64_t step, int64_t count, int64_t n, T* to) {
  constexpr int W = kLanes<T>;
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    Vec<T> a = {}, b = {};
    const T* p = from + i;
    for (int64_t k = 0; k < count; ++k, p += step) {
      a += load(p);
      b += load(p + W);
    }
    store(to + i, a);
    store(to + i + W, b);
  }
  for (; i < n; i += W) {
    const int64_t lanes = min_of<int64_t>(W, n - i);
    Vec<T> a = {};
    const T* p = from + i;
    for (int64_t k = 0; k < count; ++k, p += step) a += lanes == W ? load(p) : load_n(p, lanes);
    lanes == W ? store(to + i, a) : store_n(to + i, a, lanes);
  }
}

template <class T>
void scale(T* to, T factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] *= factor;
}

template <class T>
void avg_pool(const AvgPoolArgs<T>& a) {
  const PoolShape& s = a.shape;
  T* line = static_cast<T*>(a.scratch);  // column sums, one row of x
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t n = item / s.ho, p = item % s.ho;
    T* to = a.dst + item * s.wo * s.c;
    int64_t rows = 0, cols = 0;
    const Range h = window(p, s.stride_h, s.pad_h, s.kh, s.h, a.count_include_pad, rows);
    sum_steps(a.src + (n * s.h + h.begin) * s.w * s.c, s.w * s.c, h.end - h.begin, s.w * s.c, line);
    for (int64_t q = 0; q < s.wo;) {
      const Range w = window(q, s.stride_w, s.pad_w, s.kw, s.w, a.count_include_pad, cols);
      const T factor = T(1) / static_cast<T>(max_of<int64_t>(1, rows * cols));
      // At stride 1 the whole windows are one long sum.
      int64_t run = 1;
      if (s.stride_w == 1 && w.end - w.begin == s.kw) run = max_of<int64_t>(1, min_of(s.wo - q, s.w - w.end + 1));
      sum_steps(line + w.begin * s.c, s.c, w.end - w.begin, run * s.c, to + q * s.c);
      scale(to + q * s.c, factor, run * s.c);
      q += run;
    }
  }
}

/// Sums over the windows [p.begin, p.end) of a column of windows, each divided by its own count: one row of y.
template <class T>
void sum_windows(const AvgPoolArgs<T>& a, const T* g, Range p, T* line) {
  const PoolShape& s = a.shape;
  for (int64_t q = 0; q < s.wo; ++q) {
    int64_t rows = 0, cols = 0;
    window(q, s.stride_w, s.pad_w, s.kw, s.w, a.count_include_pad, cols);
    T* to = line + q * s.c;
    for (int64_t c = 0; c < s.c; ++c) to[c] = T(0);
    for (int64_t i = p.begin; i < p.end; ++i) {
      window(i, s.stride_h, s.pad_h, s.kh, s.h, a.count_include_pad, rows);
      const T factor = T(1) / static_cast<T>(max_of<int64_t>(1, rows * cols));
      const T* from = g + (i * s.wo + q) * s.c;
      for (int64_t c = 0; c < s.c; ++c) to[c] += factor * from[c];
    }
  }
}

template <class T>
void avg_pool_adjoint(const AvgPoolArgs<T>& a) {
  const PoolShape& s = a.shape;
  T* line = static_cast<T*>(a.scratch);  // sums over rows of windows, one row of y
  // All windows count the same, unless the pad does not count or the last reaches past it.
  const bool uniform = a.count_include_pad && (s.ho - 1) * s.stride_h - s.pad_h + s.kh <= s.h + s.pad_h &&
                       (s.wo - 1) * s.stride_w - s.pad_w + s.kw <= s.w + s.pad_w;
  const T factor = T(1) / static_cast<T>(s.kh * s.kw);
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t n = item / s.h, h = item % s.h;
    const Range p = windows_of(h, s.stride_h, s.pad_h, s.kh, s.ho);
    const T* g = a.src + n * s.ho * s.wo * s.c;
    if (uniform) {
      sum_steps(g + p.begin * s.wo * s.c, s.wo * s.c, max_of<int64_t>(0, p.end - p.begin), s.wo * s.c, line);
      scale(line, factor, s.wo * s.c);
    } else {
      sum_windows(a, g, p, line);
    }
    T* to = a.dst + item * s.w * s.c;
    for (int64_t w = 0; w < s.w;) {
      const Range q = windows_of(w, s.stride_w, s.pad_w, s.kw, s.wo);
      int64_t run = 1;
      if (s.stride_w == 1 && q.end - q.begin == s.kw) run = max_of<int64_t>(1, min_of(s.w - w, s.wo - q.end + 1));
      sum_steps(line + q.begin * s.c, s.c, q.end - q.begin, run * s.c, to + w * s.c);
      w += run;
    }
  }
}

template <class T>
struct IndexOf;
template <>
struct IndexOf<float> {
  using Type = int32_t;
};
template <>
struct IndexOf<double> {
  using Type = int64_t;
};

/// One window, V vectors of channels: comparisons that do not wait for each other.
template <class T, int V>
STEIN_INLINE void max_window(const T* from, const PoolShape& s, Range h, Range w, int64_t lanes, T* value,
                             int64_t* index) {
  using Index = typename IndexOf<T>::Type;  // as wide as T, so that a comparison's mask selects among indices, too
  typedef Index IndexVec __attribute__((vector_size(kVecBytes)));
  constexpr int W = kLanes<T>;
  Vec<T> best[V];
  IndexVec at[V];
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    best[v] = broadcast(T(-__builtin_huge_val()));
    at[v] = IndexVec{} + static_cast<Index>(h.begin * s.w + w.begin);
  }
  for (int64_t i = h.begin; i < h.end; i += s.dilation_h) {
    for (int64_t j = w.begin; j < w.end; j += s.dilation_w) {
      const T* pixel = from + (i * s.w + j) * s.c;
      const IndexVec here = IndexVec{} + static_cast<Index>(i * s.w + j);
      STEIN_UNROLL
      for (int v = 0; v < V; ++v) {
        const Vec<T> x = V > 1 || lanes >= W ? load(pixel + v * W) : load_n(pixel, lanes);
        const auto take = (x > best[v]) | (x != x);
        best[v] = take ? x : best[v];
        at[v] = take ? here : at[v];
      }
    }
  }
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    V > 1 || lanes >= W ? store(value + v * W, best[v]) : store_n(value, best[v], lanes);
    if (index != nullptr)
      for (int64_t l = 0; l < (V > 1 || lanes >= W ? W : lanes); ++l) index[v * W + l] = at[v][l];
  }
}

/// Positions of window p inside the image.
STEIN_INLINE Range dilated_window(int64_t p, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation,
                                  int64_t size) {
  const int64_t first = p * stride - pad;
  return {first < 0 ? first + ceil_div(-first, dilation) * dilation : first,
          min_of(size, first + (kernel - 1) * dilation + 1)};
}

template <class T>
void max_pool(const MaxPoolArgs<T>& a) {
  constexpr int W = kLanes<T>;
  const PoolShape& s = a.shape;
  for (int64_t item = a.begin; item < a.end; ++item) {
    const T* image = a.x + item / s.ho * s.h * s.w * s.c;
    const Range h = dilated_window(item % s.ho, s.stride_h, s.pad_h, s.kh, s.dilation_h, s.h);
    for (int64_t q = 0; q < s.wo; ++q) {
      const Range w = dilated_window(q, s.stride_w, s.pad_w, s.kw, s.dilation_w, s.w);
      const int64_t pixel = (item * s.wo + q) * s.c;
      for (int64_t c = 0; c < s.c;) {
        T* value = a.y + pixel + c;
        int64_t* index = a.index == nullptr ? nullptr : a.index + pixel + c;
        if (c + 4 * W <= s.c) {
          max_window<T, 4>(image + c, s, h, w, 4 * W, value, index);
          c += 4 * W;
        } else if (c + 2 * W <= s.c) {
          max_window<T, 2>(image + c, s, h, w, 2 * W, value, index);
          c += 2 * W;
        } else {
          max_window<T, 1>(image + c, s, h, w, s.c - c, value, index);
          c += W;
        }
      }
    }
  }
}

}  // namespace

int64_t avg_pool_scratch_bytes(const PoolShape& shape, int64_t element_size) {
  return round_up(max_of(shape.w, shape.wo) * shape.c * element_size, 64);
}
void avg_pool_f32(const AvgPoolArgs<float>& args) { avg_pool(args); }
void avg_pool_f64(const AvgPoolArgs<double>& args) { avg_pool(args); }
void avg_pool_adjoint_f32(const AvgPoolArgs<float>& args) { avg_pool_adjoint(args); }
void avg_pool_adjoint_f64(const AvgPoolArgs<double>& args) { avg_pool_adjoint(args); }
void max_pool_f32(const MaxPoolArgs<float>& args) { max_pool(args); }
void max_pool_f64(const MaxPoolArgs<double>& args) { max_pool(args); }

}  // namespace stein::kernels::STEIN_UNIT
