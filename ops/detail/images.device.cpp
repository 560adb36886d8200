// SPDX-License-Identifier: MIT
#include "ops/detail/column_blocks.h"
#include "ops/detail/images_device.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

using kernels::ConvPart;
using kernels::ConvShape;
using kernels::PoolShape;
using kernels::ResampleTap;

template <class T>
struct Conv {
  static constexpr const char* name = "conv";
  ConvPart part;
  ConvShape s;
  std::int64_t stride[4];  // of the filter
  View<const T> a, b, bias;
  View<T> out;
  std::int64_t numel;

  // y[n, p, q, o] = sum over kh, kw, c of x[n, p * stride - pad + kh * dilation, .., c] w[o, c, kh, kw]
  STEIN_KERNEL T forward(std::int64_t i) const {
    const auto o = i % s.o, q = i / s.o % s.wo, p = i / s.o / s.wo % s.ho, n = i / s.o / s.wo / s.ho;
    const auto cg = s.c / s.groups, first = o / (s.o / s.groups) * cg;
    T sum = T(0);
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const auto h = p * s.stride_h - s.pad_h + kh * s.dilation_h;
      if (h < 0 || h >= s.h) continue;
      for (std::int64_t kw = 0; kw < s.kw; ++kw) {
        const auto w = q * s.stride_w - s.pad_w + kw * s.dilation_w;
        if (w < 0 || w >= s.w) continue;
        const auto x = ((n * s.h + h) * s.w + w) * s.c + first, f = o * stride[0] + kh * stride[2] + kw * stride[3];
        for (std::int64_t c = 0; c < cg; ++c) sum += a[x + c] * b[f + c * stride[1]];
      }
    }
    return bias_of(o, sum);
  }
  STEIN_KERNEL T bias_of(std::int64_t o, T sum) const { return bias ? static_cast<T>(sum + bias[o]) : sum; }
  STEIN_KERNEL T input(std::int64_t i) const {
    const auto c = i % s.c, w = i / s.c % s.w, h = i / s.c / s.w % s.h, n = i / s.c / s.w / s.h;
    const auto cg = s.c / s.groups, og = s.o / s.groups, first = c / cg * og;
    T sum = T(0);
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const auto from_h = h + s.pad_h - kh * s.dilation_h;
      if (from_h < 0 || from_h % s.stride_h || from_h / s.stride_h >= s.ho) continue;
      for (std::int64_t kw = 0; kw < s.kw; ++kw) {
        const auto from_w = w + s.pad_w - kw * s.dilation_w;
        if (from_w < 0 || from_w % s.stride_w || from_w / s.stride_w >= s.wo) continue;
        const auto g = ((n * s.ho + from_h / s.stride_h) * s.wo + from_w / s.stride_w) * s.o + first;
        const auto f = first * stride[0] + c % cg * stride[1] + kh * stride[2] + kw * stride[3];
        for (std::int64_t o = 0; o < og; ++o) sum += a[g + o] * b[f + o * stride[0]];
      }
    }
    return sum;
  }
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, numel, [&](std::int64_t i) { out[i] = part == ConvPart::forward ? forward(i) : input(i); });
  }
};

// A matrix for each result channel o and position in the filter: its columns are the weights of the channels that o sees, its rows the
// pixels of y, over which they are sums.
template <class T, int kPack>
struct ConvFilter {
  static constexpr const char* name = "conv_filter";
  ColumnBlocks at;
  ConvShape s;
  View<const T> x, g;
  View<T> out;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto walk = [&](T* mine, const ColumnBlocks::Range& range, std::int64_t column, std::int64_t row, int step) {
      const auto kw = range.matrix % s.kw, kh = range.matrix / s.kw % s.kh, o = range.matrix / s.kw / s.kh;
      const auto channel = o / (s.o / s.groups) * at.columns + column;
      for (; row < range.end; row += step) {
        const auto n = row / s.wo / s.ho, h = row / s.wo % s.ho * s.stride_h - s.pad_h + kh * s.dilation_h,
                   w = row % s.wo * s.stride_w - s.pad_w + kw * s.dilation_w;
        if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
        const auto v = x.template load<kPack>(((n * s.h + h) * s.w + w) * s.c + channel);
        const T factor = g[row * s.o + o];
        STEIN_UNROLL
        for (int k = 0; k < kPack; ++k) mine[k] += v.at[k] * factor;
      }
    };
    fold_columns<kPack>(block, at, T(0), Plus{}, walk,
                        [&](const ColumnBlocks::Range& range, std::int64_t column, T all) {
                          out[range.matrix * at.columns + column] = all;
                        });
  }
};

