// SPDX-License-Identifier: MIT
// A period is a stretch of memory after which both channels and vectors repeat: c elements when whole vectors hold c, otherwise c
// vectors; taken several times where that is less than four vectors. Coefficients are laid out once for a period, and all loops
// run over vectors of periods.
//
// Sums: vectors add up to kBlock periods, whose totals are added in double; with the block sums the error grows like
// kBlock + pixels / 2^29 and not like pixels.
#include "ops/detail/plane_kernels.h"

#ifdef __FMA__
#include <immintrin.h>
#endif

#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

constexpr int64_t kBlock = 32;

template <class T>
int64_t period(int64_t c) {
  int64_t length = c % kLanes<T> == 0 ? c : c * kLanes<T>;
  while (length > 0 && length < 4 * kLanes<T>) length *= 2;
  return length;
}

/// Values of the channels, repeated over a period.
template <class T>
void repeat(const T* values, int64_t c, int64_t length, T* to) {
  for (int64_t i = 0; i < length; i += c)
    for (int64_t k = 0; k < c; ++k) to[i + k] = values[k];
}

/// The cotangent g of ELU's result y, before ELU.
template <class T>
STEIN_INLINE Vec<T> before_elu(Vec<T> g, Vec<T> y) {
  return y <= Vec<T>{} ? g * (y + T(1)) : g;
}
template <class T>
STEIN_INLINE T before_elu_one(T g, T y) {
  return y <= T(0) ? g * (y + T(1)) : g;
}

enum class Term {
  kX,         // x
  kSquare,    // (x - center)^2
  kPair,      // x, and x * (y - center)
  kGatedPair  // the same of x before an ELU whose result is gate
};
constexpr bool is_pair(Term term) { return term == Term::kPair || term == Term::kGatedPair; }

template <class T>
struct Source {
  const T *x, *y, *gate, *center;  // center holds a period
  Source at(int64_t i) const { return {x + i, y + i, gate + i, center}; }
};

/// totals[i] += the terms of `periods` periods at positions [i, i + V vectors); the second of a pair goes to products.
template <class T, Term kTerm, int V>
void add_columns(const Source<T>& s, int64_t i, int64_t periods, int64_t length, double* totals, double* products) {
  constexpr int W = kLanes<T>;
  constexpr bool kPair = is_pair(kTerm);
  Vec<T> acc[V], product[V], mid[V];
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    acc[v] = product[v] = Vec<T>{};
    mid[v] = kTerm == Term::kX ? Vec<T>{} : load(s.center + i + v * W);
  }
  for (int64_t p = 0; p < periods; ++p) {
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t at = p * length + i + v * W;
      Vec<T> x = load(s.x + at);
      if constexpr (kTerm == Term::kSquare) x = (x - mid[v]) * (x - mid[v]);
      if constexpr (kTerm == Term::kGatedPair) x = before_elu<T>(x, load(s.gate + at));
      acc[v] += x;
      if constexpr (kPair) product[v] += x * (load(s.y + at) - mid[v]);
    }
  }
  STEIN_UNROLL
  for (int v = 0; v < V; ++v)
    for (int l = 0; l < W; ++l) {
      totals[i + v * W + l] += static_cast<double>(acc[v][l]);
      if constexpr (kPair) products[i + v * W + l] += static_cast<double>(product[v][l]);
    }
}

/// Sums over the plane of each channel. totals, and products of a pair, have room for a period.
template <class T, Term kTerm>
void plane_totals(const Source<T>& s, int64_t pixels, int64_t c, double* totals, double* products) {
  constexpr int W = kLanes<T>;
  constexpr bool kPair = is_pair(kTerm);
  if (c == 0) return;
  const int64_t length = period<T>(c), periods = pixels * c / length;
  for (int64_t i = 0; i < length; ++i) totals[i] = 0;
  for (int64_t i = 0; kPair && i < length; ++i) products[i] = 0;
  for (int64_t p = 0; p < periods; p += kBlock) {
    const int64_t count = min_of(kBlock, periods - p);
    const Source<T> block = s.at(p * length);
    for (int64_t i = 0; i + 4 * W <= length; i += 4 * W)
      add_columns<T, kTerm, 4>(block, i, count, length, totals, products);
    for (int64_t i = length / (4 * W) * (4 * W); i < length; i += W)
      add_columns<T, kTerm, 1>(block, i, count, length, totals, products);
  }
  for (int64_t i = periods * length; i < pixels * c; ++i) {
    const int64_t k = i - periods * length;
    T x = s.x[i];
    if constexpr (kTerm == Term::kSquare) x = (x - s.center[k]) * (x - s.center[k]);
    if constexpr (kTerm == Term::kGatedPair) x = before_elu_one(x, s.gate[i]);
    totals[k] += static_cast<double>(x);
    if constexpr (kPair) products[k] += static_cast<double>(x * (s.y[i] - s.center[k]));
  }
  for (int64_t i = c; i < length; ++i) {
    totals[i % c] += totals[i];
    if constexpr (kPair) products[i % c] += products[i];
  }
}

