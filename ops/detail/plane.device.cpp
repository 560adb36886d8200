// SPDX-License-Identifier: MIT
#include <limits>

#include "ops/detail/column_blocks.h"
#include "ops/detail/plane_device.h"
#include "ops/math.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

/// The cotangent g of ELU's result y, before ELU.
template <class T>
STEIN_KERNEL T before_elu(T g, T y) {
  return y <= T(0) ? g * (y + T(1)) : g;
}

// Packs of an image's elements before ELU, where there is one.
template <class T>
struct Cotangent {
  View<const T> g, gate;
  template <int kPack>
  STEIN_KERNEL Pack<T, kPack> load(std::int64_t i) const {
    auto r = g.template load<kPack>(i);
    if (gate) {
      const auto y = gate.template load<kPack>(i);
      STEIN_UNROLL
      for (int k = 0; k < kPack; ++k) r.at[k] = before_elu(r.at[k], y.at[k]);
    }
    return r;
  }
};

// Of some values: how many, their mean, and the sum of squared distances from it.
template <class T>
struct Moments {
  T count, mean, squares;
};
struct Together {
  template <class T>
  STEIN_KERNEL Moments<T> operator()(const Moments<T>& a, const Moments<T>& b) const {
    const T count = a.count + b.count;
    if (count == T(0)) return a;
    const T apart = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * (a.count * share)};
  }
};

// Of the distances from the plane's first pixel, which is about as far from the mean as any: a large mean does not cost digits.
template <class T, int kPack>
struct PlaneMoments {
  static constexpr const char* name = "plane_moments";
  ColumnBlocks at;
  View<const T> x;
  View<T> mean, rstd;
  double eps;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto walk = [&](Moments<T>* mine, const ColumnBlocks::Range& range, std::int64_t column, std::int64_t row,
                          int step) {
      if (row >= range.end) return;
      const auto start = range.matrix * at.rows * at.columns + column;
      const auto first = x.template load<kPack>(start);
      T count = T(0);
      STEIN_FOUR_AT_ONCE
      for (; row < range.end; row += step) {
        const auto v = x.template load<kPack>(start + row * at.columns);
        const T share = T(1) / (count += T(1));
        STEIN_UNROLL
        for (int k = 0; k < kPack; ++k) {
          const T d = v.at[k] - first.at[k], before = d - mine[k].mean;
          mine[k].mean += before * share;
          mine[k].squares += before * (d - mine[k].mean);
        }
      }
      STEIN_UNROLL
      for (int k = 0; k < kPack; ++k) mine[k].count = count;
    };
    const auto finish = [&](const ColumnBlocks::Range& range, std::int64_t column, const Moments<T>& all) {
      const auto plane = range.matrix * at.columns + column;
      const T nothing = std::numeric_limits<T>::quiet_NaN();
      mean[plane] = at.rows ? static_cast<T>(x[range.matrix * at.rows * at.columns + column] + all.mean) : nothing;
      rstd[plane] = at.rows ? T(1) / math::sqrt(all.squares / static_cast<T>(at.rows) + static_cast<T>(eps)) : nothing;
    };
    fold_columns<kPack>(block, at, Moments<T>{T(0), T(0), T(0)}, Together{}, walk, finish);
  }
};

template <class T>
struct TwoSums {
  T g, gy;
};
struct AddBoth {
  template <class T>
  STEIN_KERNEL TwoSums<T> operator()(const TwoSums<T>& a, const TwoSums<T>& b) const {
    return {a.g + b.g, a.gy + b.gy};
  }
};

template <class T, int kPack>
struct PlaneSums {
  static constexpr const char* name = "plane_sums";
  ColumnBlocks at;
  Cotangent<T> g;
  View<const T> y, center;
  View<T> sum_g, sum_gy;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto walk = [&](TwoSums<T>* mine, const ColumnBlocks::Range& range, std::int64_t column, std::int64_t row,
                          int step) {
      const auto middle = center.template load<kPack>(range.matrix * at.columns + column);
      STEIN_FOUR_AT_ONCE
      for (; row < range.end; row += step) {
        const auto i = (range.matrix * at.rows + row) * at.columns + column;
        const auto v = g.template load<kPack>(i), w = y.template load<kPack>(i);
        STEIN_UNROLL
        for (int k = 0; k < kPack; ++k) {
          mine[k].g += v.at[k];
          mine[k].gy += v.at[k] * (w.at[k] - middle.at[k]);
        }
      }
    };
    const auto finish = [&](const ColumnBlocks::Range& range, std::int64_t column, const TwoSums<T>& all) {
      sum_g[range.matrix * at.columns + column] = all.g;
      sum_gy[range.matrix * at.columns + column] = all.gy;
    };
    fold_columns<kPack>(block, at, TwoSums<T>{T(0), T(0)}, AddBoth{}, walk, finish);
  }
};

