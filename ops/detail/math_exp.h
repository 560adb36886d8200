// SPDX-License-Identifier: MIT
// Part of ops/math.h: exponential, logarithm and power. xsimd 8.1's own exp goes to 0 and to infinity too early (f32:
// below -87.3 and above 88.38) and expm1 to infinity, its log is wrong for denormal f64, its log1p turns -0 into 0.
#pragma once

#include "ops/math.h"

namespace stein::STEIN_UNIT::math {

namespace detail {

/// 2^n for a pack of whole numbers, given as n + magic, where the low bits of the sum's mantissa hold n.
template <class T>
constexpr T power_of_two(T n_plus_magic) {
#if defined(STEIN_UNIT_IS_KERNEL) && defined(STEIN_HAVE_XSIMD)
  using Int = std::conditional_t<is_f32<T>, std::int32_t, std::int64_t>;
  using Ints = ::xsimd::batch<Int>;
  constexpr int mantissa = is_f32<T> ? 23 : 52;
  constexpr Int one = static_cast<Int>(is_f32<T> ? std::int64_t{127} << 23 : std::int64_t{1023} << 52);
  return ::xsimd::bitwise_cast<T>((::xsimd::bitwise_cast<Ints>(n_plus_magic) << mantissa) + Ints(one));
#else
  return n_plus_magic;  // numbers do not come here
#endif
}

/// x = n log(2) + r with |r| <= log(2) / 2, n whole, and e^r - 1 from a Chebyshev interpolation of (e^r - 1 - r) / r^2.
template <class T>
struct Reduced {
  T n, expm1_r;
};
template <class T>
constexpr ScalarOf<T> magic = is_f32<T> ? ScalarOf<T>(0x1.8p23) : ScalarOf<T>(0x1.8p52);  // t + magic rounds t

/// For x in [lowest, 89] (f32) or [lowest, 710] (f64), where e^x overflows; x beyond is taken to the nearer end.
template <class T>
constexpr Reduced<T> reduce(T x, ScalarOf<T> lowest) {
  using S = ScalarOf<T>;
  constexpr S highest = is_f32<T> ? S(89) : S(710);
  // log(2), the leading part with so few bits that its products with n are exact
  constexpr S high = is_f32<T> ? S(0.693359375) : S(0x1.62e42fec00000p-1);
  constexpr S low = is_f32<T> ? S(-2.121944400546905827679e-4) : S(4.236521365809284e-10);
  x = math::select(x < T(lowest), T(lowest), x);
  x = math::select(x > T(highest), T(highest), x);
  const T n = (x * T(S(1.44269504088896340736)) + T(magic<T>)) - T(magic<T>);
  const T r = (x - n * T(high)) - n * T(low);
  T q;
  if constexpr (is_f32<T>) {
    constexpr S c[] = {0.5f, 0.1666657685f, 0.04166655444f, 0.008363202972f, 0.001392621347f};
    q = math::polynomial(r, c);
  } else {
    constexpr S c[] = {0.5,
                       0.16666666666666671,
                       0.0416666666666666698,
                       0.00833333333332611205,
                       0.00138888888888837318,
                       0.000198412698749012592,
                       0.0000248015873256053228,
                       2.75572552979696444e-6,
                       2.75572735701021397e-7,
                       2.51052595384484934e-8,
                       2.0914717341716376e-9};
    q = math::polynomial(r, c);
  }
  return {n, math::multiply_add(r * r, q, r)};
}

/// e^x = 2^n e^r. The power is applied in two halves, so that overflow and denormal results come out as they should.
template <class T>
constexpr T exp_pack(T x) {
  using S = ScalarOf<T>;
  const auto [n, expm1_r] = reduce(x, is_f32<T> ? S(-105) : S(-747));
  const T half = n * T(S(0.5)) + T(magic<T>);
  const T rest = (n - (half - T(magic<T>))) + T(magic<T>);
  return (T(S(1)) + expm1_r) * power_of_two(half) * power_of_two(rest);
}

/// e^x - 1 = 2 (p (e^r - 1) + (p - 1/2)) with p = 2^(n-1), which is finite for every n; below -60 it is -1.
template <class T>
constexpr T expm1_pack(T x) {
  using S = ScalarOf<T>;
  const auto [n, expm1_r] = reduce(x, S(-60));
  const T p = power_of_two((n - T(S(1))) + T(magic<T>));
  const T y = math::multiply_add(p, expm1_r, p - T(S(0.5)));
  return math::select(math::abs(x) < T(std::numeric_limits<S>::epsilon() / 2), x, y + y);
}

}  // namespace detail

template <class T>
constexpr T exp(T x) {
  if constexpr (Number<T>)
    return static_cast<T>(std::exp(x));
  else
    return detail::exp_pack(x);
}

template <class T>
constexpr T expm1(T x) {
  if constexpr (Number<T>)
    return static_cast<T>(std::expm1(x));
  else
    return detail::expm1_pack(x);
}

template <class T>
constexpr T log(T x) {
  if constexpr (Number<T>) {
    return static_cast<T>(std::log(x));
  } else if constexpr (is_f32<T>) {
    STEIN_MATH_PACK(log, x)
  } else {
#if defined(STEIN_UNIT_IS_KERNEL) && defined(STEIN_HAVE_XSIMD)
    const auto denormal = x < T(std::numeric_limits<double>::min());
    const T r = ::xsimd::log(math::select(denormal, x * T(0x1p54), x));
    return math::select(denormal, r - T(37.429947750237048), r);  // 54 log(2)
#endif
  }
}

template <class T>
constexpr T log1p(T x) {
  if constexpr (Number<T>) {
    return static_cast<T>(std::log1p(x));
  } else {
#if defined(STEIN_UNIT_IS_KERNEL) && defined(STEIN_HAVE_XSIMD)
    return math::select(x == constant<T>(0), x, ::xsimd::log1p(x));
#endif
  }
}

/// log(1 + e) for 0 <= e <= 1, a third of log1p's time: t (1 + t^2 / 12 + t^4 / 80 + ...) with t = e / (1 + e / 2), that is
/// 2 artanh(t / 2) by its series, t^2 / 4 being at most 1/9.
template <class T>
constexpr T log1p_unit(T e) {
  if constexpr (Number<T>) {
    return static_cast<T>(std::log1p(e));
  } else {
    using S = ScalarOf<T>;
    constexpr int terms = is_f32<T> ? 7 : 16;
    const T t = e / math::multiply_add(e, T(S(0.5)), T(S(1))), z = t * t * T(S(0.25));
    T series = T(S(1) / S(2 * terms + 1));
    for (int k = terms - 1; k >= 1; --k) series = math::multiply_add(series, z, T(S(1) / S(2 * k + 1)));
    return math::multiply_add(t * z, series, t);
  }
}

/// For numbers only: xsimd's pow loses hundreds of ulps and has pow(0, 0) = 0, while the C library's is exact to one.
template <Number T>
constexpr T pow(T base, T exponent) {
  return static_cast<T>(std::pow(base, exponent));
}

/// 1 / (1 + e^-x) and its complement 1 / (1 + e^x), each to a few ulp at every x.
template <class T>
struct Logistic {
  T p, q;
};
template <class T>
constexpr Logistic<T> logistic(T x) {
  const T one = constant<T>(1);
  const T e = math::exp(-math::abs(x)), r = one / (one + e), s = e * r;
  const auto right = x >= constant<T>(0);
  return {math::select(right, r, s), math::select(right, s, r)};
}

/// 2 sqrt(2 / pi).
constexpr double kGeluTanh = 1.59576912160573071176;
/// 2 u, where gelu_tanh(x) = x (1 + tanh(u)) / 2 = x sigmoid(2 u).
template <class T>
constexpr T gelu_tanh_argument(T x) {
  return x * (constant<T>(kGeluTanh) + constant<T>(kGeluTanh * 0.044715) * x * x);
}

}  // namespace stein::STEIN_UNIT::math
