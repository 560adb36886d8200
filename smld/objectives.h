// SPDX-License-Identifier: MIT
// Every objective of score matching behind one interface, (model, batch, random stream) -> loss and its parts:
//
//     const Objective objective = objective::dsm({.noise = gaussian_noise(0.3)});
//     const Loss loss = objective(unconditional(score), x, generator);
//     adam.step(grad({loss.value}, net.parameters()));
//
// The model is called as model(x, t). What t is, and what the model returns, each objective says:
//     one density   t undefined; the score. unconditional(score) makes such a model
//     NCSN          t the noise level (B) i64 in [0, L); the score
//     DDPM          t the step (B) i64 in 1 ... T; the NOISE eps
//     SDE           t the time (B) of x's dtype; the score (Sde::score_of makes one of a network)
// Energies: of_energy(objective) takes f with p ~ exp(-f) instead of a score. The formulas stand in terms.h, with their sources.
//
// x is (B, ...), f32 or f64. All draws come from the generator, so the same one gives the same loss. Works under NoGrad.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "smld/energy.h"
#include "smld/guidance.h"
#include "smld/laplacian.h"
#include "smld/losses.h"
#include "smld/noise.h"
#include "smld/sde.h"
#include "smld/terms.h"
#include "smld/trace.h"
#include "tensor/random.h"

