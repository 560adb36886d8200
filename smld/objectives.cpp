// SPDX-License-Identifier: MIT
#include "smld/objectives.h"

#include <cmath>

#include "ops/ops.h"
#include "smld/detail/model_at.h"
#include "smld/ladder.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

Tensor draw(const objective::Probes& p, const Tensor& x, Generator& g) {
  const Tensor v = draw_probes(p.law, p.count, x, g);
  return p.count == 1 ? reshape(v, x.shape()) : v;
}

/// An objective of one density from formula(score, x, generator).
template <class Formula>
Objective one_density(Formula formula) {
  return [formula](const LevelScore& model, const Tensor& x, Generator& g) {
    return loss_of(formula(detail::at(model, {}), x, g));
  };
}

Tensor draw_levels(const Tensor& ladder, const Tensor& x, Generator& g) {
  return integers(0, ladder.size(0), {x.size(0)}, g).to(x.device());
}

void check_ladder(const char* op, const Tensor& ladder) {
  if (ladder.rank() != 1 || ladder.numel() < 1 || !is_floating(ladder.dtype()))
    fail(op, "a ladder of noise levels (L)", describe(ladder));
}

void check_eps(double eps) {
  if (!(eps > 0) || !std::isfinite(eps)) fail("fd_ssm", "eps above 0", std::to_string(eps));
}

}  // namespace

Loss loss_of(const Terms& terms) {
  Loss loss;
  loss.per_sample = total(terms);
  loss.value = mean(loss.per_sample);
  for (const auto& [name, t] : terms)
    loss.parts.emplace_back(name, terms.size() == 1 ? loss.value.detach() : mean(t.detach()));
  return loss;
}

LevelScore unconditional(Score score) {
  return [s = std::move(score)](const Tensor& x, const Tensor&) { return s(x); };
}

Objective of_energy(Objective objective) {
  return [o = std::move(objective)](const LevelEnergy& energy, const Tensor& x, Generator& g) {
    return o(score_of(energy), x, g);
  };
}

Objective weighted_sum(std::vector<std::pair<double, Objective>> objectives) {
  if (objectives.empty()) fail("weighted_sum", "at least one objective", "none");
  return [all = std::move(objectives)](const LevelScore& model, const Tensor& x, Generator& g) {
    Loss sum;
    for (const auto& [weight, o] : all) {
      const Loss one = o(model, x, g);
      const Tensor each = weight * one.per_sample;
      sum.per_sample = sum.per_sample.defined() ? sum.per_sample + each : each;
      for (const auto& [name, part] : one.parts) sum.parts.emplace_back(name, weight * part);
    }
    sum.value = mean(sum.per_sample);
    return sum;
  };
}

