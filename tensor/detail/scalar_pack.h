// SPDX-License-Identifier: MIT
// What Pack<T> is where xsimd is not installed: one number with as much of xsimd's interface as the kernels use. The
// compiler may vectorise the loops around it.
#pragma once

#include <cstddef>

namespace stein::detail::STEIN_UNIT {  // levels share no inline code, see tensor/simd.h

template <class T>
struct ScalarPack {
  static constexpr std::size_t size = 1;
  T value;

  ScalarPack() = default;
  explicit ScalarPack(T v) : value(v) {}
  static ScalarPack load_unaligned(const T* from) { return ScalarPack(*from); }
  void store_unaligned(T* to) const { *to = value; }

  ScalarPack operator-() const { return ScalarPack(-value); }
  ScalarPack& operator+=(ScalarPack b) { return *this = *this + b; }
  ScalarPack& operator-=(ScalarPack b) { return *this = *this - b; }
  ScalarPack& operator*=(ScalarPack b) { return *this = *this * b; }
  friend ScalarPack operator+(ScalarPack a, ScalarPack b) { return ScalarPack(a.value + b.value); }
  friend ScalarPack operator-(ScalarPack a, ScalarPack b) { return ScalarPack(a.value - b.value); }
  friend ScalarPack operator*(ScalarPack a, ScalarPack b) { return ScalarPack(a.value * b.value); }
  friend ScalarPack operator/(ScalarPack a, ScalarPack b) { return ScalarPack(a.value / b.value); }
};

}  // namespace stein::detail::STEIN_UNIT
