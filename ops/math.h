// SPDX-License-Identifier: MIT
// The scalar functions in which kernels are written, for a SIMD pack and for one number alike. They lie in the
// namespace of the compilation unit, so that no two SIMD levels share inline code. Corrections to xsimd 8.1 stand here.
#pragma once

#include <cmath>
#include <type_traits>

#include "tensor/simd.h"
#ifdef STEIN_UNIT_IS_KERNEL
#include "tensor/pack.h"
#endif

#ifndef STEIN_UNIT
#define STEIN_UNIT host
#endif

namespace stein::STEIN_UNIT::math {

template <class T>
concept Number = std::is_arithmetic_v<T>;

// On numbers the C library, on packs xsimd. Without xsimd, and on the host, only numbers are instantiated.
#if defined(STEIN_UNIT_IS_KERNEL) && defined(STEIN_HAVE_XSIMD)
#define STEIN_MATH_PACK(f, ...) return ::xsimd::f(__VA_ARGS__);
#else
#define STEIN_MATH_PACK(f, ...) static_assert(Number<T>);
#endif
#define STEIN_MATH_1(f)                 \
  template <class T>                    \
  inline T f(T x) {                     \
    if constexpr (Number<T>) {          \
      return static_cast<T>(std::f(x)); \
    } else {                            \
      STEIN_MATH_PACK(f, x)             \
    }                                   \
  }
STEIN_MATH_1(exp)
STEIN_MATH_1(expm1)
STEIN_MATH_1(log)
STEIN_MATH_1(log1p)
STEIN_MATH_1(sin)
STEIN_MATH_1(cos)
STEIN_MATH_1(tanh)
STEIN_MATH_1(sqrt)
STEIN_MATH_1(erf)
STEIN_MATH_1(abs)
STEIN_MATH_1(floor)
STEIN_MATH_1(nearbyint)
#undef STEIN_MATH_1

/// condition ? a : b.
template <class C, class T>
inline T select(C condition, T a, T b) {
  if constexpr (std::is_same_v<C, bool>) {
    return condition ? a : b;
  } else {
    STEIN_MATH_PACK(select, condition, a, b)
  }
}

/// The larger; NaN when either is NaN.
template <class T>
inline T max(T a, T b) {
  return select((a > b) || (a != a), a, b);
}
/// The smaller; NaN when either is NaN.
template <class T>
inline T min(T a, T b) {
  return select((a < b) || (a != a), a, b);
}

#undef STEIN_MATH_PACK

}  // namespace stein::STEIN_UNIT::math
