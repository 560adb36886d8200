// SPDX-License-Identifier: MIT
// The scalar functions in which kernels are written, for a SIMD pack and for one number alike. They lie in the
// namespace of the compilation unit, so that no two SIMD levels share inline code. Corrections to xsimd 8.1 stand here
// and in ops/detail/math_*.h. tests/ops/elementwise_accuracy.test.cpp compares ops with long double: at most 4 ulp unless listed.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tensor/simd.h"
#if defined(STEIN_UNIT_IS_KERNEL) && !defined(STEIN_DEVICE_UNIT)
#include "tensor/pack.h"
#endif

#ifndef STEIN_UNIT
#define STEIN_UNIT host
#endif

namespace stein::STEIN_UNIT::math {

template <class T>
concept Number = std::is_arithmetic_v<T>;

template <class T>
struct Scalar {
  using type = typename T::value_type;
};
template <Number T>
struct Scalar<T> {
  using type = T;
};
/// The type of one element of a pack.
template <class T>
using ScalarOf = typename Scalar<T>::type;
template <class T>
constexpr bool is_f32 = std::is_same_v<ScalarOf<T>, float>;

// On numbers the C library, on packs xsimd. Without xsimd, and on the host, only numbers are instantiated.
#if defined(STEIN_UNIT_IS_KERNEL) && defined(STEIN_HAVE_XSIMD)
#define STEIN_MATH_PACK(f, ...) return ::xsimd::f(__VA_ARGS__);
#else
#define STEIN_MATH_PACK(f, ...) static_assert(Number<T>);
#endif
#define STEIN_MATH_1(f)                 \
  template <class T>                    \
  constexpr T f(T x) {                  \
    if constexpr (Number<T>) {          \
      return static_cast<T>(std::f(x)); \
    } else {                            \
      STEIN_MATH_PACK(f, x)             \
    }                                   \
  }
STEIN_MATH_1(sin)
STEIN_MATH_1(cos)
STEIN_MATH_1(tanh)
STEIN_MATH_1(sqrt)
STEIN_MATH_1(abs)
STEIN_MATH_1(floor)
STEIN_MATH_1(nearbyint)
#undef STEIN_MATH_1

/// An attribute of an op in the functor's type.
template <class T>
constexpr T constant(double value) {
  return T(static_cast<ScalarOf<T>>(value));
}

/// condition ? a : b.
template <class C, class T>
constexpr T select(C condition, T a, T b) {
  if constexpr (std::is_same_v<C, bool>) {
    return condition ? a : b;
  } else {
    STEIN_MATH_PACK(select, condition, a, b)
  }
}

/// a b + c, fused where the level has the instruction.
template <class T>
constexpr T multiply_add(T a, T b, T c) {
  if constexpr (Number<T>) {
    return a * b + c;
  } else {
    STEIN_MATH_PACK(fma, a, b, c)
  }
}

// Calls among these functions are qualified: argument-dependent lookup would prefer xsimd's own. NaN is recognised by ==,
// since != is false for NaN in xsimd's AVX-512 packs.

/// The larger; NaN when either is NaN.
template <class T>
constexpr T max(T a, T b) {
  return math::select(a > b, a, math::select(a == a, b, a));
}
/// The smaller; NaN when either is NaN.
template <class T>
constexpr T min(T a, T b) {
  return math::select(a < b, a, math::select(a == a, b, a));
}

/// c[0] + c[1] x + c[2] x^2 + ...
template <class T, std::size_t n>
constexpr T polynomial(T x, const ScalarOf<T> (&c)[n]) {
  T r(c[n - 1]);
  for (std::size_t i = n - 1; i-- > 0;) r = math::multiply_add(r, x, T(c[i]));
  return r;
}

}  // namespace stein::STEIN_UNIT::math

#include "ops/detail/math_exp.h"
#include "ops/detail/math_normal.h"

#undef STEIN_MATH_PACK
