// SPDX-License-Identifier: MIT
// Rows first, columns second, and the adjoint in the opposite order.
#include "ops/detail/kernel_vec.h"
#include "ops/detail/resample_kernels.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

/// to = u * a + v * b, or a itself when v is 0 (an infinite b must not make it NaN).
template <class T>
void mix(const T* a, const T* b, double weight, int64_t n, T* to) {
  if (weight == 0) {
    __builtin_memcpy(to, a, static_cast<size_t>(n) * sizeof(T));
    return;
  }
  const T u = static_cast<T>(1 - weight), v = static_cast<T>(weight);
  for (int64_t i = 0; i < n; ++i) to[i] = u * a[i] + v * b[i];
}

/// The transpose of mix: a += u * from, b += v * from.
template <class T>
void spread(const T* from, double weight, int64_t n, T* a, T* b) {
  if (weight == 0) {
    for (int64_t i = 0; i < n; ++i) a[i] += from[i];
    return;
  }
  const T u = static_cast<T>(1 - weight), v = static_cast<T>(weight);
  for (int64_t i = 0; i < n; ++i) a[i] += u * from[i];
  for (int64_t i = 0; i < n; ++i) b[i] += v * from[i];
}

template <class T>
void resample(const ResampleArgs<T>& a) {
  const int64_t row = a.w * a.c;
  T* line = static_cast<T*>(a.scratch);
  for (int64_t item = a.begin; item < a.end; ++item) {
    const T* image = a.src + item / a.ho * a.h * row;
    const ResampleTap& r = a.rows[item % a.ho];
    const T* from = image + r.first * row;
    if (r.weight != 0) {
      mix(from, image + r.second * row, r.weight, row, line);
      from = line;
    }
    T* to = a.dst + item * a.wo * a.c;
    for (int64_t q = 0; q < a.wo; ++q, to += a.c)
      mix(from + a.cols[q].first * a.c, from + a.cols[q].second * a.c, a.cols[q].weight, a.c, to);
  }
}

template <class T>
void resample_adjoint(const ResampleArgs<T>& a) {
  const int64_t row = a.w * a.c;
  T* line = static_cast<T*>(a.scratch);
  for (int64_t n = a.begin; n < a.end; ++n) {
    T* image = a.dst + n * a.h * row;
    __builtin_memset(image, 0, static_cast<size_t>(a.h * row) * sizeof(T));
    const T* from = a.src + n * a.ho * a.wo * a.c;
    for (int64_t p = 0; p < a.ho; ++p) {
      __builtin_memset(line, 0, static_cast<size_t>(row) * sizeof(T));
      for (int64_t q = 0; q < a.wo; ++q, from += a.c)
        spread(from, a.cols[q].weight, a.c, line + a.cols[q].first * a.c, line + a.cols[q].second * a.c);
      spread(line, a.rows[p].weight, row, image + a.rows[p].first * row, image + a.rows[p].second * row);
    }
  }
}

}  // namespace

int64_t resample_scratch_bytes(int64_t c, int64_t w, int64_t element_size) {
  return round_up(c * w * element_size, 64);
}
void resample_f32(const ResampleArgs<float>& args) { resample(args); }
void resample_f64(const ResampleArgs<double>& args) { resample(args); }
void resample_adjoint_f32(const ResampleArgs<float>& args) { resample_adjoint(args); }
void resample_adjoint_f64(const ResampleArgs<double>& args) { resample_adjoint(args); }

}  // namespace stein::kernels::STEIN_UNIT