namespace objective {

Objective explicit_score_matching(Score true_score) {
  return one_density([truth = std::move(true_score)](const Score& s, const Tensor& x, Generator&) {
    return explicit_terms(s, x, truth(x).detach());
  });
}

Objective implicit(TraceOptions options) {
  return one_density([options](const Score& s, const Tensor& x, Generator& g) {
    TraceOptions o = options;
    o.generator = &g;
    return implicit_terms(s, x, o);
  });
}

Objective implicit_energy(LaplacianOptions options) {
  return one_density(
      [options](const Energy& f, const Tensor& x, Generator&) { return implicit_energy_terms(f, x, options); });
}

Objective hutchinson(ProbeLaw law, std::int64_t probes) {
  return implicit({.method = TraceMethod::hutchinson, .law = law, .probes = probes});
}

Objective ssm(Probes probes) {
  return one_density(
      [probes](const Score& s, const Tensor& x, Generator& g) { return ssm_terms(s, x, draw(probes, x, g)); });
}

Objective ssm_vr(Probes probes) {
  return one_density(
      [probes](const Score& s, const Tensor& x, Generator& g) { return ssm_vr_terms(s, x, draw(probes, x, g)); });
}

Objective fd_ssm(double eps, Probes probes) {
  check_eps(eps);
  return one_density([eps, probes](const Score& s, const Tensor& x, Generator& g) {
    return fd_ssm_terms(s, x, draw(probes, x, g), eps);
  });
}

Objective fd_ssm_energy(double eps, Probes probes) {
  check_eps(eps);
  return one_density([eps, probes](const Energy& f, const Tensor& x, Generator& g) {
    return fd_ssm_energy_terms(f, x, draw(probes, x, g), eps);
  });
}

Objective dsm(DsmOptions options) {
  return one_density([o = std::move(options)](const Score& s, const Tensor& x, Generator& g) {
    const Tensor u = o.noise.draw(x, g);
    return dsm_terms(s, x + u, o.noise.score(u), o.scaled ? o.noise.scale : 1);
  });
}

Objective antithetic_dsm(double sigma) {
  if (!(sigma > 0) || !std::isfinite(sigma)) fail("antithetic_dsm", "a noise level above 0", std::to_string(sigma));
  return one_density([sigma](const Score& s, const Tensor& x, Generator& g) {
    return antithetic_terms(s, x, randn_like(x.detach(), g), sigma);
  });
}

Objective gradient_penalty() {
  return one_density([](const Score& s, const Tensor& x, Generator&) { return gradient_penalty_terms(s, x); });
}

Objective gradient_penalty(Probes probes) {
  return one_density([probes](const Score& s, const Tensor& x, Generator& g) {
    return gradient_penalty_terms(s, x, draw(probes, x, g));
  });
}

Objective ncsn(Tensor ladder) {
  check_ladder("ncsn", ladder);
  return [ladder](const LevelScore& model, const Tensor& x, Generator& g) {
    const Tensor level = draw_levels(ladder, x, g);
    return loss_of(ncsn_terms(model, x, level, randn_like(x.detach(), g), ladder));
  };
}

Objective ncsn_ssm_vr(Tensor ladder, Probes probes) {
  check_ladder("ncsn_ssm_vr", ladder);
  return [ladder, probes](const LevelScore& model, const Tensor& x, Generator& g) {
    const Tensor level = draw_levels(ladder, x, g), z = randn_like(x.detach(), g);
    return loss_of(ncsn_ssm_vr_terms(model, x, level, z, draw(probes, x, g), ladder));
  };
}

Objective ddpm(DdpmSchedule schedule) {
  return [schedule = std::move(schedule)](const LevelScore& noise, const Tensor& x, Generator& g) {
    const Tensor t = integers(1, schedule.steps() + 1, {x.size(0)}, g).to(x.device());
    return loss_of(ddpm_terms(noise, x, t, randn_like(x.detach(), g), schedule));
  };
}

Objective sde(const Sde& sde, SdeOptions options) {
  if (!(options.start > 0 && options.start < 1))
    fail("sde", "a first time between 0 and 1", std::to_string(options.start));
  const bool tamed = options.importance && sde.kind() == Sde::Kind::vp;
  if (options.weighting == Weighting::one && !tamed && sde.sigma(options.start) < 0.01)
    fail("sde", "sigma(start) >= 0.01 for the weighting 1", std::to_string(sde.sigma(options.start)),
         "the loss goes like 1/sigma^2: start later (VP: 1e-3), or weight by sigma2 or g2, or with VP draw t by "
         "importance");
  return [sde, options](const TimeScore& score, const Tensor& x, Generator& g) {
    const Times times = sde.draw_times(x.size(0), x.dtype(), g, options.start, options.importance);
    Terms terms = sde_terms(score, x, times.t.to(x.device()), randn_like(x.detach(), g), sde, options.weighting);
    if (options.importance)
      for (auto& [name, t] : terms) t = t * times.weight.to(x.device());
    return loss_of(terms);
  };
}

}  // namespace objective
}  // namespace stein::smld
