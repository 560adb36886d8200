// SPDX-License-Identifier: MIT
// What the parts of the experiment `low-density` share.
#pragma once

#include "smld/data/mixture.h"
#include "smld/losses.h"
#include "tools/lab/lab.h"

namespace stein::tools {

/// The ladder of the experiment.
constexpr double kLargest = 20, kSmallest = 0.3;
constexpr std::int64_t kLevels = 10;

/// The score of one level.
smld::Score at_level(const smld::LevelScore& s, std::int64_t level);

/// Samplers with the exact scores and with the learned ones: `one` has one level, kSmallest, `many` those of the ladder.
void low_density_samples(Lab& lab, const smld::GaussianMixture& p, const Tensor& ladder, const smld::LevelScore& one,
                         const smld::LevelScore& many);
/// The exact score annealed on finer and finer schedules.
void low_density_schedules(Lab& lab, const smld::GaussianMixture& p);

}  // namespace stein::tools