/// Scratch memory: two rows of sums, two of channels in double, four of coefficients.
template <class T>
struct Rows {
  Rows(void* scratch, int64_t length)
      : totals(static_cast<double*>(scratch)),
        products(totals + length),
        channels{products + length, products + 2 * length} {
    T* first = reinterpret_cast<T*>(products + 3 * length);
    for (int i = 0; i < 4; ++i) coefficient[i] = first + i * length;
  }
  double *totals, *products, *channels[2];
  T* coefficient[4];
};

template <class T>
void plane_sums(const PlaneSumsArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T *x = a.x + n * size, *y = a.y + n * size;
    repeat(a.center + n * a.c, a.c, length, rows.coefficient[0]);
    plane_totals<T, Term::kPair>({x, y, x, rows.coefficient[0]}, a.pixels, a.c, rows.totals, rows.products);
    for (int64_t k = 0; k < a.c; ++k) {
      a.sum_x[n * a.c + k] = static_cast<T>(rows.totals[k]);
      a.sum_xy[n * a.c + k] = static_cast<T>(rows.products[k]);
    }
  }
}

/// a * b + c, rounded once where the level has an fma, which the compiler may not choose by itself in this unit.
template <class T>
STEIN_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> c) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
  else
    return (Vec<T>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  else
    return (Vec<T>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return a * b + c;
#endif
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
  // The low bits of shifted are n.
  const Vec<T> shifted = multiply_add<T>(z, broadcast(T(0x1.71547652b82fep+0)), broadcast(T(B::kShift)));
  const Vec<T> n = shifted - T(B::kShift);
  const Vec<T> high = multiply_add<T>(n, broadcast(T(-B::kLnHi)), z),
               r = multiply_add<T>(n, broadcast(T(-B::kLnLo)), high);
  Vec<T> series = broadcast(reciprocal_factorial<T>(B::kTerms));
  STEIN_UNROLL
  for (int k = B::kTerms - 1; k >= 2; --k) series = multiply_add<T>(series, r, broadcast(reciprocal_factorial<T>(k)));
  const Vec<T> p = multiply_add<T>(r * r, series, r);
  const typename B::Vec power = ((typename B::Vec)shifted + B::kExponentBias) << B::kMantissa;
  const Vec<T> s = (Vec<T>)power;
  return x >= Vec<T>{} ? x : multiply_add<T>(s, p, s - T(1));
}

#define STEIN_INLINE_LAMBDA __attribute__((always_inline))

/// f(memory position, period position, lanes) for all vectors of a plane.
template <class T, class F>
STEIN_INLINE void each_vector(int64_t size, int64_t length, F f) {
  constexpr int W = kLanes<T>;
  int64_t start = 0;
  for (; length > 0 && start + length <= size; start += length)
    for (int64_t i = 0; i < length; i += W) f(start + i, i, static_cast<int64_t>(W));
  for (int64_t i = 0; start + i < size; i += W) f(start + i, i, min_of<int64_t>(W, size - start - i));
}
template <class T>
STEIN_INLINE Vec<T> load_lanes(const T* p, int64_t lanes) {
  return lanes == kLanes<T> ? load(p) : load_n(p, lanes);
}
template <class T>
STEIN_INLINE void store_lanes(T* p, Vec<T> v, int64_t lanes) {
  lanes == kLanes<T> ? store(p, v) : store_n(p, v, lanes);
}

/// Asks for memory of the next image while this one is computed. A hint: addresses past the end do no harm.
STEIN_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

/// out = b (x - center) + offset, with coefficients b, center, offset; then ELU.
template <class T, bool kElu>
void normalize_plane(const T* x, T* const* coefficient, int64_t size, int64_t length, T* out) {
  each_vector<T>(size, length, [&](int64_t at, int64_t i, int64_t lanes) STEIN_INLINE_LAMBDA {
    const Vec<T> d = load_lanes(x + at, lanes) - load(coefficient[1] + i);
    const Vec<T> v = load(coefficient[0] + i) * d + load(coefficient[2] + i);
    store_lanes(out + at, kElu ? elu<T>(v) : v, lanes);
    prefetch(x + size + at);
  });
}

/// out = a x + b (y - center) + offset, with coefficients b, center, offset, a; x before an ELU whose result is gate.
template <class T, bool kGated>
void affine_plane(const Source<T>& s, T* const* coefficient, int64_t size, int64_t length, T* out) {
  each_vector<T>(size, length, [&](int64_t at, int64_t i, int64_t lanes) STEIN_INLINE_LAMBDA {
    Vec<T> x = load_lanes(s.x + at, lanes);
    if constexpr (kGated) x = before_elu<T>(x, load_lanes(s.gate + at, lanes));
    const Vec<T> d = load_lanes(s.y + at, lanes) - load(coefficient[1] + i);
    const Vec<T> v = load(coefficient[3] + i) * x + load(coefficient[0] + i) * d;
    store_lanes(out + at, v + load(coefficient[2] + i), lanes);
    if constexpr (kGated) prefetch(s.gate + size + at);
    prefetch(s.x + size + at);
    prefetch(s.y + size + at);
  });
}

template <class T>
void plane_affine(const PlaneAffineArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  const T* const values[4] = {a.b, a.center, a.offset, a.a};
  for (int64_t n = a.begin; n < a.end; ++n) {
    for (int i = 0; i < 4; ++i) repeat(values[i] + n * a.c, a.c, length, rows.coefficient[i]);
    const T *x = a.x + n * size, *y = a.y + n * size;
    affine_plane<T, false>({x, y, x, nullptr}, rows.coefficient, size, length, a.out + n * size);
  }
}

/// d[k] = mean[k] - the mean of the means; returns 1 / sqrt(their variance + eps).
template <class T>
double standardize_means(const T* mean, int64_t c, double eps, double* d) {
  double middle = 0, squares = 0;
  for (int64_t k = 0; k < c; ++k) middle += static_cast<double>(mean[k]);
  middle /= static_cast<double>(c);
  for (int64_t k = 0; k < c; ++k) {
    d[k] = static_cast<double>(mean[k]) - middle;
    squares += d[k] * d[k];
  }
  return 1 / __builtin_sqrt(squares / static_cast<double>(c - 1) + eps);
}

template <class T>
void norm_plus(const NormPlusArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  T* const* coefficient = rows.coefficient;
  double* d = rows.channels[0];
  const auto count = static_cast<double>(a.pixels);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T* x = a.x + n * size;
    const T *gamma = a.rows + n * 3 * a.c, *alpha = gamma + a.c, *beta = alpha + a.c;
    T *mean = a.mean + n * a.c, *rstd = a.rstd + n * a.c;
    plane_totals<T, Term::kX>({x, x, x, x}, a.pixels, a.c, rows.totals, nullptr);
    for (int64_t k = 0; k < a.c; ++k) mean[k] = static_cast<T>(rows.totals[k] / count);
    repeat(mean, a.c, length, coefficient[1]);
    plane_totals<T, Term::kSquare>({x, x, x, coefficient[1]}, a.pixels, a.c, rows.totals, nullptr);
    const double q = standardize_means(mean, a.c, a.eps, d);
    for (int64_t k = 0; k < a.c; ++k) {
      rstd[k] = static_cast<T>(1 / __builtin_sqrt(rows.totals[k] / count + a.eps));
      const auto scale = static_cast<double>(gamma[k]);
      coefficient[0][k] = static_cast<T>(scale * static_cast<double>(rstd[k]));
      coefficient[2][k] =
          static_cast<T>(scale * static_cast<double>(alpha[k]) * d[k] * q + static_cast<double>(beta[k]));
    }
    repeat(coefficient[0], a.c, length, coefficient[0]);
    repeat(coefficient[2], a.c, length, coefficient[2]);
    T* y = a.y + n * size;
    a.elu ? normalize_plane<T, true>(x, coefficient, size, length, y)
          : normalize_plane<T, false>(x, coefficient, size, length, y);
  }
}

