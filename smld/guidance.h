// SPDX-License-Identifier: MIT
// Conditional sampling with scores put together. All results are ordinary models of (x, t): for any sampler, and as t may be a time or a
// level, for any family. With w != 1 neither samples p(x) p(y|x)^w: the tilted densities at different noise are not each other's diffusions.
#pragma once

#include "smld/sde.h"

namespace stein::smld {

/// x (B, ...), t (B) -> logits or log-probabilities log p(y | x_t) of all classes, (B, classes), differentiable in x.
using NoisyClassifier = std::function<Tensor(const Tensor& x, const Tensor& t)>;
/// x (B, ...), t (B), y (B) i64 -> score of p(x_t | y), (B, ...).
using ConditionalScore = std::function<Tensor(const Tensor& x, const Tensor& t, const Tensor& y)>;

/// grad_x log p(y | x_t), (B, ...): x (B, ...), t (B), labels (B) i64. One forward and one backward pass of the classifier; not recorded.
Tensor classifier_gradient(const NoisyClassifier& classifier, const Tensor& x, const Tensor& t, const Tensor& labels);

/// Classifier guidance (Dhariwal and Nichol 2021, arXiv 2105.05233; Song et al. 2021, appendix I.1): s(x, t) + weight grad_x log p(y | x_t).
/// labels (B) i64, one for each sample of the batch to come, or one for all (1). weight 1: the conditional score.
/// For scores only: of a noise model, eps = -sigma s, the term would be -weight sigma grad_x log p. Give score_of(noise, schedule) (conversions.h).
TimeScore classifier_guidance(TimeScore score, NoisyClassifier classifier, const Tensor& labels, double weight = 1);

/// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598): s_null + weight (s_y - s_null), s_null = score(x, t, null_label). weight 1 is the plain
/// conditional score and 0 the unconditional one; the paper's w is this weight minus 1. Linear: noise models may be given as well.
TimeScore classifier_free_guidance(ConditionalScore score, const Tensor& labels, std::int64_t null_label,
                                   double weight = 1);

}  // namespace stein::smld
