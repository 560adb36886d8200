// SPDX-License-Identifier: MIT
// Score-matching objectives. Every loss is a mean over the batch of a sum over dimensions, with the 1/2, and a scalar
// tensor to be differentiated for the parameters that the score captures. Sources: Hyvarinen 2005 (implicit), Vincent
// 2011 (denoising), Hutchinson 1990, Song et al. 2019 (sliced, arXiv 1905.07088), Song and Ermon 2019 (NCSN, 1907.05600).
//
// x is (B, ...); s(x) has the shape of x, or Error is thrown. Samples must not interact: a batch statistic in the model makes every trace wrong.
// Probes v are given by the caller, who thereby names their law; all formulas need E[v v^T] = I (Gaussian, Rademacher, the
// sphere of radius sqrt(d)): with unit-sphere probes the minimiser would be silently wrong.
#pragma once

#include <functional>

#include "tensor/tensor.h"

namespace stein::smld {

/// x (B, ...) -> score (B, ...).
using Score = std::function<Tensor(const Tensor& x)>;
/// x (B, ...), level (B) i64 -> score (B, ...).
using LevelScore = std::function<Tensor(const Tensor& x, const Tensor& level)>;

/// Sum over all axes but the first: (B, ...) -> (B).
Tensor per_sample(const Tensor& t);

/// v^T (ds/dx) v of every sample, (B), recorded: one product. Its mean over v is the trace.
Tensor hutchinson_trace(const Tensor& s, const Tensor& x, const Tensor& v);

/// 1/2 E |s(x) - target|^2, where the true score is known.
Tensor explicit_loss(const Score& score, const Tensor& x, const Tensor& target);
/// E [1/2 |s|^2 + tr ds/dx], the exact trace by its cheapest order (trace.h). Equals the explicit loss less 1/2 E |grad log p|^2.
Tensor implicit_loss(const Score& score, const Tensor& x);
/// Sliced score matching, E [1/2 (v^T s)^2 + v^T (ds/dx) v].
Tensor ssm_loss(const Score& score, const Tensor& x, const Tensor& v);
/// Its variance-reduced form, E [1/2 |s|^2 + v^T (ds/dx) v]: Hutchinson's estimate of the implicit loss.
Tensor ssm_vr_loss(const Score& score, const Tensor& x, const Tensor& v);
/// Denoising at one level: x~ = x + sigma z, 1/2 E |s(x~) + z / sigma|^2, z standard normal of the shape of x.
Tensor dsm_loss(const Score& score, const Tensor& x, const Tensor& z, double sigma);

/// NCSN's loss, E 1/2 |sigma s(x + sigma z, level) + z|^2, sigma = ladder[level]: denoising weighted by sigma^2.
Tensor ncsn_loss(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& ladder);
/// The same for every sample: (B).
Tensor ncsn_losses(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z,
                   const Tensor& ladder);
/// Sliced (variance-reduced) at every level: E sigma^2 [1/2 |s|^2 + v^T (ds/dx~) v] at x~ = x + sigma z.
Tensor ncsn_ssm_vr_loss(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& v,
                        const Tensor& ladder);

}  // namespace stein::smld