template <class T>
void norm_plus_backward(const NormPlusBackwardArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  T* const* coefficient = rows.coefficient;
  double *d = rows.channels[0], *u = rows.channels[1];
  constexpr int kOwn[] = {0, 2, 3};  // coefficients that are not the mean
  const auto pixels = static_cast<double>(a.pixels), c = static_cast<double>(a.c);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const int64_t row = n * a.c;
    const bool gated = a.y != nullptr;
    const Source<T> source{a.g + n * size, a.x + n * size, gated ? a.y + n * size : a.g, coefficient[1]};
    repeat(a.mean + row, a.c, length, coefficient[1]);
    gated ? plane_totals<T, Term::kGatedPair>(source, a.pixels, a.c, rows.totals, rows.products)
          : plane_totals<T, Term::kPair>(source, a.pixels, a.c, rows.totals, rows.products);
    const double q = standardize_means(a.mean + row, a.c, a.eps, d);
    const T *gammas = a.rows + 3 * row, *alphas = gammas + a.c;
    T *g_gamma = a.g_rows + 3 * row, *g_alpha = g_gamma + a.c, *g_beta = g_alpha + a.c;
    double sum_u = 0, sum_ud = 0;  // u: the cotangent of t
    for (int64_t k = 0; k < a.c; ++k) {
      u[k] = static_cast<double>(gammas[k]) * static_cast<double>(alphas[k]) * rows.totals[k];
      sum_u += u[k];
      sum_ud += u[k] * d[k];
    }
    for (int64_t k = 0; k < a.c; ++k) {
      const auto gamma = static_cast<double>(gammas[k]), alpha = static_cast<double>(alphas[k]),
                 r = static_cast<double>(a.rstd[row + k]), s = rows.totals[k], sx = rows.products[k], t = d[k] * q;
      const double to_r = gamma * sx + static_cast<double>(a.g_rstd[row + k]);
      const double to_mean = static_cast<double>(a.g_mean[row + k]) - gamma * r * s + q * (u[k] - sum_u / c) -
                             q * q * q * d[k] * (sum_ud / (c - 1));
      coefficient[0][k] = static_cast<T>(-to_r * (r * r * r) / pixels);
      coefficient[2][k] = static_cast<T>(to_mean / pixels);
      coefficient[3][k] = static_cast<T>(gamma * r);
      g_gamma[k] = static_cast<T>(r * sx + alpha * t * s);
      g_alpha[k] = static_cast<T>(gamma * t * s);
      g_beta[k] = static_cast<T>(s);
    }
    for (const int i : kOwn) repeat(coefficient[i], a.c, length, coefficient[i]);
    T* g_x = a.g_x + n * size;
    gated ? affine_plane<T, true>(source, coefficient, size, length, g_x)
          : affine_plane<T, false>(source, coefficient, size, length, g_x);
  }
}

}  // namespace

int64_t plane_scratch_bytes(int64_t c, int64_t element_size) {
  const int64_t length = element_size == 4 ? period<float>(c) : period<double>(c);
  return round_up(length * (4 * 8 + 4 * element_size), 64);
}
void plane_sums_f32(const PlaneSumsArgs<float>& args) { plane_sums(args); }
void plane_sums_f64(const PlaneSumsArgs<double>& args) { plane_sums(args); }
void plane_affine_f32(const PlaneAffineArgs<float>& args) { plane_affine(args); }
void plane_affine_f64(const PlaneAffineArgs<double>& args) { plane_affine(args); }
void norm_plus_f32(const NormPlusArgs<float>& args) { norm_plus(args); }
void norm_plus_f64(const NormPlusArgs<double>& args) { norm_plus(args); }
void norm_plus_backward_f32(const NormPlusBackwardArgs<float>& args) { norm_plus_backward(args); }
void norm_plus_backward_f64(const NormPlusBackwardArgs<double>& args) { norm_plus_backward(args); }

}  // namespace stein::kernels::STEIN_UNIT