// A thread keeps the coefficients of its channels.
template <class T, int kPack>
struct PlaneAffine {
  static constexpr const char* name = "plane_affine";
  ColumnBlocks at;
  Cotangent<T> g;
  View<const T> a, y, b, center, offset;
  bool elu;
  View<T> out;
  STEIN_KERNEL void operator()(Block& block) const {
    for (auto work = block.index(); work < at.blocks(); work += block.count()) {
      const auto range = at.range(work);
      block.threads([&](int t) {
        const auto column = range.column + t % at.across * kPack, plane = range.matrix * at.columns + column;
        if (column >= at.columns) return;
        Pack<T, kPack> scale{};
        if (g.g) scale = a.template load<kPack>(plane);
        const auto slope = b.template load<kPack>(plane), middle = center.template load<kPack>(plane),
                   constant = offset.template load<kPack>(plane);
        for (auto row = range.begin + t / at.across; row < range.end; row += at.down()) {
          const auto i = (range.matrix * at.rows + row) * at.columns + column;
          auto v = y.template load<kPack>(i);
          STEIN_UNROLL
          for (int k = 0; k < kPack; ++k) v.at[k] = slope.at[k] * (v.at[k] - middle.at[k]);
          if (g.g) {
            const auto w = g.template load<kPack>(i);
            STEIN_UNROLL
            for (int k = 0; k < kPack; ++k) v.at[k] = scale.at[k] * w.at[k] + v.at[k];
          }
          STEIN_UNROLL
          for (int k = 0; k < kPack; ++k) {
            v.at[k] += constant.at[k];
            if (elu && !(v.at[k] > T(0))) v.at[k] = math::expm1(v.at[k]);
          }
          out.store(i, v);
        }
      });
    }
  }
};

// The sum of term(k) over the channels, by all threads of a block.
template <class Term>
STEIN_KERNEL double over_channels(Block& block, std::int64_t c, const Term& term) {
  auto part = block.template local<double>(0);
  block.threads([&](int t) {
    for (std::int64_t k = t; k < c; k += block.size()) part[t] += term(k);
  });
  return combine(block, part, 0.0, Plus{});
}
// Of a sample's means: their mean, and 1 / sqrt(their variance + eps).
template <class T>
struct MeansOfSample {
  double middle, q;
  STEIN_KERNEL MeansOfSample(Block& block, const View<const T>& mean, std::int64_t c, double eps) {
    middle =
        over_channels(block, c, [&](std::int64_t k) { return static_cast<double>(mean[k]); }) / static_cast<double>(c);
    const double squares = over_channels(block, c, [&](std::int64_t k) {
      const double d = static_cast<double>(mean[k]) - middle;
      return d * d;
    });
    q = 1 / math::sqrt(squares / static_cast<double>(c - 1) + eps);
  }
};

// A block for each sample. As on the cpu, what happens among channels is done in double.
template <class T>
struct NormPlus {
  static constexpr const char* name = "norm_plus";
  std::int64_t n, c;
  double eps;
  View<const T> mean, rstd, rows;
  View<T> b, offset;
  STEIN_KERNEL void operator()(Block& block) const {
    for (auto sample = block.index(); sample < n; sample += block.count()) {
      const auto first = sample * c;
      const MeansOfSample<T> means(block, mean + first, c, eps);
      block.threads([&](int t) {
        for (std::int64_t k = t; k < c; k += block.size()) {
          const auto row = 3 * first + k;
          const double gamma = rows[row], alpha = rows[row + c], beta = rows[row + 2 * c];
          b[first + k] = static_cast<T>(gamma * static_cast<double>(rstd[first + k]));
          offset[first + k] =
              static_cast<T>(gamma * alpha * (static_cast<double>(mean[first + k]) - means.middle) * means.q + beta);
        }
      });
    }
  }
};

template <class T>
struct NormPlusBackward {
  static constexpr const char* name = "norm_plus_backward";
  std::int64_t n, c;
  double pixels, eps;
  View<const T> sum_g, sum_gx, mean, rstd, rows, g_mean, g_rstd;
  View<T> a, b, offset, g_rows;

