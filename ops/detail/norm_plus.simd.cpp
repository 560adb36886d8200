// SPDX-License-Identifier: MIT
// Conditional instance norm ++, its derivative and its derivative's derivative. An image is read again while it is in the cache: once for
// its sums, once for the result. What happens among the channels of one image is done in double.
#include "ops/detail/plane_kernels.h"

#ifdef __FMA__
#include <immintrin.h>
#endif

#include "ops/detail/plane_vec.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

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
    plane_totals<T, Term::kX>({x, x, x, x}, a.pixels, a.c, rows.sums[0], nullptr);
    for (int64_t k = 0; k < a.c; ++k) mean[k] = static_cast<T>(rows.sums[0][k] / count);
    repeat(mean, a.c, length, coefficient[1]);
    plane_totals<T, Term::kSquare>({x, x, x, coefficient[1]}, a.pixels, a.c, rows.sums[0], nullptr);
    const double q = standardize_means(mean, a.c, a.eps, d);
    for (int64_t k = 0; k < a.c; ++k) {
      rstd[k] = static_cast<T>(1 / __builtin_sqrt(rows.sums[0][k] / count + a.eps));
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
    gated ? plane_totals<T, Term::kGatedPair>(source, a.pixels, a.c, rows.sums[0], rows.sums[1])
          : plane_totals<T, Term::kPair>(source, a.pixels, a.c, rows.sums[0], rows.sums[1]);
    const double q = standardize_means(a.mean + row, a.c, a.eps, d);
    const T *gammas = a.rows + 3 * row, *alphas = gammas + a.c;
    T *g_gamma = a.g_rows + 3 * row, *g_alpha = g_gamma + a.c, *g_beta = g_alpha + a.c;
    double sum_u = 0, sum_ud = 0;  // u: the cotangent of t
    for (int64_t k = 0; k < a.c; ++k) {
      u[k] = static_cast<double>(gammas[k]) * static_cast<double>(alphas[k]) * rows.sums[0][k];
      sum_u += u[k];
      sum_ud += u[k] * d[k];
    }
    for (int64_t k = 0; k < a.c; ++k) {
      const auto gamma = static_cast<double>(gammas[k]), alpha = static_cast<double>(alphas[k]),
                 r = static_cast<double>(a.rstd[row + k]), s = rows.sums[0][k], sx = rows.sums[1][k], t = d[k] * q;
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

/// Sums for the derivative of the derivative: h, h p, h (x - center), p and p (x - center), with p = g before ELU.
template <class T, bool kGated>
void second_totals(const T* h, const Source<T>& s, int64_t pixels, int64_t c, double* const* sums) {
  constexpr int W = kLanes<T>, kSums = Rows<T>::kSums;
  const int64_t length = period<T>(c), periods = pixels * c / length;
  for (int j = 0; j < kSums; ++j)
    for (int64_t i = 0; i < length; ++i) sums[j][i] = 0;
  for (int64_t p = 0; p < periods; p += kBlock) {
    const int64_t end = min_of(p + kBlock, periods) * length;
    for (int64_t i = 0; i < length; i += W) {
      Vec<T> acc[kSums] = {};
      const Vec<T> center = load(s.center + i);
      for (int64_t at = p * length + i; at < end; at += length) {
        const Vec<T> v = load(h + at), d = load(s.y + at) - center;
        Vec<T> g = load(s.x + at);
        if constexpr (kGated) g = before_elu<T>(g, load(s.gate + at));
        acc[0] += v;
        acc[1] += v * g;
        acc[2] += v * d;
        acc[3] += g;
        acc[4] += g * d;
      }
      for (int j = 0; j < kSums; ++j)
        for (int l = 0; l < W; ++l) sums[j][i + l] += static_cast<double>(acc[j][l]);
    }
  }
  for (int64_t i = periods * length; i < pixels * c; ++i) {
    const int64_t k = i - periods * length;
    const T v = h[i], d = s.y[i] - s.center[k], g = kGated ? before_elu_one(s.x[i], s.gate[i]) : s.x[i];
    const T terms[kSums] = {v, v * g, v * d, g, g * d};
    for (int j = 0; j < kSums; ++j) sums[j][k] += static_cast<double>(terms[j]);
  }
  for (int64_t i = c; i < length; ++i)
    for (int j = 0; j < kSums; ++j) sums[j][i % c] += sums[j][i];
}

/// With coefficients 0..4 = a, center, offset, b, slope: p' = a h + offset + slope (x - center), of which to_g and to_y are the
/// cotangents of g and y; to_x = b h + slope p.
template <class T, bool kGated>
void second_plane(const T* h, const Source<T>& s, T* const* coefficient, int64_t size, int64_t length, T* to_g, T* to_x,
                  T* to_y) {
  each_vector<T>(size, length, [&](int64_t at, int64_t i, int64_t lanes) STEIN_INLINE_LAMBDA {
    const Vec<T> v = load_lanes(h + at, lanes), g = load_lanes(s.x + at, lanes),
                 d = load_lanes(s.y + at, lanes) - load(coefficient[1] + i), slope = load(coefficient[4] + i);
    const Vec<T> to_p = load(coefficient[0] + i) * v + slope * d + load(coefficient[2] + i);
    Vec<T> p = g;
    if constexpr (kGated) {
      const Vec<T> y = load_lanes(s.gate + at, lanes);
      p = before_elu<T>(g, y);
      store_lanes(to_g + at, before_elu<T>(to_p, y), lanes);
      store_lanes(to_y + at, y < Vec<T>{} ? g * to_p : Vec<T>{}, lanes);
      prefetch(s.gate + size + at);
    } else {
      store_lanes(to_g + at, to_p, lanes);
    }
    store_lanes(to_x + at, load(coefficient[3] + i) * v + slope * p, lanes);
    prefetch(h + size + at);
    prefetch(s.x + size + at);
    prefetch(s.y + size + at);
  });
}

/// to = T(v), the derivative of t in the means, applied to v: q (v - mean v) - q^3 d sum(v d) / (c - 1). Returns sum(v d).
inline double through_means(const double* v, const double* d, double q, int64_t c, double* to) {
  double sum = 0, along = 0;
  for (int64_t k = 0; k < c; ++k) {
    sum += v[k];
    along += v[k] * d[k];
  }
  for (int64_t k = 0; k < c; ++k)
    to[k] = q * (v[k] - sum / static_cast<double>(c)) - q * q * q * d[k] * (along / static_cast<double>(c - 1));
  return along;
}

template <class T>
void norm_plus_second(const NormPlusSecondArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  T* const* coefficient = rows.coefficient;
  double *d = rows.channels[0], *u = rows.channels[1], *m = rows.channels[2], *w = rows.channels[3];
  double *const *sums = rows.sums, *to_d = sums[0];  // to_d takes the place of what is used up
  constexpr int kOwn[] = {0, 2, 3, 4};               // coefficients that are not the mean
  const auto pixels = static_cast<double>(a.pixels), c = static_cast<double>(a.c);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const int64_t row = n * a.c;
    const bool gated = a.y != nullptr;
    const T* h = a.h + n * size;
    const Source<T> source{a.g + n * size, a.x + n * size, gated ? a.y + n * size : a.g, coefficient[1]};
    repeat(a.mean + row, a.c, length, coefficient[1]);
    gated ? second_totals<T, true>(h, source, a.pixels, a.c, sums)
          : second_totals<T, false>(h, source, a.pixels, a.c, sums);
    const T *gammas = a.rows + 3 * row, *alphas = gammas + a.c;
    const T *h_gamma = a.h_rows + 3 * row, *h_alpha = h_gamma + a.c, *h_beta = h_alpha + a.c;
    T *to_gamma = a.to_rows + 3 * row, *to_alpha = to_gamma + a.c, *to_beta = to_alpha + a.c;
    const double q = standardize_means(a.mean + row, a.c, a.eps, d);
    for (int64_t k = 0; k < a.c; ++k) {
      u[k] = static_cast<double>(gammas[k]) * static_cast<double>(alphas[k]) * sums[3][k];
      m[k] = sums[0][k] / pixels;  // the cotangent of what came out for the mean
    }
    const double ud = through_means(u, d, q, a.c, w),
                 md = through_means(m, d, q, a.c, w);  // w stays: the cotangent of u
    double mean_u = 0, to_q = -3 * q * q * md * ud / (c - 1);
    for (int64_t k = 0; k < a.c; ++k) mean_u += u[k] / c;
    for (int64_t k = 0; k < a.c; ++k) {
      const auto gamma = static_cast<double>(gammas[k]), alpha = static_cast<double>(alphas[k]),
                 r = static_cast<double>(a.rstd[row + k]), hg = static_cast<double>(h_gamma[k]),
                 ha = static_cast<double>(h_alpha[k]), hb = static_cast<double>(h_beta[k]), t = d[k] * q;
      const double sum_h = sums[0][k], hp = sums[1][k], hx = sums[2][k], s = sums[3][k], sx = sums[4][k];
      const double to_r = gamma * sx + static_cast<double>(a.g_rstd[row + k]), back = -hx * r * r * r / pixels;
      const double b = -to_r * r * r * r / pixels, slope = back * gamma + hg * r;
      const double to_s = w[k] * gamma * alpha - gamma * r * m[k] + hg * alpha * t + ha * gamma * t + hb;
      const double to_t = hg * alpha * s + ha * gamma * s;
      to_q += m[k] * (u[k] - mean_u) + to_t * d[k];
      to_d[k] = to_t * q - q * q * q * (m[k] * ud + u[k] * md) / (c - 1);
      coefficient[0][k] = static_cast<T>(gamma * r);
      coefficient[2][k] = static_cast<T>(to_s);
      coefficient[3][k] = static_cast<T>(b);
      coefficient[4][k] = static_cast<T>(slope);
      to_gamma[k] = static_cast<T>(w[k] * alpha * s + back * sx - m[k] * r * s + hp * r + ha * t * s);
      to_alpha[k] = static_cast<T>(w[k] * gamma * s + hg * t * s);
      to_beta[k] = T(0);
      a.to_g_mean[row + k] = static_cast<T>(m[k]);
      a.to_g_rstd[row + k] = static_cast<T>(back);
      a.to_rstd[row + k] = static_cast<T>(-m[k] * gamma * s + hp * gamma - 3 * hx * to_r * r * r / pixels + hg * sx);
      sums[1][k] = -b * sum_h - slope * s;  // the mean's own part
    }
    double mean_d = 0;
    for (int64_t k = 0; k < a.c; ++k) {
      to_d[k] -= to_q * q * q * q * d[k] / (c - 1);
      mean_d += to_d[k] / c;
    }
    for (int64_t k = 0; k < a.c; ++k) a.to_mean[row + k] = static_cast<T>(to_d[k] - mean_d + sums[1][k]);
    for (const int i : kOwn) repeat(coefficient[i], a.c, length, coefficient[i]);
    T *to_g = a.to_g + n * size, *to_x = a.to_x + n * size, *to_y = gated ? a.to_y + n * size : nullptr;
    gated ? second_plane<T, true>(h, source, coefficient, size, length, to_g, to_x, to_y)
          : second_plane<T, false>(h, source, coefficient, size, length, to_g, to_x, to_y);
  }
}

}  // namespace

void norm_plus_f32(const NormPlusArgs<float>& args) { norm_plus(args); }
void norm_plus_f64(const NormPlusArgs<double>& args) { norm_plus(args); }
void norm_plus_backward_f32(const NormPlusBackwardArgs<float>& args) { norm_plus_backward(args); }
void norm_plus_backward_f64(const NormPlusBackwardArgs<double>& args) { norm_plus_backward(args); }
void norm_plus_second_f32(const NormPlusSecondArgs<float>& args) { norm_plus_second(args); }
void norm_plus_second_f64(const NormPlusSecondArgs<double>& args) { norm_plus_second(args); }

}  // namespace stein::kernels::STEIN_UNIT
