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

template <class T>
void avg_pool_adjoint(const AvgPoolArgs<T>& a) {
  const PoolShape& s = a.shape;
  T* line = static_cast<T*>(a.scratch);  // sums over rows of windows, one row of y
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t n = item / s.h, h = item % s.h;
    const Range p = windows_of(h, s.stride_h, s.pad_h, s.kh, s.ho);
    const T* g = a.src + n * s.ho * s.wo * s.c;
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

template <class T>
void max_pool(const MaxPoolArgs<T>& a) {
  using Index = typename IndexOf<T>::Type;  // as wide as T, so that a comparison's mask selects among indices, too
  typedef Index IndexVec __attribute__((vector_size(kVecBytes)));
  constexpr int W = kLanes<T>;
  const PoolShape& s = a.shape;
  const T lowest = -__builtin_huge_val();
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t n = item / s.ho, p = item % s.ho;
    const T* image = a.x + n * s.h * s.w * s.c;
    const int64_t h0 = p * s.stride_h - s.pad_h, h1 = min_of(s.h, h0 + (s.kh - 1) * s.dilation_h + 1);
    const int64_t h_first = h0 < 0 ? h0 + ceil_div(-h0, s.dilation_h) * s.dilation_h : h0;
    for (int64_t q = 0; q < s.wo; ++q) {
      const int64_t w0 = q * s.stride_w - s.pad_w, w1 = min_of(s.w, w0 + (s.kw - 1) * s.dilation_w + 1);
      const int64_t w_first = w0 < 0 ? w0 + ceil_div(-w0, s.dilation_w) * s.dilation_w : w0;
      for (int64_t c = 0; c < s.c; c += W) {
        const int64_t lanes = min_of<int64_t>(W, s.c - c);
        Vec<T> best = broadcast(lowest);
        IndexVec at = IndexVec{} + static_cast<Index>(h_first * s.w + w_first);
        for (int64_t h = h_first; h < h1; h += s.dilation_h) {
          for (int64_t w = w_first; w < w1; w += s.dilation_w) {
            const T* from = image + (h * s.w + w) * s.c + c;
            const Vec<T> v = lanes == W ? load(from) : load_n(from, lanes);
            const auto take = (v > best) | (v != v);
            best = take ? v : best;
            at = take ? IndexVec{} + static_cast<Index>(h * s.w + w) : at;
          }
        }
        const int64_t to = (item * s.wo + q) * s.c + c;
        lanes == W ? store(a.y + to, best) : store_n(a.y + to, best, lanes);
        if (a.index != nullptr)
          for (int64_t l = 0; l < lanes; ++l) a.index[to + l] = at[l];
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
