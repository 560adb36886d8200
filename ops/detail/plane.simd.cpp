// SPDX-License-Identifier: MIT
// A period is the shortest stretch of memory after which both channels and vectors repeat: c elements when whole vectors hold c,
// otherwise c vectors. Coefficients are laid out once for a period, and all loops run over vectors of periods.
//
// Sums: vectors add up to kBlock periods, whose totals are added in double; with the block sums the error grows like
// kBlock + pixels / 2^29 and not like pixels.
#include "ops/detail/kernel_vec.h"
#include "ops/detail/plane_kernels.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

constexpr int64_t kBlock = 32;

template <class T>
int64_t period(int64_t c) {
  return c % kLanes<T> == 0 ? c : c * kLanes<T>;
}

/// Values of the channels, repeated over a period; `absent` where there are none.
template <class T>
void repeat(const T* values, T absent, int64_t c, int64_t length, T* to) {
  for (int64_t i = 0; i < length; i += c)
    for (int64_t k = 0; k < c; ++k) to[i + k] = values == nullptr ? absent : values[k];
}

enum class Term { kX, kProduct, kSquare };  // x, x * (y - center), (x - center)^2

template <class T, Term kTerm>
STEIN_INLINE Vec<T> term(Vec<T> x, Vec<T> y, Vec<T> center) {
  if constexpr (kTerm == Term::kX) return x;
  if constexpr (kTerm == Term::kProduct) return x * (y - center);
  return (x - center) * (x - center);
}

/// totals[i] += the terms of `periods` periods at positions [i, i + V vectors).
template <class T, Term kTerm, int V>
void add_columns(const T* x, const T* y, const T* center, int64_t periods, int64_t length, double* totals) {
  constexpr int W = kLanes<T>;
  Vec<T> acc[V], mid[V];
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    acc[v] = Vec<T>{};
    mid[v] = kTerm == Term::kX ? Vec<T>{} : load(center + v * W);
  }
  for (int64_t p = 0; p < periods; ++p) {
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t at = p * length + v * W;
      acc[v] += term<T, kTerm>(load(x + at), kTerm == Term::kProduct ? load(y + at) : Vec<T>{}, mid[v]);
    }
  }
  STEIN_UNROLL
  for (int v = 0; v < V; ++v)
    for (int l = 0; l < W; ++l) totals[v * W + l] += static_cast<double>(acc[v][l]);
}

/// Sums over the plane of each channel; center holds a period, totals has room for one.
template <class T, Term kTerm>
void plane_totals(const T* x, const T* y, const T* center, int64_t pixels, int64_t c, double* totals) {
  constexpr int W = kLanes<T>;
  if (c == 0) return;
  const int64_t length = period<T>(c), periods = pixels * c / length;
  for (int64_t i = 0; i < length; ++i) totals[i] = 0;
  for (int64_t p = 0; p < periods; p += kBlock) {
    const int64_t count = min_of(kBlock, periods - p), at = p * length;
    int64_t i = 0;
    for (; i + 4 * W <= length; i += 4 * W)
      add_columns<T, kTerm, 4>(x + at + i, y + at + i, center + i, count, length, totals + i);
    for (; i < length; i += W) add_columns<T, kTerm, 1>(x + at + i, y + at + i, center + i, count, length, totals + i);
  }
  for (int64_t i = periods * length; i < pixels * c; ++i) {
    const int64_t k = i - periods * length;
    const T d = kTerm == Term::kX ? T(0) : (kTerm == Term::kProduct ? y[i] : x[i]) - center[k];
    totals[k] += static_cast<double>(kTerm == Term::kX ? x[i] : kTerm == Term::kProduct ? x[i] * d : d * d);
  }
  for (int64_t i = c; i < length; ++i) totals[i % c] += totals[i];
}

template <class T>
void plane_moments(const PlaneMomentsArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  double* totals = static_cast<double*>(a.scratch);
  T* center = reinterpret_cast<T*>(totals + length);
  const double count = static_cast<double>(a.pixels);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T* x = a.x + n * size;
    T *mean = a.mean + n * a.c, *variance = a.variance + n * a.c;
    plane_totals<T, Term::kX>(x, x, x, a.pixels, a.c, totals);
    for (int64_t k = 0; k < a.c; ++k) mean[k] = static_cast<T>(totals[k] / count);
    repeat(mean, T(0), a.c, length, center);
    plane_totals<T, Term::kSquare>(x, x, center, a.pixels, a.c, totals);
    for (int64_t k = 0; k < a.c; ++k) variance[k] = static_cast<T>(totals[k] / count);
  }
}

template <class T>
void plane_sums(const PlaneSumsArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  double* totals = static_cast<double*>(a.scratch);
  T* center = reinterpret_cast<T*>(totals + length);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T* x = a.x + n * size;
    if (a.sum_x != nullptr) {
      plane_totals<T, Term::kX>(x, x, x, a.pixels, a.c, totals);
      for (int64_t k = 0; k < a.c; ++k) a.sum_x[n * a.c + k] = static_cast<T>(totals[k]);
    }
    if (a.y != nullptr) {
      repeat(a.center == nullptr ? nullptr : a.center + n * a.c, T(0), a.c, length, center);
      plane_totals<T, Term::kProduct>(x, a.y + n * size, center, a.pixels, a.c, totals);
      for (int64_t k = 0; k < a.c; ++k) a.sum_xy[n * a.c + k] = static_cast<T>(totals[k]);
    }
  }
}

