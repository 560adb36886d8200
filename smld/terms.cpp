// SPDX-License-Identifier: MIT
#include "smld/terms.h"

#include <cmath>

#include "ops/ops.h"
#include "smld/detail/checks.h"
#include "smld/detail/model_at.h"
#include "smld/detail/products.h"
#include "smld/detail/same_draws.h"
#include "smld/detail/samples.h"
#include "smld/detail/slices.h"
#include "smld/ladder.h"
#include "tensor/detail/names.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::at, detail::check_positive, detail::same_shape;

Tensor scored(const char* op, const Score& score, const Tensor& x) {
  const Tensor s = score(x);
  same_shape(op, x, s, "a score");
  return s;
}

void check_levels(const char* op, const Tensor& x, const Tensor& level) {
  if (level.shape() != Shape{x.size(0)} || level.dtype() != i64)
    fail(op, "a level i64 for each of " + std::to_string(x.size(0)) + " samples", describe(level));
}

Tensor half_square(const Tensor& s) { return 0.5 * per_sample(square(s)); }

void check_probes(const char* op, const Tensor& x, const Tensor& v) {
  const int lead = v.rank() - x.rank();
  if ((lead != 0 && lead != 1) || v.shape().slice(lead, v.rank()) != x.shape() || v.dtype() != x.dtype())
    fail(op, "a probe of " + describe(x) + ", or m of them along a first axis", describe(v));
}

/// s(x) and v^T ds/dx for probes v, one (B, ...) or m (m, B, ...); recorded when recording is on. Works without, too.
struct Products {
  Tensor s, v, jv;
  int lead;

  Products(const char* op, const Score& score, const Tensor& input, const Tensor& probes)
      : v(probes), lead(probes.rank() - input.rank()) {
    check_probes(op, input, v);
    const bool record = is_recording();
    NoGrad on(false);
    const Tensor x = detail::variable(input, record);
    s = scored(op, score, x);
    jv = s.requires_grad() ? detail::left_product(s, x, v, lead, record) : zeros_like(v);
    if (!record) s = s.detach();
  }

  /// Dot products of the samples, (B) or (m, B).
  Tensor dot(const Tensor& a, const Tensor& b) const { return detail::dot(a, b, lead); }
  /// The mean over the probes: (B).
  Tensor average(const Tensor& t) const { return lead ? mean(t, {0}) : t; }
  Tensor trace() const { return average(dot(jv, v)); }
};

const char kHalfSquare[] = "1/2 |s|^2", kSlice[] = "1/2 (v.s)^2", kTrace[] = "trace",
           kDistance[] = "1/2 |s - target|^2";

}  // namespace

Tensor total(const Terms& terms) {
  Tensor sum;
  for (const auto& [name, t] : terms) sum = sum.defined() ? sum + t : t;
  return sum;
}

Terms explicit_terms(const Score& score, const Tensor& x, const Tensor& target) {
  const Tensor s = scored("explicit_loss", score, x);
  same_shape("explicit_loss", x, target, "a target");
  return {{kDistance, half_square(s - target)}};
}

Terms implicit_terms(const Score& score, const Tensor& x, const TraceOptions& options) {
  const auto [s, trace] = value_and_trace(score, x, options);
  return {{kHalfSquare, half_square(s)}, {kTrace, trace}};
}

Terms implicit_energy_terms(const Energy& energy, const Tensor& x, const LaplacianOptions& options) {
  const EnergyTerms e = energy_terms(energy, x, options);
  return {{kHalfSquare, half_square(e.gradient)}, {kTrace, neg(e.laplacian)}};
}

Terms ssm_terms(const Score& score, const Tensor& x, const Tensor& v) {
  const Products p("ssm_loss", score, x, v);
  return {{kSlice, p.average(0.5 * square(p.dot(p.s, v)))}, {kTrace, p.trace()}};
}

Terms ssm_vr_terms(const Score& score, const Tensor& x, const Tensor& v) {
  const Products p("ssm_vr_loss", score, x, v);
  return {{kHalfSquare, half_square(p.s)}, {kTrace, p.trace()}};
}

