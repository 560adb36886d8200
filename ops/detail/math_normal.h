// SPDX-License-Identifier: MIT
// Part of ops/math.h: the error function and the normal distribution, both from e^(a^2) erfc(a), a >= 0, which is
// written as P(t) / (1 + 2 a) with t = (a - k) / (a + k) (Shepherd and Laframboise, Math. Comp. 36, 1981). The
// coefficients are Chebyshev interpolations made with 50 digits; relative error 3e-9 (f32, a <= 10.5) and 1.5e-17 (f64,
// a <= 28). xsimd 8.1's f64 erf is off by 68 ulp and NaN at large arguments.
#pragma once

#include "ops/math.h"

namespace stein::STEIN_UNIT::math {

namespace detail {

/// Beyond it e^(-a^2) is 0.
template <class T>
constexpr double erfc_end = is_f32<T> ? 10.5 : 28;

/// e^(a^2) erfc(a), 0 <= a <= erfc_end.
template <class T>
constexpr T scaled_erfc(T a) {
  const T k = constant<T>(is_f32<T> ? 3 : 3.75);
  const T t = (a - k) / (a + k);
  T p;
  if constexpr (is_f32<T>) {
    constexpr float c[] = {1.253008058f,    -0.1356211491f,   -0.04756231817f,  0.1296467149f,
                           -0.1192719193f,  0.06829302906f,   -0.02379466453f,  0.002576856517f,
                           0.002001771226f, -0.000788120753f, -0.0002735959993f};
    p = math::polynomial(t, c);
  } else {
    constexpr double c[] = {
        1.237512630837827581,      -0.1402405985855466808,    0.00358541548546377914,     0.08227673849011203692,
        -0.1088039301417123592,    0.09230432116153115558,    -0.05869339859030941246,    0.02836227740045772254,
        -0.009746579553431873662,  0.001755626017152003847,   0.0002937136663108861601,   -0.0002901549652957092613,
        0.00005164891346959986193, 0.00002238725963823013435, -0.00001144299092680543826, -9.801666755858577512e-7,
        1.748119046839196428e-6,   -4.815839621672849021e-8,  -2.526146526771550472e-7,   1.599633521557370784e-8,
        3.285083556233315909e-8,   -8.782125734803520237e-10, -2.41082153654223304e-9};
    p = math::polynomial(t, c);
  }
  return p / math::multiply_add(constant<T>(2), a, constant<T>(1));
}

/// e^(-s a^2), s = 1 or 1/2: the rounding of a^2, which the exponential would magnify, is carried along (Dekker).
template <class T>
constexpr T gauss(T a, double s) {
  const T c = a * constant<T>(is_f32<T> ? 4097 : 134217729);
  const T high = c - (c - a), low = a - high;
  const T square = a * a;
  const T rest = ((high * high - square) + constant<T>(2) * high * low) + low * low;
  return math::exp(square * constant<T>(-s)) * (constant<T>(1) - constant<T>(s) * rest);
}

}  // namespace detail

template <class T>
constexpr T erf(T x) {
  const T one = constant<T>(1);
  const T a = math::min(math::abs(x), constant<T>(detail::erfc_end<T>)), z = x * x;
  T p;  // erf(x) / x - 1 for |x| <= 1
  if constexpr (is_f32<T>) {
    constexpr float c[] = {0.1283791658f,   -0.3761262667f,    0.1128359472f,  -0.02685421201f,
                           0.005189087423f, -0.0008016864287f, 7.875875063e-5f};
    p = math::polynomial(z, c);
  } else {
    constexpr double c[] = {0.1283791670955125665,    -0.3761263890318354044,     0.1128379167094500627,
                            -0.02686617064323777036,  0.005223977607116422732,    -0.0008548325975389692081,
                            0.0001205529490483970792, -0.00001492473690741966034, 1.644742470331736241e-6,
                            -1.62084838018717059e-7,  1.37200645467776856e-8,     -7.795898827002142242e-10};
    p = math::polynomial(z, c);
  }
  const T far = one - detail::gauss(a, 1) * detail::scaled_erfc(a);
  return math::select(math::abs(x) < one, math::multiply_add(x, p, x), math::select(x < constant<T>(0), -far, far));
}

/// The standard normal distribution: density e^(-x^2 / 2) / sqrt(2 pi) and its integral up to x.
template <class T>
struct Normal {
  T density, below;
};
template <class T>
constexpr Normal<T> normal(T x) {
  const T a = math::min(math::abs(x), constant<T>(detail::erfc_end<T> * 1.41421356237309504880));
  const T e = detail::gauss(a, 0.5);
  const T tail = constant<T>(0.5) * detail::scaled_erfc(a * constant<T>(0.70710678118654752440)) * e;
  return {constant<T>(0.39894228040143267794) * e, math::select(x < constant<T>(0), tail, constant<T>(1) - tail)};
}

}  // namespace stein::STEIN_UNIT::math