namespace stein::smld {

/// What an objective returns.
struct Loss {
  Tensor value;                                       ///< scalar, recorded: the mean of per_sample
  Tensor per_sample;                                  ///< (B)
  std::vector<std::pair<std::string, Tensor>> parts;  ///< named scalars that add up to value; constants
};
/// The mean of terms over the batch.
Loss loss_of(const Terms& terms);

/// A training objective: a recorded loss of a batch x (B, ...) under a model, all randomness from `generator`.
using Objective = std::function<Loss(const LevelScore& model, const Tensor& x, Generator& generator)>;

/// A model of one density as a model that ignores t.
LevelScore unconditional(Score score);
/// The objective for an energy instead of a score: objective(score_of(energy), ...). Costs one more order of differentiation.
Objective of_energy(Objective objective);
/// sum_i weight_i objective_i, on the same batch, for example a loss and its penalty.
Objective weighted_sum(std::vector<std::pair<double, Objective>> objectives);

namespace objective {

// ---- one density: t undefined ----

/// 1/2 E |s - grad log p|^2, where the true score is known.
Objective explicit_score_matching(Score true_score);
/// Hyvarinen's E [1/2 |s|^2 + tr ds/dx], the trace by any method of trace.h (options.generator is not used). Its minimum is
/// -1/2 E |grad log p|^2, as is that of SSM and SSM-VR.
Objective implicit(TraceOptions options = {});
/// The same with Hutchinson's estimate of the trace from `probes` probes of the named law: SSM-VR by another name.
Objective hutchinson(ProbeLaw law = ProbeLaw::rademacher, std::int64_t probes = 1);
/// The implicit loss of an energy f, E [1/2 |grad f|^2 - Laplacian f], the Laplacian by the methods of laplacian.h: what
/// of_energy(implicit()) is, for less. The model is an ENERGY.
Objective implicit_energy(LaplacianOptions options = {});

/// Law and number of the probes, redrawn for every batch and sample; all laws have E[v v^T] = I.
struct Probes {
  ProbeLaw law = ProbeLaw::rademacher;  ///< of the vectors
  std::int64_t count = 1;               ///< vectors a sample
};
/// Sliced score matching, E [1/2 (v^T s)^2 + v^T (ds/dx) v].
Objective ssm(Probes probes = {});
/// Variance-reduced, E [1/2 |s|^2 + v^T (ds/dx) v].
Objective ssm_vr(Probes probes = {});
/// SSM-VR by finite differences of length eps, first derivatives only; see fd_ssm_terms. eps 0.1 as published: smaller ones drown in f32.
Objective fd_ssm(double eps = 0.1, Probes probes = {.law = ProbeLaw::sphere});
/// The same for an energy f, with no derivative in x at all: E 1/h^2 [(f(y+) - f(y-))^2 / 8 + 2 f(x) - f(y+) - f(y-)],
/// y+- = x +- h v, h = eps / sqrt(d). The model is an ENERGY, as for of_energy. Estimates SSM, not SSM-VR.
Objective fd_ssm_energy(double eps = 0.1, Probes probes = {.law = ProbeLaw::sphere});

/// Of dsm().
struct DsmOptions {
  Noise noise = gaussian_noise(0.1);  ///< what clean samples are disturbed by
  /// Times noise.scale^2: stays near d/2 for any scale, where the plain loss of Gaussian noise is about d / (2 sigma^2) +- sqrt(d/2) / sigma^2.
  bool scaled = false;
};
/// Denoising, 1/2 E |s(x~) - grad log q(x~ - x)|^2, x~ = x + u: the explicit loss at the smoothed density plus a constant (Vincent).
Objective dsm(DsmOptions options = {});
/// Denoising by Gaussian noise, +z and -z together, less its constant; see antithetic_terms. Its minimum is -1/2 E |grad log q|^2, q the
/// smoothed density. Throws Error unless sigma > 0.
Objective antithetic_dsm(double sigma);
/// E |ds/dx|_F^2, from all d rows of the Jacobian.
Objective gradient_penalty();
/// E |(ds/dx)^T v|^2: the same in the mean, one product a probe.
Objective gradient_penalty(Probes probes);

// ---- NCSN: t the level (B) i64, drawn uniformly for each sample ----

/// E 1/2 |sigma s(x + sigma z, level) + z|^2. The ladder has x's dtype.
Objective ncsn(Tensor ladder);
/// E sigma^2 [1/2 |s|^2 + v^T (ds/dx~) v].
Objective ncsn_ssm_vr(Tensor ladder, Probes probes = {});

// ---- diffusion ----

/// Noise prediction, E |z - eps(x_t, t)|^2 (no 1/2, as published): the model returns eps, t (B) i64 is uniform in 1 ... T.
Objective ddpm(DdpmSchedule schedule);

/// Of sde().
struct SdeOptions {
  Weighting weighting = Weighting::sigma2;  ///< lambda(t)
  /// t of density ~ g^2 / sigma^2 and reweighted: the same loss with less variance for Weighting::g2 and Weighting::one. VE's is uniform anyway.
  bool importance = false;
  double start = 1e-5;  ///< t in [start, 1)
};
/// E_t 1/2 lambda(t) |s(x_t, t) + z / sigma|^2, t ~ U(start, 1). Throws Error for lambda = 1 where its variance, E 1/sigma^4, is out of
/// hand: unless sigma(start) >= 0.01 (VP: start >= 1e-3) or VP with importance sampling.
Objective sde(const Sde& sde, SdeOptions options = {});

}  // namespace objective

// ---- labels ----

/// The model is called as model(x, t, label (B) i64) and returns a score or noise, as its objective says.
using LabelledObjective =
    std::function<Loss(const ConditionalScore& model, const Tensor& x, const Tensor& label, Generator& generator)>;
/// For classifier_free_guidance (guidance.h; Ho and Salimans 2022): the label of each sample is replaced by `null_label` with probability `drop`
/// (0.1 to 0.2 is common). Throws Error unless 0 <= drop <= 1.
LabelledObjective label_dropped(Objective objective, std::int64_t null_label, double drop = 0.1);

/// The same for a classifier of noisy samples: x (B, ...), labels i64 (B).
using ClassifierObjective =
    std::function<Loss(const NoisyClassifier& model, const Tensor& x, const Tensor& label, Generator& generator)>;

namespace objective {

/// Cross-entropy of a classifier's logits on noisy data, for classifier_guidance. Labels (B) i64. Noise: one sigma (0:
/// none), t undefined; a ladder, t the level; DDPM, t the step; an SDE, t uniform in [1e-5, 1).
ClassifierObjective classifier(double sigma);
/// Levels drawn from the ladder.
ClassifierObjective classifier(Tensor ladder);
/// Steps drawn from the chain.
ClassifierObjective classifier(DdpmSchedule schedule);
/// Times drawn from [eps, 1].
ClassifierObjective classifier(const Sde& sde);

}  // namespace objective
}  // namespace stein::smld
