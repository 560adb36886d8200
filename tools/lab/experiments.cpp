// SPDX-License-Identifier: MIT
#include "tools/lab/experiments.h"

namespace stein::tools {

void denoise_noise(Lab& lab);
void diffusion(Lab& lab);
void energy(Lab& lab);
void equivalence(Lab& lab);
void guidance(Lab& lab);
void inverse_1d(Lab& lab);
void langevin(Lab& lab);
void low_density(Lab& lab);
void ncsn_2d(Lab& lab);
void penalty(Lab& lab);
void trace_experiment(Lab& lab);

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> table{
      {"inverse-1d", "Inverse-transform sampling in one dimension", "10 s", inverse_1d},
      {"langevin", "Langevin dynamics: steps, conventions, the bias of the step size, MALA", "1 min", langevin},
      {"low-density", "Where data are thin: one noise level fails, a ladder does not", "1 min", low_density},
      {"trace", "The trace of the Jacobian: every method, its price and its worth", "3 min", trace_experiment},
      {"equivalence", "Denoising is score matching: C, the bound, the ratio estimator, Stein, Tweedie", "30 s",
       equivalence},
      {"denoise-noise", "Noises for denoising, and the blow-up at small ones", "30 s", denoise_noise},
      {"energy", "An energy network beside a score network", "40 s", energy},
      {"penalty", "The gradient penalty and the Lipschitz constant", "1 min", penalty},
      {"ncsn-2d", "NCSN on rings, moons, spirals and a checkerboard", "4 min", ncsn_2d},
      {"diffusion", "DDPM, the SDEs and their flows: one thing in several clothes", "2 min", diffusion},
      {"guidance", "Guidance by a classifier and without one", "1 min", guidance},
  };
  return table;
}

}  // namespace stein::tools