// Along one axis: the source positions of window p, and PyTorch's divisor.
struct Window {
  std::int64_t begin, end, count;
  STEIN_KERNEL Window(std::int64_t p, std::int64_t stride, std::int64_t pad, std::int64_t kernel, std::int64_t size,
                      bool include_pad) {
    const auto first = p * stride - pad, last = first + kernel;
    begin = first > 0 ? first : 0;
    end = last < size ? last : size;
    if (include_pad)
      count = (last < size + pad ? last : size + pad) - first;
    else
      count = end > begin ? end - begin : 0;
  }
};

template <class T>
struct Pool {
  static constexpr const char* name = "pool";
  int what;
  bool count_include_pad;
  PoolShape s;
  View<const T> in;
  View<T> out;
  View<std::int64_t> index;
  std::int64_t numel;

  STEIN_KERNEL Window rows(std::int64_t p) const { return {p, s.stride_h, s.pad_h, s.kh, s.h, count_include_pad}; }
  STEIN_KERNEL Window columns(std::int64_t q) const { return {q, s.stride_w, s.pad_w, s.kw, s.w, count_include_pad}; }
  STEIN_KERNEL T factor(const Window& h, const Window& w) const {
    const auto count = h.count * w.count;
    return T(1) / static_cast<T>(count > 1 ? count : 1);
  }
  STEIN_KERNEL T average(std::int64_t i) const {
    const auto c = i % s.c, q = i / s.c % s.wo, p = i / s.c / s.wo % s.ho, n = i / s.c / s.wo / s.ho;
    const Window h = rows(p), w = columns(q);
    T sum = T(0);
    for (auto y = h.begin; y < h.end; ++y)
      for (auto x = w.begin; x < w.end; ++x) sum += in[((n * s.h + y) * s.w + x) * s.c + c];
    return sum * factor(h, w);
  }
  STEIN_KERNEL T adjoint(std::int64_t i) const {
    const auto c = i % s.c, x = i / s.c % s.w, y = i / s.c / s.w % s.h, n = i / s.c / s.w / s.h;
    const auto first = [](std::int64_t at, std::int64_t pad, std::int64_t kernel, std::int64_t stride) {
      const auto from = at + pad - kernel + 1;
      return from > 0 ? (from + stride - 1) / stride : 0;
    };
    T sum = T(0);
    for (auto p = first(y, s.pad_h, s.kh, s.stride_h); p < s.ho && p * s.stride_h - s.pad_h <= y; ++p)
      for (auto q = first(x, s.pad_w, s.kw, s.stride_w); q < s.wo && q * s.stride_w - s.pad_w <= x; ++q)
        sum += in[((n * s.ho + p) * s.wo + q) * s.c + c] * factor(rows(p), columns(q));
    return sum;
  }
  // The first of equals, the last NaN if there is one.
  STEIN_KERNEL void largest(std::int64_t i) const {
    const auto c = i % s.c, q = i / s.c % s.wo, p = i / s.c / s.wo % s.ho, n = i / s.c / s.wo / s.ho;
    std::int64_t best_at = -1;
    T best = T(0);
    for (std::int64_t kh = 0; kh < s.kh; ++kh) {
      const auto y = p * s.stride_h - s.pad_h + kh * s.dilation_h;
      if (y < 0 || y >= s.h) continue;
      for (std::int64_t kw = 0; kw < s.kw; ++kw) {
        const auto x = q * s.stride_w - s.pad_w + kw * s.dilation_w;
        if (x < 0 || x >= s.w) continue;
        const T v = in[((n * s.h + y) * s.w + x) * s.c + c];
        if (best_at < 0 || v > best || v != v) best = v, best_at = y * s.w + x;
      }
    }
    out[i] = best;
    if (index) index[i] = best_at;
  }
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, numel, [&](std::int64_t i) {
      if (what == kernels::DevicePoolArgs::largest)
        largest(i);
      else
        out[i] = what == kernels::DevicePoolArgs::average ? average(i) : adjoint(i);
    });
  }
};