template <class T>
struct Bits;
template <>
struct Bits<float> {
  typedef uint32_t Vec __attribute__((vector_size(kVecBytes)));
  static constexpr int kMantissa = 23, kTerms = 7;
  static constexpr uint32_t kExponentBias = 127;
  // ln 2 = hi + lo; hi has so few digits that its products with small integers are exact
  static constexpr float kLnHi = 0x1.62e4p-1F, kLnLo = 0x1.7f7d1cp-20F, kShift = 0x1.8p23F, kLowest = -40;
};
template <>
struct Bits<double> {
  typedef uint64_t Vec __attribute__((vector_size(kVecBytes)));
  static constexpr int kMantissa = 52, kTerms = 13;
  static constexpr uint64_t kExponentBias = 1023;
  static constexpr double kLnHi = 0x1.62e42feep-1, kLnLo = 0x1.a39ef35793c76p-33, kShift = 0x1.8p52, kLowest = -80;
};

template <class T>
constexpr T reciprocal_factorial(int k) {
  double product = 1;
  for (int i = 2; i <= k; ++i) product *= i;
  return static_cast<T>(1 / product);
}

/// x for x >= 0, else exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1) with r = x - n ln 2 and |r| <= ln(2) / 2, by Taylor's series.
/// Within 2 units in the last place; NaN stays, -0 stays.
template <class T>
STEIN_INLINE Vec<T> elu(Vec<T> x) {
  using B = Bits<T>;
  const Vec<T> lowest = broadcast(T(B::kLowest));
  const Vec<T> z = x < lowest ? lowest : x > Vec<T>{} ? Vec<T>{} : x;
  const Vec<T> shifted = z * T(0x1.71547652b82fep+0) + T(B::kShift);  // its low bits are n
  const Vec<T> n = shifted - T(B::kShift);
  const Vec<T> r = (z - n * T(B::kLnHi)) - n * T(B::kLnLo);
  Vec<T> series = broadcast(reciprocal_factorial<T>(B::kTerms));
  STEIN_UNROLL
  for (int k = B::kTerms - 1; k >= 2; --k) series = reciprocal_factorial<T>(k) + series * r;
  const Vec<T> p = r + r * r * series;
  const typename B::Vec power = ((typename B::Vec)shifted + B::kExponentBias) << B::kMantissa;
  const Vec<T> s = (Vec<T>)power;
  return x >= Vec<T>{} ? x : s * p + (s - T(1));
}

template <class T, bool kX, bool kY, bool kElu>
void affine_plane(const T* x, const T* y, const T* const* coefficient, int64_t size, int64_t length, T* out) {
  constexpr int W = kLanes<T>;
  for (int64_t start = 0; start < size; start += length) {
    const int64_t count = min_of(length, size - start);
    for (int64_t i = 0; i < count; i += W) {
      const int64_t at = start + i, lanes = min_of<int64_t>(W, count - i);
      Vec<T> v = {};
      if constexpr (kX) v = load(coefficient[0] + i) * (lanes == W ? load(x + at) : load_n(x + at, lanes));
      if constexpr (kY) {
        const Vec<T> u =
            load(coefficient[1] + i) * ((lanes == W ? load(y + at) : load_n(y + at, lanes)) - load(coefficient[2] + i));
        v = kX ? v + u : u;
      }
      v += load(coefficient[3] + i);
      if constexpr (kElu) v = elu<T>(v);
      lanes == W ? store(out + at, v) : store_n(out + at, v, lanes);
    }
  }
}

template <class T>
void plane_affine(const PlaneAffineArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const bool elu = a.activation == PlaneActivation::kElu;
  T* scratch = static_cast<T*>(a.scratch);
  const T* coefficient[4] = {scratch, scratch + length, scratch + 2 * length, scratch + 3 * length};
  const T absent[4] = {T(1), T(1), T(0), T(-0.0)};  // -0 is what can be added to -0 without a trace
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T* const values[4] = {a.a, a.b, a.center, a.offset};
    for (int i = 0; i < 4; ++i)
      repeat(values[i] == nullptr ? nullptr : values[i] + n * a.c, absent[i], a.c, length, scratch + i * length);
    const T* x = a.x + (a.x == nullptr ? 0 : n * size);
    const T* y = a.y + (a.y == nullptr ? 0 : n * size);
    T* out = a.out + n * size;
    if (a.x != nullptr && a.y != nullptr) {
      elu ? affine_plane<T, true, true, true>(x, y, coefficient, size, length, out)
          : affine_plane<T, true, true, false>(x, y, coefficient, size, length, out);
    } else if (a.x != nullptr) {
      elu ? affine_plane<T, true, false, true>(x, y, coefficient, size, length, out)
          : affine_plane<T, true, false, false>(x, y, coefficient, size, length, out);
    } else {
      elu ? affine_plane<T, false, true, true>(x, y, coefficient, size, length, out)
          : affine_plane<T, false, true, false>(x, y, coefficient, size, length, out);
    }
  }
}

}  // namespace

int64_t plane_scratch_bytes(int64_t c, int64_t element_size) {
  const int64_t length = element_size == 4 ? period<float>(c) : period<double>(c);
  return round_up(length * max_of(4 * element_size, 8 + element_size), 64);
}
void plane_moments_f32(const PlaneMomentsArgs<float>& args) { plane_moments(args); }
void plane_moments_f64(const PlaneMomentsArgs<double>& args) { plane_moments(args); }
void plane_sums_f32(const PlaneSumsArgs<float>& args) { plane_sums(args); }
void plane_sums_f64(const PlaneSumsArgs<double>& args) { plane_sums(args); }
void plane_affine_f32(const PlaneAffineArgs<float>& args) { plane_affine(args); }
void plane_affine_f64(const PlaneAffineArgs<double>& args) { plane_affine(args); }

}  // namespace stein::kernels::STEIN_UNIT
