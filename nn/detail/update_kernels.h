// SPDX-License-Identifier: MIT
// One pass over a parameter: what optimisers, averages and clipping do. All arrays are row-major and n long; scalars are
// rounded to the element type once. Results do not depend on the SIMD level: no contraction, fixed order of summation.
#pragma once

#include <cstdint>

#include "tensor/simd.h"

namespace stein::nn::detail {

struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, first;  // first: the momentum buffer is made from this gradient
  bool operator==(const SgdStep&) const = default;
};

struct AdamStep {
  double one_minus_beta1, beta2, one_minus_beta2;
  double step_size;        // lr / (1 - beta1^t)
  double root_correction;  // sqrt(1 - beta2^t)
  double eps;
  double weight_decay;  // of Adam: added to the gradient
  double shrink;        // of AdamW: the parameter is multiplied by it first, 1 - lr weight_decay
  bool operator==(const AdamStep&) const = default;
};

/// What a step does to every element of a parameter.
struct UpdateRule {
  enum class Kind : std::uint8_t { none, sgd, adam };
  Kind kind = Kind::none;
  SgdStep sgd{};
  AdamStep adam{};
  UpdateRule() = default;
  explicit UpdateRule(const SgdStep& s) : kind(Kind::sgd), sgd(s) {}
  explicit UpdateRule(const AdamStep& s) : kind(Kind::adam), adam(s) {}
  bool operator==(const UpdateRule&) const = default;
};

}  // namespace stein::nn::detail

// `buffer` is null without momentum.
STEIN_SIMD_KERNEL(sgd_f32, void(float* p, const float* g, float* buffer, std::int64_t n, const nn::detail::SgdStep& s))
STEIN_SIMD_KERNEL(sgd_f64,
                  void(double* p, const double* g, double* buffer, std::int64_t n, const nn::detail::SgdStep& s))
STEIN_SIMD_KERNEL(adam_f32,
                  void(float* p, const float* g, float* m, float* v, std::int64_t n, const nn::detail::AdamStep& s))
STEIN_SIMD_KERNEL(adam_f64,
                  void(double* p, const double* g, double* m, double* v, std::int64_t n, const nn::detail::AdamStep& s))
// a += weight (b - a)
STEIN_SIMD_KERNEL(lerp_f32, void(float* a, const float* b, std::int64_t n, double weight))
STEIN_SIMD_KERNEL(lerp_f64, void(double* a, const double* b, std::int64_t n, double weight))
// out = factor x
STEIN_SIMD_KERNEL(scale_f32, void(float* out, const float* x, std::int64_t n, double factor))
STEIN_SIMD_KERNEL(scale_f64, void(double* out, const double* x, std::int64_t n, double factor))
// sum of x^2, in double
STEIN_SIMD_KERNEL(sum_squares_f32, double(const float* x, std::int64_t n))
STEIN_SIMD_KERNEL(sum_squares_f64, double(const double* x, std::int64_t n))