namespace {

/// The mean over probes v, (B, ...) or (m, B, ...), of formula(h v, h), a pair of (B), as named terms; h = eps / sqrt(d).
template <class Formula>
Terms finite_differences(const char* op, const char* name, const Tensor& x, const Tensor& v, double eps,
                         Formula formula) {
  check_positive(op, "eps", eps);
  check_probes(op, x, v);
  const double h = eps / std::sqrt(static_cast<double>(detail::sample_size(x)));
  const bool one = v.rank() == x.rank();
  const auto m = one ? 1 : v.size(0);
  Tensor squares, traces;
  for (std::int64_t i = 0; i < m; ++i) {
    const auto [square, trace] = formula(h * (one ? v : reshape(narrow(v, 0, i, 1), x.shape())), h);
    squares = squares.defined() ? squares + square : square;
    traces = traces.defined() ? traces + trace : trace;
  }
  const auto n = static_cast<double>(m);
  return {{name, squares / n}, {kTrace, traces / n}};
}

}  // namespace

Terms fd_ssm_terms(const Score& given, const Tensor& x, const Tensor& v, double eps) {
  const Score score = detail::same_draws(given);
  return finite_differences("fd_ssm_loss", kHalfSquare, x, v, eps, [&](const Tensor& step, double h) {
    const Tensor up = scored("fd_ssm_loss", score, x + step), down = scored("fd_ssm_loss", score, x - step);
    return std::pair(per_sample(square(up + down)) / 8, per_sample((up - down) * step) / (2 * h * h));
  });
}

Terms fd_ssm_energy_terms(const Energy& given, const Tensor& x, const Tensor& v, double eps) {
  const Energy energy = detail::same_draws(given);
  const Tensor middle = 2 * energy_of(energy, x);
  return finite_differences("fd_ssm_energy", kSlice, x, v, eps, [&](const Tensor& step, double h) {
    const Tensor up = energy_of(energy, x + step), down = energy_of(energy, x - step);
    return std::pair(square(up - down) / (8 * h * h), (middle - up - down) / (h * h));
  });
}

Terms dsm_terms(const Score& score, const Tensor& noisy, const Tensor& target, double scale) {
  const Tensor s = scored("dsm_loss", score, noisy);
  same_shape("dsm_loss", noisy, target, "a target");
  return {{kDistance, half_square(scale == 1 ? s - target : scale * (s - target))}};
}

Terms antithetic_terms(const Score& given, const Tensor& x, const Tensor& z, double sigma) {
  check_positive("antithetic_dsm", "a noise level", sigma);
  same_shape("antithetic_dsm", x, z, "noise");
  const Score score = detail::same_draws(given);
  const Tensor up = scored("antithetic_dsm", score, x + sigma * z);
  const Tensor down = scored("antithetic_dsm", score, x - sigma * z);
  return {{kHalfSquare, 0.5 * (half_square(up) + half_square(down))},
          {"s.z/sigma", per_sample((up - down) * z) / (2 * sigma)}};
}

Terms ncsn_terms(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& ladder) {
  same_shape("ncsn_loss", x, z, "noise");
  check_levels("ncsn_loss", x, level);
  const Tensor sigma = sigma_of(ladder, level, x.rank());
  const Tensor s = scored("ncsn_loss", at(score, level), x + sigma * z);
  return {{"1/2 |sigma s + z|^2", half_square(sigma * s + z)}};
}

Terms ncsn_ssm_vr_terms(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& v,
                        const Tensor& ladder) {
  same_shape("ncsn_ssm_vr_loss", x, z, "noise");
  check_levels("ncsn_ssm_vr_loss", x, level);
  const Tensor sigma = sigma_of(ladder, level, x.rank()), weight = square(reshape(sigma, {-1}));
  const Products p("ncsn_ssm_vr_loss", at(score, level), x + sigma * z, v);
  return {{"1/2 |sigma s|^2", weight * half_square(p.s)}, {"sigma^2 trace", weight * p.trace()}};
}