template <class T>
struct Resample {
  static constexpr const char* name = "resample";
  bool adjoint;
  std::int64_t c, h, w, ho, wo, numel;
  View<const ResampleTap> rows, cols;
  View<const kernels::DeviceResampleArgs::Range> of_rows, of_cols;
  View<const T> in;
  View<T> out;

  // How much position `at` gives to a result.
  STEIN_KERNEL static T part(const ResampleTap& tap, std::int64_t at) {
    return (tap.first == at ? T(1) - static_cast<T>(tap.weight) : T(0)) +
           (tap.weight != 0 && tap.second == at ? static_cast<T>(tap.weight) : T(0));
  }
  STEIN_KERNEL T mixed(std::int64_t i) const {
    const auto k = i % c, q = i / c % wo, p = i / c / wo % ho, n = i / c / wo / ho;
    const ResampleTap row = rows[p], col = cols[q];
    const auto at = [&](std::int64_t y) {
      const auto start = (n * h + y) * w;
      const T first = in[(start + col.first) * c + k];
      if (col.weight == 0) return first;
      const T second = in[(start + col.second) * c + k], weight = static_cast<T>(col.weight);
      return (T(1) - weight) * first + weight * second;
    };
    const T first = at(row.first);
    if (row.weight == 0) return first;
    const T weight = static_cast<T>(row.weight);
    return (T(1) - weight) * first + weight * at(row.second);
  }
  STEIN_KERNEL T gathered(std::int64_t i) const {
    const auto k = i % c, x = i / c % w, y = i / c / w % h, n = i / c / w / h;
    const kernels::DeviceResampleArgs::Range vertical = of_rows[y], horizontal = of_cols[x];
    T sum = T(0);
    for (auto p = vertical.begin; p < vertical.end; ++p)
      for (auto q = horizontal.begin; q < horizontal.end; ++q)
        sum += part(rows[p], y) * part(cols[q], x) * in[((n * ho + p) * wo + q) * c + k];
    return sum;
  }
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, numel, [&](std::int64_t i) { out[i] = adjoint ? gathered(i) : mixed(i); });
  }
};

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

using namespace ::stein::STEIN_UNIT;

template <class T>
const T* elements(const void* p) {
  return static_cast<const T*>(p);
}

void device_conv(const DeviceConvArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    const auto& s = a.shape;
    if (a.part == ConvPart::filter) {
      const auto at = column_blocks<T>(s.o * s.kh * s.kw, s.n * s.ho * s.wo, s.c / s.groups, {a.a});
      return by_pack<T>(at, [&](auto pack) {
        launch(ConvFilter<T, pack>{at, s, elements<T>(a.a), elements<T>(a.b), static_cast<T*>(a.out)}, at.grid());
      });
    }
    const auto numel = a.part == ConvPart::forward ? s.n * s.ho * s.wo * s.o : s.n * s.h * s.w * s.c;
    const auto& st = a.weight_stride;
    launch(Conv<T>{a.part,
                   s,
                   {st[0], st[1], st[2], st[3]},
                   elements<T>(a.a),
                   elements<T>(a.b),
                   elements<T>(a.bias),
                   static_cast<T*>(a.out),
                   numel},
           threads_for(numel));
  });
}

void device_pool(const DevicePoolArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    const auto& s = a.shape;
    const auto numel = s.n * s.c * (a.what == DevicePoolArgs::average_adjoint ? s.h * s.w : s.ho * s.wo);
    launch(Pool<T>{a.what, a.count_include_pad, s, elements<T>(a.in), static_cast<T*>(a.out), a.index, numel},
           threads_for(numel));
  });
}

void device_resample(const DeviceResampleArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    const auto numel = a.n * a.c * (a.adjoint ? a.h * a.w : a.ho * a.wo);
    launch(Resample<T>{a.adjoint, a.c, a.h, a.w, a.ho, a.wo, numel, a.rows, a.cols, a.of_rows, a.of_cols,
                       elements<T>(a.in), static_cast<T*>(a.out)},
           threads_for(numel));
  });
}

}  // namespace stein::kernels::STEIN_UNIT
