// SPDX-License-Identifier: MIT
#include "nn/detail/update_kernels.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

using nn::detail::AdamStep;
using nn::detail::SgdStep;

float root(float x) { return __builtin_sqrtf(x); }
double root(double x) { return __builtin_sqrt(x); }

// torch.optim.SGD: d = g + weight_decay p; b = momentum b + (1 - dampening) d, at first d; p -= lr (nesterov ? d + momentum b : b).
template <class T>
void sgd(T* __restrict p, const T* __restrict g, T* __restrict buffer, std::int64_t n, const SgdStep& s) {
  const T lr = T(s.lr), momentum = T(s.momentum), fresh = T(1 - s.dampening), decay = T(s.weight_decay);
  if (!buffer) {
    for (std::int64_t i = 0; i < n; ++i) p[i] -= lr * (g[i] + decay * p[i]);
  } else if (s.first) {
    const T factor = s.nesterov ? T(1) + momentum : T(1);
    for (std::int64_t i = 0; i < n; ++i) {
      buffer[i] = g[i] + decay * p[i];
      p[i] -= lr * (factor * buffer[i]);
    }
  } else if (s.nesterov) {
    for (std::int64_t i = 0; i < n; ++i) {
      const T d = g[i] + decay * p[i];
      buffer[i] = momentum * buffer[i] + fresh * d;
      p[i] -= lr * (d + momentum * buffer[i]);
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      const T d = g[i] + decay * p[i];
      buffer[i] = momentum * buffer[i] + fresh * d;
      p[i] -= lr * buffer[i];
    }
  }
}

// torch.optim.Adam and AdamW: m += (1 - beta1)(d - m); v = beta2 v + (1 - beta2) d^2; p -= step_size m / (sqrt(v) / root_correction + eps).
template <class T>
void adam(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, std::int64_t n, const AdamStep& s) {
  const T w1 = T(s.one_minus_beta1), beta2 = T(s.beta2), w2 = T(s.one_minus_beta2), step = T(s.step_size),
          correction = T(s.root_correction), eps = T(s.eps), decay = T(s.weight_decay), shrink = T(s.shrink);
  for (std::int64_t i = 0; i < n; ++i) {
    const T q = p[i] * shrink, d = g[i] + decay * p[i];
    m[i] += w1 * (d - m[i]);
    v[i] = beta2 * v[i] + w2 * (d * d);
    p[i] = q - step * m[i] / (root(v[i]) / correction + eps);
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
