// SPDX-License-Identifier: MIT
#include "nn/detail/update_kernels.h"

#include "nn/detail/update_formula.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

using nn::detail::AdamStep;
using nn::detail::SgdStep;

template <class T>
void sgd(T* __restrict p, const T* __restrict g, T* __restrict buffer, std::int64_t n, const SgdStep& step) {
  const nn::STEIN_UNIT::Sgd<T> f(step);
  if (!buffer) {
    for (std::int64_t i = 0; i < n; ++i) p[i] = f.plain(p[i], g[i]);
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const auto r = f.with_buffer(p[i], g[i], buffer[i]);
    p[i] = r.p;
    buffer[i] = r.buffer;
  }
}

template <class T>
void adam(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n,
          const AdamStep& step) {
  const nn::STEIN_UNIT::Adam<T> f(step);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto r = f(p[i], g[i], m[i], v[i]);
    p[i] = r.p;
    m[i] = r.m;
    v[i] = r.v;
  }
}

template <class T>
void lerp(T* __restrict a, const T* __restrict b, std::int64_t n, double weight) {
  const T w = T(weight);
  for (std::int64_t i = 0; i < n; ++i) a[i] += w * (b[i] - a[i]);
}

template <class T>
void scale(T* __restrict out, const T* __restrict x, std::int64_t n, double factor) {
  const T f = T(factor);
  for (std::int64_t i = 0; i < n; ++i) out[i] = f * x[i];
}

template <class T>
double sum_squares(const T* x, std::int64_t n) {
  constexpr int lanes = 16;
  double sum[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) sum[l] += double(x[i + l]) * double(x[i + l]);
  for (int l = 0; i < n; ++i, ++l) sum[l] += double(x[i]) * double(x[i]);
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0];
}

}  // namespace

void sgd_f32(float* p, const float* g, float* buffer, std::int64_t n, const SgdStep& s) { sgd(p, g, buffer, n, s); }
void sgd_f64(double* p, const double* g, double* buffer, std::int64_t n, const SgdStep& s) { sgd(p, g, buffer, n, s); }
void adam_f32(float* p, const float* g, float* m, float* v, std::int64_t n, const AdamStep& s) {
  adam(p, g, m, v, n, s);
}
void adam_f64(double* p, const double* g, double* m, double* v, std::int64_t n, const AdamStep& s) {
  adam(p, g, m, v, n, s);
}
void lerp_f32(float* a, const float* b, std::int64_t n, double weight) { lerp(a, b, n, weight); }
void lerp_f64(double* a, const double* b, std::int64_t n, double weight) { lerp(a, b, n, weight); }
void scale_f32(float* out, const float* x, std::int64_t n, double factor) { scale(out, x, n, factor); }
void scale_f64(double* out, const double* x, std::int64_t n, double factor) { scale(out, x, n, factor); }
double sum_squares_f32(const float* x, std::int64_t n) { return sum_squares(x, n); }
double sum_squares_f64(const double* x, std::int64_t n) { return sum_squares(x, n); }

}  // namespace stein::kernels::STEIN_UNIT
