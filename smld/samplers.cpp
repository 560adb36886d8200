// SPDX-License-Identifier: MIT
#include "smld/samplers.h"

#include <cmath>

#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

Tensor one_step(const Tensor& x, const Tensor& s, double tau, LangevinStep step, Generator& generator) {
  const bool full = step == LangevinStep::full;
  return x + (full ? tau : tau / 2) * s + std::sqrt(full ? 2 * tau : tau) * randn_like(x, generator);
}

}  // namespace

Tensor langevin(const Score& score, const Tensor& start, double tau, std::int64_t steps, Generator& generator,
                LangevinStep step) {
  if (!(tau > 0) || steps < 0)
    fail("langevin", "a step size above 0 and at least 0 steps", std::to_string(tau) + ", " + std::to_string(steps));
  NoGrad guard;
  Tensor x = start.detach();
  for (std::int64_t i = 0; i < steps; ++i) x = one_step(x, score(x), tau, step, generator);
  return x;
}

Tensor annealed_langevin(const LevelScore& score, const Tensor& ladder, const Tensor& start, Generator& generator,
                         const AnnealedOptions& options) {
  const auto sigmas = ladder.to(f64).to_vector<double>();
  if (sigmas.empty() || options.steps_per_level < 1 || options.epsilon < 0)
    fail("annealed_langevin", "at least one level, one step a level and a step size of at least 0",
         describe(ladder) + ", " + std::to_string(options.steps_per_level) + ", " + std::to_string(options.epsilon));
  NoGrad guard;
  const double last = sigmas.back();
  const double epsilon =
      options.epsilon > 0 ? options.epsilon : (options.step == LangevinStep::full ? 0.2 : 0.4) * last * last;
  const auto levels = static_cast<std::int64_t>(sigmas.size()), total = levels * options.steps_per_level;
  const auto at_level = [&](std::int64_t i) { return full({start.size(0)}, static_cast<double>(i), i64); };
  Tensor x = start.detach();
  std::int64_t done = 0;
  for (std::int64_t i = 0; i < levels; ++i) {
    const double ratio = sigmas[static_cast<std::size_t>(i)] / last;
    for (std::int64_t t = 0; t < options.steps_per_level; ++t) {
      x = one_step(x, score(x, at_level(i)), epsilon * ratio * ratio, options.step, generator);
      if (options.progress && !options.progress(++done, total)) throw Interrupted("annealed_langevin");
    }
  }
  return options.denoise ? x + last * last * score(x, at_level(levels - 1)) : x;
}

}  // namespace stein::smld
