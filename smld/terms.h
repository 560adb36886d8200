// SPDX-License-Identifier: MIT
// The objectives as formulas: everything random is given (noise, probes, levels, times), nothing is averaged. losses.h holds the
// means of those that programs need, objectives.h draws what is random. Formulas and signs: Hyvarinen 2005 (implicit), Vincent 2011
// (denoising), Song et al. 2019 (sliced, arXiv 1905.07088), Song and Ermon 2019 (NCSN, 1907.05600), Pang et al. 2020 (finite
// differences, 2007.03317), Ho et al. 2020 (DDPM, 2006.11239), Song et al. 2021 (SDEs, 2011.13456).
//
// x is (B, ...) and so is what a model returns, or Error is thrown. Probes v are (B, ...), or (m, B, ...) for m of them, with
// E[v v^T] = I: Gaussian, Rademacher, the sphere of radius sqrt(d), sqrt(d) times orthonormal rows. Unit-sphere probes (E v v^T = I/d)
// only rescale SSM, but move the minimiser of SSM-VR: multiply them by sqrt(d).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "smld/energy.h"
#include "smld/laplacian.h"
#include "smld/losses.h"
#include "smld/sde.h"
#include "smld/trace.h"

namespace stein::smld {

/// A loss sample by sample: named terms, each (B), that add up to it.
using Terms = std::vector<std::pair<std::string, Tensor>>;
/// Their sum, (B).
Tensor total(const Terms& terms);

/// 1/2 |s(x) - target|^2.
Terms explicit_terms(const Score& score, const Tensor& x, const Tensor& target);
/// 1/2 |s|^2 + tr ds/dx, the trace by any method of trace.h.
Terms implicit_terms(const Score& score, const Tensor& x, const TraceOptions& options = {});
/// 1/2 |grad f|^2 - Laplacian f of an energy f: the same for s = -grad f.
Terms implicit_energy_terms(const Energy& energy, const Tensor& x, const LaplacianOptions& options = {});
/// 1/2 (v^T s)^2 + v^T (ds/dx) v, averaged over the m probes.
Terms ssm_terms(const Score& score, const Tensor& x, const Tensor& v);
/// 1/2 |s|^2 + v^T (ds/dx) v, averaged over the m probes.
Terms ssm_vr_terms(const Score& score, const Tensor& x, const Tensor& v);
/// SSM-VR without a second derivative, y+- = x +- h v, h = eps / sqrt(d): |s(y+) + s(y-)|^2 / 8 + (s(y+) - s(y-)) . v / (2 h).
/// With |v| = sqrt(d) this is the published form with |v| = eps. Bias O(eps^2); in f32 rounding grows as 1/eps. All its evaluations of s
/// draw the same from default_generator() (masks of dropout), as they do for the energy below and for antithetic_terms. Throws Error
/// unless eps > 0.
Terms fd_ssm_terms(const Score& score, const Tensor& x, const Tensor& v, double eps);

/// The same for an energy f, p ~ exp(-f), without any derivative in x: 1/h^2 [(f(y+) - f(y-))^2 / 8 + 2 f(x) - f(y+) - f(y-)]. With
/// |v| = sqrt(d) the published d / eps^2 [...]. It estimates SSM, for its first part is (v^T s)^2 / 2.
Terms fd_ssm_energy_terms(const Energy& energy, const Tensor& x, const Tensor& v, double eps);

/// 1/2 scale^2 |s(noisy) - target|^2, target = grad log q(noisy | x): for Gaussian noise -(noisy - x) / sigma^2, MINUS.
Terms dsm_terms(const Score& score, const Tensor& noisy, const Tensor& target, double scale = 1);
/// Denoising with z and -z, less what does not depend on s: (|s(x + sigma z)|^2 + |s(x - sigma z)|^2) / 4
/// + (s(x + sigma z) - s(x - sigma z)) . z / (2 sigma). Its variance stays finite as sigma -> 0, where it is SSM-VR with v = z.
Terms antithetic_terms(const Score& score, const Tensor& x, const Tensor& z, double sigma);
/// 1/2 |sigma s(x + sigma z, level) + z|^2, sigma = ladder[level].
Terms ncsn_terms(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& ladder);
/// sigma^2 (1/2 |s|^2 + v^T (ds/dx~) v) at x~ = x + sigma z.
Terms ncsn_ssm_vr_terms(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& v,
                        const Tensor& ladder);

/// |z - eps(x_t, t)|^2, x_t = sqrt(abar_t) x + sqrt(1 - abar_t) z, t (B) i64 in 1 ... T (Error for others); `noise` returns eps. No 1/2, as published.
Terms ddpm_terms(const LevelScore& noise, const Tensor& x, const Tensor& t, const Tensor& z,
                 const DdpmSchedule& schedule);

/// lambda(t) of the SDE loss 1/2 lambda |s + z / sigma|^2.
enum class Weighting : std::uint8_t {
  one,                 ///< 1: blows up like 1/sigma^2 as t -> 0
  sigma2,              ///< sigma^2: noise prediction, 1/2 |eps - z|^2 with eps = -sigma s
  sigma2_over_alpha2,  ///< sigma^2 / alpha^2
  sigma4_over_alpha2,  ///< sigma^4 / alpha^2: prediction of x_0, 1/2 |x_0^ - x_0|^2
  g2  ///< g^2: the loss bounds the Kullback-Leibler divergence of the reverse SDE (Song et al. 2021, 2101.09258)
};
/// "1", "sigma2", "sigma2/alpha2", "sigma4/alpha2", "g2". Throws Error for others.
Weighting weighting(const std::string& name);
/// 1/2 lambda(t) |s(x_t, t) + z / sigma|^2, x_t = alpha x + sigma z, t (B).
Terms sde_terms(const TimeScore& score, const Tensor& x, const Tensor& t, const Tensor& z, const Sde& sde,
                Weighting weighting);

/// |ds/dx|_F^2 from all d rows at once: d products and d B d numbers in memory.
Terms gradient_penalty_terms(const Score& score, const Tensor& x);
/// |(ds/dx)^T v|^2, averaged over the m probes: its mean over v is |ds/dx|_F^2.
Terms gradient_penalty_terms(const Score& score, const Tensor& x, const Tensor& v);

/// -log softmax(logits)[label]: logits (B, K), labels (B) i64 in [0, K).
Terms classifier_terms(const Tensor& logits, const Tensor& labels);

}  // namespace stein::smld
