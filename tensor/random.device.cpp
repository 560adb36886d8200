// SPDX-License-Identifier: MIT
#include <cmath>

#include "tensor/detail/random_device.h"
#include "tensor/detail/random_formula.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

using kernels::Law;

STEIN_KERNEL auto words_at(std::uint64_t seed, std::uint64_t position) {
  return kernels::STEIN_UNIT::philox4x32_10(
      {static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), 0u, 0u},
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

// A thread for each block of four words: four elements, two of f64.
template <class T>
struct Draw {
  static constexpr const char* name = "draw";
  static constexpr int kStep = sizeof(T) / 4, kElements = 4 / kStep;  // words of an element, elements of a block
  View<T> out;
  Law law;
  std::uint64_t seed, first;
  std::int64_t n;
  T a, b, last;  // last: the last number below b

  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, (n + kElements - 1) / kElements, [&](std::int64_t i) {
      const auto r = words_at(seed, first + static_cast<std::uint64_t>(i));
      const std::uint32_t w[] = {r.w0, r.w1, r.w2, r.w3};
      T x[4];
      if (law == Law::normal) {
        for (int k = 0; k < kElements; k += 2) kernels::STEIN_UNIT::normals(w + k * kStep, x + k);
        for (int k = 0; k < kElements; ++k) x[k] = kernels::STEIN_UNIT::fused(x[k], b, a);
      } else {
        for (int k = 0; k < kElements; ++k) {
          x[k] = kernels::STEIN_UNIT::fused(kernels::STEIN_UNIT::unit(w + k * kStep, T()), b - a, a);
          if (x[k] > last) x[k] = last;
        }
      }
      for (int k = 0; k < kElements; ++k)
        if (i * kElements + k < n) out[i * kElements + k] = x[k];
    });
  }
};

// One word an element whatever the dtype.
template <class T>
struct Sign {
  static constexpr const char* name = "draw_sign";
  View<T> out;
  std::uint64_t seed, first;
  std::int64_t n;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, (n + 3) / 4, [&](std::int64_t i) {
      const auto r = words_at(seed, first + static_cast<std::uint64_t>(i));
      const std::uint32_t w[] = {r.w0, r.w1, r.w2, r.w3};
      for (int k = 0; k < 4; ++k)
        if (i * 4 + k < n) out[i * 4 + k] = static_cast<T>(1 - 2 * static_cast<std::int32_t>(w[k] >> 31));
    });
  }
};

template <class T>
void draw(const kernels::DrawArgs& a) {
  auto* out = static_cast<T*>(a.out);
  if (a.law == Law::sign) return launch(Sign<T>{out, a.seed, a.first, a.n}, threads_for((a.n + 3) / 4));
  const T low = static_cast<T>(a.a), high = static_cast<T>(a.b);
  constexpr int per_block = Draw<T>::kElements;
  launch(Draw<T>{out, a.law, a.seed, a.first, a.n, low, high, std::nextafter(high, low)},
         threads_for((a.n + per_block - 1) / per_block));
}

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

void device_draw(const DrawArgs& a) {
  a.f64 ? ::stein::STEIN_UNIT::draw<double>(a) : ::stein::STEIN_UNIT::draw<float>(a);
}

}  // namespace stein::kernels::STEIN_UNIT
