// SPDX-License-Identifier: MIT
// For tests of raw kernels: every SIMD level of this CPU, buffers with guards, comparison bounded by rounding.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tensor/simd.h"

namespace stein::test {

/// Calls body once for each level that this CPU has, with that level in force.
template <class Body>
void each_simd_level(const Body& body) {
  const SimdLevel before = simd_level();
  for (const SimdLevel level : {SimdLevel::v2, SimdLevel::v3, SimdLevel::v4, SimdLevel::generic}) {
    if (level > best_simd_level() || (level == SimdLevel::generic) != (best_simd_level() == SimdLevel::generic))
      continue;
    set_simd_level(level);
    body(name_of(level));
  }
  set_simd_level(before);
}

/// size elements at a 64-byte boundary, between guards; at first all NaN (all ones for integers).
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t size)
      : size_(size), bytes_(static_cast<std::size_t>(size) * sizeof(T) + 3 * kGuard, '\xff') {
    const auto at = reinterpret_cast<std::uintptr_t>(bytes_.data()) + kGuard;
    offset_ = kGuard + (kGuard - at % kGuard) % kGuard;
  }
  template <class U>
  explicit Guarded(const std::vector<U>& values) : Guarded(static_cast<std::int64_t>(values.size())) {
    for (std::int64_t i = 0; i < size_; ++i) data()[i] = static_cast<T>(values[static_cast<std::size_t>(i)]);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return reinterpret_cast<T*>(bytes_.data() + offset_); }
  std::int64_t size() const { return size_; }
  T operator[](std::int64_t i) { return data()[i]; }
  bool guards_untouched() const {
    const std::size_t end = offset_ + static_cast<std::size_t>(size_) * sizeof(T);
    for (std::size_t i = 0; i < bytes_.size(); ++i)
      if ((i < offset_ || i >= end) && bytes_[i] != '\xff') return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 64;
  std::int64_t size_;
  std::vector<char> bytes_;
  std::size_t offset_;
};

/// Values that both float and double hold exactly.
inline std::vector<double> random_values(std::mt19937& generator, std::int64_t n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  for (double& v : values) v = static_cast<double>(static_cast<int>(generator() % 4001) - 2000) / 1024.0;
  return values;
}

inline std::int64_t pick(std::mt19937& generator, std::int64_t lo, std::int64_t hi) {
  return lo + static_cast<std::int64_t>(generator() % static_cast<std::uint32_t>(hi - lo + 1));
}

/// A sum computed in double beside the sum of absolute values of its terms, which bounds what rounding may do.
struct Sum {
  double value = 0, magnitude = 0;
  int terms = 0;
  void add(double term) {
    value += term;
    magnitude += term < 0 ? -term : term;
    ++terms;
  }
};

/// The index of the first element whose error exceeds what summation in any order may cause, or -1.
template <class T>
std::int64_t first_wrong(Guarded<T>& got, const std::vector<Sum>& want) {
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const Sum& s = want[static_cast<std::size_t>(i)];
    const double error = static_cast<double>(got[i]) - s.value;
    const double bound = std::numeric_limits<T>::epsilon() * (s.terms + 2) * s.magnitude;
    if (!(error <= bound && -error <= bound)) return i;
  }
  return -1;
}

}  // namespace stein::test
