// SPDX-License-Identifier: MIT
#include "ops/detail/select_kernels.h"

#include "ops/math.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

namespace math = ::stein::STEIN_UNIT::math;

template <bool largest, class P>
P better(P x, P best) {  // NaN in either comes out
  if constexpr (largest)
    return math::max(x, best);
  else
    return math::min(x, best);
}

template <bool largest, class T>
T best_of_row(const T* x, std::int64_t n) {
  using P = Pack<T>;
  constexpr std::int64_t w = static_cast<std::int64_t>(P::size);
  T best = x[0];
  std::int64_t i = 0;
  if (n >= 4 * w) {
    P b0 = P::load_unaligned(x), b1 = b0, b2 = b0, b3 = b0;
    for (; i + 4 * w <= n; i += 4 * w) {
      b0 = better<largest>(P::load_unaligned(x + i), b0);
      b1 = better<largest>(P::load_unaligned(x + i + w), b1);
      b2 = better<largest>(P::load_unaligned(x + i + 2 * w), b2);
      b3 = better<largest>(P::load_unaligned(x + i + 3 * w), b3);
    }
    T lanes[w];
    better<largest>(better<largest>(b0, b1), better<largest>(b2, b3)).store_unaligned(lanes);
    for (std::int64_t k = 0; k < w; ++k) best = better<largest>(lanes[k], best);
  }
  for (; i < n; ++i) best = better<largest>(x[i], best);
  return best;
}

template <bool largest, class T>
void best(const T* in, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  for (std::int64_t o = 0; o < outer; ++o) {
    const T* x = in + o * n * inner;
    T* y = out + o * inner;
    if (inner == 1) {
      *y = best_of_row<largest>(x, n);
      continue;
    }
    for (std::int64_t i = 0; i < inner; ++i) y[i] = x[i];
    for (std::int64_t j = 1; j < n; ++j) {
      const T* row = x + j * inner;
      for (std::int64_t i = 0; i < inner; ++i) y[i] = better<largest>(row[i], y[i]);
    }
  }
}

}  // namespace

void max_f32(const float* in, float* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  best<true>(in, out, outer, n, inner);
}
void max_f64(const double* in, double* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  best<true>(in, out, outer, n, inner);
}
void min_f32(const float* in, float* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  best<false>(in, out, outer, n, inner);
}
void min_f64(const double* in, double* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  best<false>(in, out, outer, n, inner);
}

}  // namespace stein::kernels::STEIN_UNIT
