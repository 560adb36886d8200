// SPDX-License-Identifier: MIT
// What DDPM's chain and a reverse SDE on a grid of times have in common.
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "smld/detail/hooks.h"
#include "smld/detail/transition.h"

namespace stein::smld::detail {

struct Level {
  double alpha, sigma;
};

/// The forward transition, its variance not below 0.
inline Transition<double> forward(const Level& now, const Level& before) {
  const auto f = transition(now, before);
  return {f.root, std::max(f.variance, 0.0)};
}

/// A step's result before its noise.
struct Moments {
  Tensor mean;
  double deviation;
};

/// `steps` steps from level(0) to level(steps): step(x, i) goes from level i to i + 1, each taken `rounds` times with the forward
/// transition in between. The very last is left without noise.
template <class LevelAt, class Step>
Tensor run_chain(const Tensor& start, std::int64_t steps, std::int64_t rounds, const LevelAt& level, const Step& step,
                 Hooks& run) {
  Tensor x = start.detach();
  for (std::int64_t i = 0; i < steps; ++i) {
    const Level now = level(i), before = level(i + 1);
    for (std::int64_t round = 0; round < rounds; ++round) {
      const Moments m = step(run.constrain(x, now.alpha, now.sigma), i);
      x = m.deviation > 0 && i + 1 < steps ? m.mean + m.deviation * run.noise(x) : m.mean;
      if (round + 1 < rounds) {
        const auto f = forward(now, before);
        x = f.root * x + std::sqrt(f.variance) * run.noise(x);
      }
    }
    run.step_done();
  }
  return run.finish(x);
}

}  // namespace stein::smld::detail