Terms ddpm_terms(const LevelScore& noise, const Tensor& x, const Tensor& t, const Tensor& z,
                 const DdpmSchedule& schedule) {
  same_shape("ddpm_loss", x, z, "noise");
  check_levels("ddpm_loss", x, t);
  // On a device the schedule's lookup checks (but for step 0): to look here would be to wait for it.
  if (t.device() == cpu)
    for (std::int64_t step : t.to_vector<std::int64_t>())
      if (step < 1 || step > schedule.steps())
        fail("ddpm_loss", "steps in 1 ... " + std::to_string(schedule.steps()), std::to_string(step));
  const Kernel k = schedule.kernel(t, x.rank(), x.dtype());
  const Tensor eps = noise(k.alpha * x + k.sigma * z, t);
  same_shape("ddpm_loss", x, eps, "predicted noise");
  return {{"|z - eps|^2", per_sample(square(z - eps))}};
}

Weighting weighting(const std::string& name) {
  static constexpr stein::detail::Named<Weighting> kWeightings[] = {{"1", Weighting::one},
                                                                    {"sigma2", Weighting::sigma2},
                                                                    {"sigma2/alpha2", Weighting::sigma2_over_alpha2},
                                                                    {"sigma4/alpha2", Weighting::sigma4_over_alpha2},
                                                                    {"g2", Weighting::g2}};
  return stein::detail::by_name("weighting", kWeightings, name);
}

Terms sde_terms(const TimeScore& score, const Tensor& x, const Tensor& t, const Tensor& z, const Sde& sde,
                Weighting weighting) {
  same_shape("sde_loss", x, z, "noise");
  if (t.shape() != Shape{x.size(0)} || t.dtype() != x.dtype())
    fail("sde_loss", "times " + std::string(name_of(x.dtype())) + " (" + std::to_string(x.size(0)) + ",)", describe(t));
  const Kernel k = sde.kernel(t, x.rank());
  const Tensor s = scored("sde_loss", at(score, t), k.alpha * x + k.sigma * z);
  // 1/2 |sigma s + z|^2 stays near d/2 at every t; the rest of lambda is a number a sample.
  const Tensor loss = half_square(k.sigma * s + z);
  const Tensor alpha2 = square(reshape(k.alpha, {-1})), sigma2 = square(reshape(k.sigma, {-1}));
  switch (weighting) {
    case Weighting::one:
      return {{"1/2 |s + z/sigma|^2", loss / sigma2}};
    case Weighting::sigma2:
      return {{"1/2 |sigma s + z|^2", loss}};
    case Weighting::sigma2_over_alpha2:
      return {{"1/2 |sigma s + z|^2 / alpha^2", loss / alpha2}};
    case Weighting::sigma4_over_alpha2:
      return {{"1/2 |sigma s + z|^2 sigma^2 / alpha^2", loss * (sigma2 / alpha2)}};
    case Weighting::g2:
      return {{"1/2 g^2 |s + z/sigma|^2", loss * (sde.diffusion2(t) / sigma2)}};
  }
  return {};
}

Terms gradient_penalty_terms(const Score& score, const Tensor& x) {
  const Products p("gradient_penalty", score, x, detail::unit_vectors(x, 0, detail::sample_size(x)));
  return {{"|ds/dx|^2", sum(p.dot(p.jv, p.jv), {0})}};
}

Terms gradient_penalty_terms(const Score& score, const Tensor& x, const Tensor& v) {
  const Products p("gradient_penalty", score, x, v);
  return {{"|ds/dx^T v|^2", p.average(p.dot(p.jv, p.jv))}};
}

Terms classifier_terms(const Tensor& logits, const Tensor& labels) {
  if (logits.rank() != 2 || labels.shape() != Shape{logits.size(0)} || labels.dtype() != i64)
    fail("classifier_loss", "logits (B, classes) and labels i64 (B)", describe(logits) + " and " + describe(labels));
  const Tensor chosen = gather(log_softmax(logits), 1, reshape(labels, {-1, 1}));
  return {{"cross entropy", neg(reshape(chosen, {-1}))}};
}

}  // namespace stein::smld
