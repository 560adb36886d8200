// SPDX-License-Identifier: MIT
#include "smld/conversions.h"

#include <utility>

#include "ops/ops.h"
#include "smld/detail/transition.h"

namespace stein::smld {

using detail::transition;

Kernel kernel(double alpha, double sigma, DType dtype) { return {scalar(alpha, dtype), scalar(sigma, dtype)}; }

Tensor score_from_noise(const Tensor& eps, const Kernel& k) { return neg(eps) / k.sigma; }
Tensor noise_from_score(const Tensor& s, const Kernel& k) { return neg(k.sigma * s); }
Tensor denoised_from_score(const Tensor& x, const Tensor& s, const Kernel& k) {
  return (x + square(k.sigma) * s) / k.alpha;
}
Tensor score_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& k) {
  return (k.alpha * x0 - x) / square(k.sigma);
}
Tensor denoised_from_noise(const Tensor& x, const Tensor& eps, const Kernel& k) {
  return (x - k.sigma * eps) / k.alpha;
}
Tensor noise_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& k) { return (x - k.alpha * x0) / k.sigma; }

Tensor posterior_mean_from_denoised(const Tensor& x, const Tensor& x0, const Kernel& now, const Kernel& before) {
  const auto f = transition(now, before);
  return (before.alpha * f.variance * x0 + f.root * square(before.sigma) * x) / square(now.sigma);
}

Tensor posterior_mean_from_score(const Tensor& x, const Tensor& s, const Kernel& now, const Kernel& before) {
  const auto f = transition(now, before);
  return (x + f.variance * s) / f.root;
}

Tensor posterior_mean_from_noise(const Tensor& x, const Tensor& eps, const Kernel& now, const Kernel& before) {
  const auto f = transition(now, before);
  return (x - f.variance / now.sigma * eps) / f.root;
}

Tensor denoised_from_posterior_mean(const Tensor& x, const Tensor& mean, const Kernel& now, const Kernel& before) {
  const auto f = transition(now, before);
  return (square(now.sigma) * mean - f.root * square(before.sigma) * x) / (before.alpha * f.variance);
}

Tensor posterior_variance(const Kernel& now, const Kernel& before) {
  return transition(now, before).variance * square(before.sigma) / square(now.sigma);
}

LevelScore score_of(NoiseModel noise, const DdpmSchedule& schedule) {
  return [noise = std::move(noise), schedule](const Tensor& x, const Tensor& t) {
    return score_from_noise(noise(x, t), schedule.kernel(t, x.rank(), x.dtype()));
  };
}

NoiseModel noise_of(LevelScore score, const DdpmSchedule& schedule) {
  return [score = std::move(score), schedule](const Tensor& x, const Tensor& t) {
    return noise_from_score(score(x, t), schedule.kernel(t, x.rank(), x.dtype()));
  };
}

}  // namespace stein::smld
