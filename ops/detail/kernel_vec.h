// SPDX-License-Identifier: MIT
// Vectors for the raw kernels, by the vector extension that g++ and clang share. Only *.simd.cpp units include this file:
// everything is in the unit's own namespace, so that no code compiled for one instruction set can be linked into another.
// The convolution units are compiled with -ffp-contract=fast, which makes `acc += x * w` an fma where the level has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stein::kernels::STEIN_UNIT {

#if defined(__AVX512F__)
inline constexpr int kVecBytes = 64;
inline constexpr int kRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVecBytes = 32;
inline constexpr int kRegisters = 16;
#else
inline constexpr int kVecBytes = 16;
inline constexpr int kRegisters = 16;
#endif

template <class T>
struct VecOf;
template <>
struct VecOf<float> {
  typedef float Type __attribute__((vector_size(kVecBytes)));
  typedef float Unaligned __attribute__((vector_size(kVecBytes), aligned(4), may_alias));
};
template <>
struct VecOf<double> {
  typedef double Type __attribute__((vector_size(kVecBytes)));
  typedef double Unaligned __attribute__((vector_size(kVecBytes), aligned(8), may_alias));
};

template <class T>
using Vec = typename VecOf<T>::Type;
template <class T>
inline constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));

#define STEIN_INLINE inline __attribute__((always_inline))
// Loops over registers must vanish, or the accumulators would live in memory.
#ifdef __clang__
#define STEIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define STEIN_UNROLL _Pragma("GCC unroll 32")
#endif

template <class T>
STEIN_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::Unaligned*>(p);
}
template <class T>
STEIN_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::Unaligned*>(p) = v;
}
/// The first n lanes from memory, zero in the others.
template <class T>
STEIN_INLINE Vec<T> load_n(const T* p, int64_t n) {
  Vec<T> v = {};
  __builtin_memcpy(&v, p, static_cast<size_t>(n) * sizeof(T));
  return v;
}
template <class T>
STEIN_INLINE void store_n(T* p, Vec<T> v, int64_t n) {
  __builtin_memcpy(p, &v, static_cast<size_t>(n) * sizeof(T));
}
/// x in every lane, bit for bit (x + 0 would turn -0 into 0).
template <class T>
STEIN_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

template <class T>
STEIN_INLINE T min_of(T a, T b) {
  return b < a ? b : a;
}
template <class T>
STEIN_INLINE T max_of(T a, T b) {
  return a < b ? b : a;
}
STEIN_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
STEIN_INLINE int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
STEIN_INLINE int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

}  // namespace stein::kernels::STEIN_UNIT
