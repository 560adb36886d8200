// SPDX-License-Identifier: MIT
// The formulas behind every random draw: Philox 4x32-10, and words to uniforms and normals. Only integer arithmetic and
// correctly rounded operations (+, *, /, sqrt, fma) stand here, so a draw has the same bits on every machine and device.
// Included by one unit per SIMD level and by the host (see tensor/simd.h), each with its own STEIN_UNIT.
#pragma once

#include <cstdint>

#include "tensor/detail/host_device.h"

#ifndef STEIN_UNIT
#error "define STEIN_UNIT before including random_formula.h"
#endif

namespace stein::kernels::STEIN_UNIT {

struct PhiloxWords {
  std::uint32_t w0, w1, w2, w3;
};

/// Ten rounds of Philox 4x32: a bijection of the 128-bit counter, chosen by the 64-bit key.
/// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
STEIN_HOST_DEVICE inline PhiloxWords philox4x32_10(PhiloxWords c, std::uint32_t k0, std::uint32_t k1) {
#if !defined(__CUDACC__)
#pragma GCC unroll 10
#endif
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c.w0, p1 = std::uint64_t{0xCD9E8D57u} * c.w2;
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c.w1 ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c.w3 ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

STEIN_HOST_DEVICE inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
STEIN_HOST_DEVICE inline double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
STEIN_HOST_DEVICE inline float root(float a) { return __builtin_sqrtf(a); }
STEIN_HOST_DEVICE inline double root(double a) { return __builtin_sqrt(a); }

// Chebyshev fits (highest power first), computed with mpmath at 50 digits. With z the square of the argument:
//   log((1 + s) / (1 - s)) = 2 s + s z log_tail(z),      |s| <= 0.2
//   sin(pi/2 x) = x sine(z), cos(pi/2 x) = 1 + z cosine(z), |x| <= 0.5
STEIN_HOST_DEVICE inline float log_tail(float z) {
  return fused(fused(0.29955604316021770f, z, 0.39979017714644556f), z, 0.66666713379064041f);
}
STEIN_HOST_DEVICE inline float sine(float z) {
  return fused(fused(fused(-0.0046021492128141759f, z, 0.079680217647755413f), z, -0.6459634776648118f), z,
               1.5707963219532367f);
}
STEIN_HOST_DEVICE inline float cosine(float z) {
  return fused(fused(fused(0.00090673989840326651f, z, -0.020861528342199969f), z, 0.25366941035710850f), z,
               -1.2337005493742194f);
}
STEIN_HOST_DEVICE inline double log_tail(double z) {
  double p = fused(0.13604015707124077458, z, 0.13210360485132619827);
  p = fused(p, z, 0.15388834677801915069);
  p = fused(p, z, 0.18181738454723025579);
  p = fused(p, z, 0.2222222303780724188);
  p = fused(p, z, 0.28571428567339189263);
  p = fused(p, z, 0.40000000000007800551);
  return fused(p, z, 0.66666666666666664228);
}
STEIN_HOST_DEVICE inline double sine(double z) {
  double p = fused(-6.6276249389924723622e-10, z, 5.6919278504896334155e-8);
  p = fused(p, z, -3.5988427171448577997e-6);
  p = fused(p, z, 0.0001604411847266723001);
  p = fused(p, z, -0.0046817541353148270709);
  p = fused(p, z, 0.07969262624616692448);
  p = fused(p, z, -0.64596409750624625222);
  return fused(p, z, 1.5707963267948966192);
}
STEIN_HOST_DEVICE inline double cosine(double z) {
  double p = fused(-6.3293963449674235121e-9, z, 4.7106784055052271063e-7);
  p = fused(p, z, -0.000025202039028029176105);
  p = fused(p, z, 0.00091926027454684461873);
  p = fused(p, z, -0.020863480763340772521);
  p = fused(p, z, 0.25366950790104782321);
  return fused(p, z, -1.2337005501361698269);
}

// u = m 2^k with m in [2/3, 4/3).
struct SplitF32 {
  float m, k;
};
struct SplitF64 {
  double m, k;
};
STEIN_HOST_DEVICE inline SplitF32 split(float u) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, u), anchor = 0x3F2AAAABu;  // 2/3
  const std::int32_t k = static_cast<std::int32_t>(bits - anchor) >> 23;
  return {__builtin_bit_cast(float, bits - (static_cast<std::uint32_t>(k) << 23)), static_cast<float>(k)};
}
STEIN_HOST_DEVICE inline SplitF64 split(double u) {
  // Only the upper half of the bits decides, so k fits 32 bits and the loop vectorises below AVX-512 too.
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, u);
  const std::uint32_t high = static_cast<std::uint32_t>(bits >> 32), anchor = 0x3FE55555u;  // 2/3
  const std::int32_t k = static_cast<std::int32_t>(high - anchor) >> 20;
  const std::uint64_t shift = static_cast<std::uint64_t>(static_cast<std::uint32_t>(k) << 20) << 32;
  return {__builtin_bit_cast(double, bits - shift), static_cast<double>(k)};
}

