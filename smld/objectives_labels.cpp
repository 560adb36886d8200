// SPDX-License-Identifier: MIT
// Objectives that take labels: classifiers on noisy data, and labels dropped for classifier-free guidance.
#include <cmath>

#include "ops/ops.h"
#include "smld/ladder.h"
#include "smld/objectives.h"

namespace stein::smld {
namespace {

struct Noisy {
  Tensor x, t;
};

/// A classifier's objective from noisy(x, generator).
template <class Perturb>
ClassifierObjective on(Perturb noisy) {
  return [noisy](const NoisyClassifier& model, const Tensor& x, const Tensor& label, Generator& g) {
    const Noisy at = noisy(x, g);
    return loss_of(classifier_terms(model(at.x, at.t), label));
  };
}

Tensor perturbed(const Kernel& k, const Tensor& x, Generator& g) {
  return k.alpha * x + k.sigma * randn_like(x.detach(), g);
}

}  // namespace

LabelledObjective label_dropped(Objective objective, std::int64_t null_label, double drop) {
  if (!(drop >= 0 && drop <= 1)) fail("label_dropped", "a probability", std::to_string(drop));
  return [o = std::move(objective), null_label, drop](const ConditionalScore& model, const Tensor& x,
                                                      const Tensor& label, Generator& g) {
    if (label.shape() != Shape{x.size(0)} || label.dtype() != i64)
      fail("label_dropped", "a label i64 for each of " + std::to_string(x.size(0)) + " samples", describe(label));
    const Tensor out = uniform(label.shape(), g, 0, 1, f64, label.device()) < drop;
    const Tensor kept = where(out, static_cast<double>(null_label), label);
    // By value: an objective may keep the model inside a checkpoint, which runs in the backward pass.
    return o([model, kept](const Tensor& at, const Tensor& t) { return model(at, t, kept); }, x, g);
  };
}

namespace objective {

ClassifierObjective classifier(double sigma) {
  if (!(sigma >= 0) || !std::isfinite(sigma)) fail("classifier", "a noise level of at least 0", std::to_string(sigma));
  return on([sigma](const Tensor& x, Generator& g) { return Noisy{x + sigma * randn_like(x.detach(), g), {}}; });
}

ClassifierObjective classifier(Tensor ladder) {
  if (ladder.rank() != 1 || !is_floating(ladder.dtype()))
    fail("classifier", "a ladder of noise levels (L)", describe(ladder));
  return on([ladder](const Tensor& x, Generator& g) {
    const Tensor level = integers(0, ladder.size(0), {x.size(0)}, g).to(x.device());
    return Noisy{x + sigma_of(ladder, level, x.rank()) * randn_like(x.detach(), g), level};
  });
}

ClassifierObjective classifier(DdpmSchedule schedule) {
  return on([schedule = std::move(schedule)](const Tensor& x, Generator& g) {
    const Tensor t = integers(1, schedule.steps() + 1, {x.size(0)}, g).to(x.device());
    return Noisy{perturbed(schedule.kernel(t, x.rank(), x.dtype()), x, g), t};
  });
}

ClassifierObjective classifier(const Sde& sde) {
  return on([sde](const Tensor& x, Generator& g) {
    const Tensor t = sde.draw_times(x.size(0), x.dtype(), g).t.to(x.device());
    return Noisy{perturbed(sde.kernel(t, x.rank()), x, g), t};
  });
}

}  // namespace objective
}  // namespace stein::smld
