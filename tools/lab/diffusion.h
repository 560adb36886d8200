// SPDX-License-Identifier: MIT
// The parts of the experiment `diffusion`.
#pragma once

#include <string>
#include <vector>

#include "nn/conditional_mlp.h"
#include "smld/diffusion_samplers.h"
#include "smld/sde.h"
#include "tools/lab/lab.h"
#include "tools/lab/yardstick.h"

namespace stein::tools::diffusions {

struct Family {
  std::string name;
  smld::Sde sde;
  nn::ConditionalMLP net;
  smld::TimeScore trained, exact;
};

struct Sampled {
  Tensor x;
  std::int64_t evaluations;
};

/// Samples from `start` at t = 1 by the reverse SDE, and by the flow: n steps of Heun, or adaptive for 0.
Sampled by_sde(const Lab& lab, const smld::TimeScore& s, const smld::Sde& sde, const Tensor& start, Generator g,
               smld::Predictor predictor, std::int64_t steps, std::int64_t corrector = 0);
Sampled by_flow(const Lab& lab, const smld::TimeScore& s, const smld::Sde& sde, const Tensor& start,
                std::int64_t steps);

/// The first coordinate of a few particles from t = 1 to 0 over the density it has at each time, VP, exact score.
void paths(Lab& lab, const Family& vp, const smld::GaussianMixture& p, Generator g);
/// Distance against the number of evaluations, VP.
void budget(Lab& lab, const Family& vp, const Yardstick& far, std::int64_t n, Generator g);
/// log p by the flow against the mixture's own.
void likelihoods(Lab& lab, const std::vector<Family>& families, const smld::GaussianMixture& p, Generator g);

}  // namespace stein::tools::diffusions