/// -log(u) for u in (0, 1); `v` = 1 - u, given separately because u near 1 has lost the low bits of v.
template <class T>
STEIN_HOST_DEVICE inline T minus_log(T u, T v) {
  const auto [m, k] = split(u);
  const T f = k == T(0) ? -v : m - T(1);
  const T s = f / (T(2) + f), z = s * s;
  const T log_m = fused(s * z, log_tail(z), s + s);
  return -fused(k, T(0.693147180559945309417232121458), log_m);
}

/// Box and Muller: two independent standard normals, r cos t and r sin t, with r^2 / 2 = -log(u) and t a uniform angle of
/// (quadrant + x) quarter turns, x in [-1/2, 1/2).
template <class T>
STEIN_HOST_DEVICE inline void box_muller(T u, T v, std::uint32_t quadrant, T x, T* first, T* second) {
  const T z = x * x, r = root(T(2) * minus_log(u, v));
  const T s = x * sine(z), c = fused(z, cosine(z), T(1));
  const bool swap = (quadrant & 1) != 0;
  const T sign_c = static_cast<T>(1 - static_cast<std::int32_t>((quadrant + 1) & 2)),
          sign_s = static_cast<T>(1 - static_cast<std::int32_t>(quadrant & 2));
  *first = r * ((swap ? s : c) * sign_c);
  *second = r * ((swap ? c : s) * sign_s);
}

/// Two normals from two words.
STEIN_HOST_DEVICE inline void normals(const std::uint32_t* w, float* out) {
  const float u = fused(static_cast<float>(w[0]), 0x1p-32f, 0x1p-33f);
  const float v = fused(static_cast<float>(~w[0]), 0x1p-32f, 0x1p-33f);
  const float x = static_cast<float>(static_cast<std::int32_t>((w[1] << 2) | 2u)) * 0x1p-32f;
  box_muller(u, v, w[1] >> 30, x, out, out + 1);
}
/// Two normals from four words.
STEIN_HOST_DEVICE inline void normals(const std::uint32_t* w, double* out) {
  const double u = fused(static_cast<double>(w[0]), 0x1p-32, fused(static_cast<double>(w[1]), 0x1p-64, 0x1p-65));
  const double v = fused(static_cast<double>(~w[0]), 0x1p-32, fused(static_cast<double>(~w[1]), 0x1p-64, 0x1p-65));
  const double x = fused(static_cast<double>(static_cast<std::int32_t>((w[2] << 2) | (w[3] >> 30))), 0x1p-32,
                         static_cast<double>((w[3] << 2) | 2u) * 0x1p-64);
  box_muller(u, v, w[2] >> 30, x, out, out + 1);
}

/// In [0, 1), all multiples of 2^-24 equally likely; one word.
STEIN_HOST_DEVICE inline float unit(const std::uint32_t* w, float) {
  return static_cast<float>(static_cast<std::int32_t>(w[0] >> 8)) * 0x1p-24f;
}
/// In [0, 1), all multiples of 2^-53 equally likely; two words.
STEIN_HOST_DEVICE inline double unit(const std::uint32_t* w, double) {
  return fused(static_cast<double>(static_cast<std::int32_t>(w[0] >> 5)), 0x1p-27,
               static_cast<double>(static_cast<std::int32_t>(w[1] >> 6)) * 0x1p-53);
}

}  // namespace stein::kernels::STEIN_UNIT