  // The cotangent of t.
  STEIN_KERNEL double to_t(std::int64_t plane, std::int64_t row) const {
    return static_cast<double>(rows[row]) * static_cast<double>(rows[row + c]) * static_cast<double>(sum_g[plane]);
  }
  STEIN_KERNEL void operator()(Block& block) const {
    const auto channels = static_cast<double>(c);
    for (auto sample = block.index(); sample < n; sample += block.count()) {
      const auto first = sample * c;
      const MeansOfSample<T> means(block, mean + first, c, eps);
      const double q = means.q;
      const auto apart = [&](std::int64_t k) { return static_cast<double>(mean[first + k]) - means.middle; };
      const double sum_u = over_channels(block, c, [&](std::int64_t k) { return to_t(first + k, 3 * first + k); });
      const double sum_ud =
          over_channels(block, c, [&](std::int64_t k) { return to_t(first + k, 3 * first + k) * apart(k); });
      block.threads([&](int t) {
        for (std::int64_t k = t; k < c; k += block.size()) {
          const auto plane = first + k, row = 3 * first + k;
          const double gamma = rows[row], alpha = rows[row + c], r = rstd[plane], s = sum_g[plane], sx = sum_gx[plane];
          const double d = apart(k), to_rstd = gamma * sx + static_cast<double>(g_rstd[plane]);
          const double to_mean = static_cast<double>(g_mean[plane]) - gamma * r * s +
                                 q * (to_t(plane, row) - sum_u / channels) - q * q * q * d * (sum_ud / (channels - 1));
          a[plane] = static_cast<T>(gamma * r);
          b[plane] = static_cast<T>(-to_rstd * (r * r * r) / pixels);
          offset[plane] = static_cast<T>(to_mean / pixels);
          g_rows[row] = static_cast<T>(r * sx + alpha * d * q * s);
          g_rows[row + c] = static_cast<T>(gamma * d * q * s);
          g_rows[row + 2 * c] = static_cast<T>(s);
        }
      });
    }
  }
};

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

using namespace ::stein::STEIN_UNIT;

namespace {
template <class T>
const T* read(const void* p) {
  return static_cast<const T*>(p);
}
template <class T>
T* written(void* p) {
  return static_cast<T*>(p);
}
constexpr std::int64_t kSamples = 65536;  // blocks, at most
}  // namespace

void device_plane_moments(const DevicePlaneMomentsArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    const auto at = column_blocks<T>(a.n, a.pixels, a.c, {a.x});
    by_pack<T>(at, [&](auto pack) {
      launch(PlaneMoments<T, pack>{at, read<T>(a.x), written<T>(a.mean), written<T>(a.rstd), a.eps}, at.grid());
    });
  });
}

void device_plane_sums(const DevicePlaneSumsArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    const auto at = column_blocks<T>(a.n, a.pixels, a.c, {a.g, a.gate, a.y, a.center});
    by_pack<T>(at, [&](auto pack) {
      launch(PlaneSums<T, pack>{at,
                                {read<T>(a.g), read<T>(a.gate)},
                                read<T>(a.y),
                                read<T>(a.center),
                                written<T>(a.sum_g),
                                written<T>(a.sum_gy)},
             at.grid());
    });
  });
}

void device_plane_affine(const DevicePlaneAffineArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    constexpr int kRows = 8;  // of a thread, for which it loads its coefficients once
    const auto whole = column_blocks<T>(a.n, a.pixels, a.c, {a.g, a.gate, a.a, a.y, a.b, a.center, a.offset, a.out});
    const auto at = whole.cut(whole.down() * kRows);
    by_pack<T>(at, [&](auto pack) {
      launch(PlaneAffine<T, pack>{at,
                                  {read<T>(a.g), read<T>(a.gate)},
                                  read<T>(a.a),
                                  read<T>(a.y),
                                  read<T>(a.b),
                                  read<T>(a.center),
                                  read<T>(a.offset),
                                  a.elu,
                                  written<T>(a.out)},
             at.grid());
    });
  });
}

void device_norm_plus(const DeviceNormPlusArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    launch(NormPlus<T>{a.n, a.c, a.eps, read<T>(a.mean), read<T>(a.rstd), read<T>(a.rows), written<T>(a.b),
                       written<T>(a.offset)},
           {a.n < kSamples ? a.n : kSamples, 128});
  });
}

void device_norm_plus_backward(const DeviceNormPlusBackwardArgs& a) {
  by_floating(a.f64, [&](auto zero) {
    using T = decltype(zero);
    launch(NormPlusBackward<T>{a.n, a.c, static_cast<double>(a.pixels), a.eps, read<T>(a.sum_g), read<T>(a.sum_gx),
                               read<T>(a.mean), read<T>(a.rstd), read<T>(a.rows), read<T>(a.g_mean), read<T>(a.g_rstd),
                               written<T>(a.a), written<T>(a.b), written<T>(a.offset), written<T>(a.g_rows)},
           {a.n < kSamples ? a.n : kSamples, 128});
  });
}

}  // namespace stein::kernels::STEIN_UNIT
