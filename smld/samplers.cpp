// SPDX-License-Identifier: MIT
#include "smld/samplers.h"

#include <cmath>

#include "ops/ops.h"
#include "smld/detail/hooks.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

void check_steps(const char* op, double tau, std::int64_t steps) {
  if (!(tau > 0 && std::isfinite(tau)) || steps < 0)
    fail(op, "a finite step size above 0 and at least 0 steps", std::to_string(tau) + ", " + std::to_string(steps));
}

Tensor one_step(const Tensor& x, const Tensor& s, double tau, LangevinStep step, const detail::Hooks& run) {
  const bool full = step == LangevinStep::full;
  return x + (full ? tau : tau / 2) * run.checked("a score", s, x) + std::sqrt(full ? 2 * tau : tau) * run.noise(x);
}

}  // namespace

Tensor langevin(const Score& score, const Tensor& start, double tau, std::int64_t steps, Generator& generator,
                LangevinStep step, const SamplerHooks& hooks) {
  check_steps("langevin", tau, steps);
  NoGrad guard;
  detail::Hooks run("langevin", hooks, generator, steps);
  Tensor x = start.detach();
  for (std::int64_t i = 0; i < steps; ++i) {
    x = run.constrain(x, 1, 0);
    x = one_step(x, score(x), tau, step, run);
    run.step_done();
  }
  return run.finish(x);
}

MalaResult mala(const std::function<Tensor(const Tensor&)>& log_density, const Score& score, const Tensor& start,
                double tau, std::int64_t steps, Generator& generator, const SamplerHooks& hooks) {
  check_steps("mala", tau, steps);
  if (start.rank() < 1) fail("mala", "x (B, ...)", describe(start));
  NoGrad guard;
  detail::Hooks run("mala", hooks, generator, steps);
  const std::int64_t batch = start.size(0);
  const Shape column = Shape{batch} + Dims::filled(start.rank() - 1, 1);
  const auto density = [&](const Tensor& x) {
    Tensor l = log_density(x);
    if (l.shape() != Shape{batch} || l.dtype() != x.dtype())
      fail("mala", "a log-density (" + std::to_string(batch) + ",) of the samples' dtype", describe(l));
    return l;
  };
  // |to - from - tau s(from)|^2: -4 tau times the log of the proposal's density, less a constant.
  const auto distance = [&](const Tensor& from, const Tensor& to, const Tensor& s) {
    return per_sample(square(to - from - tau * s));
  };
  Tensor x = start.detach(), l, s, accepted = zeros({}, f64, start.device());  // read once, at the end
  for (std::int64_t i = 0; i < steps; ++i) {
    if (hooks.constraint) x = run.constrain(x, 1, 0);
    if (i == 0 || hooks.constraint) l = density(x), s = run.checked("a score", score(x), x);
    const Tensor y = x + tau * s + std::sqrt(2 * tau) * run.noise(x);
    const Tensor ly = density(y), sy = run.checked("a score", score(y), y);
    const Tensor ratio = ly - l - (distance(y, x, sy) - distance(x, y, s)) / (4 * tau);
    // A ratio that is NaN (a density that is 0 at both ends) compares false: rejected.
    const Tensor take = log(uniform({batch}, generator, 0, 1, x.dtype(), x.device())) < ratio,
                 wide = reshape(take, column);
    x = where(wide, y, x), s = where(wide, sy, s), l = where(take, ly, l);
    accepted = accepted + sum(take.to(f64));
    run.step_done();
  }
  const double proposals = static_cast<double>(steps) * static_cast<double>(batch);
  return {run.finish(x), proposals > 0 ? accepted.item() / proposals : 0.0};
}

Tensor annealed_langevin(const LevelScore& score, const Tensor& ladder, const Tensor& start, Generator& generator,
                         const AnnealedOptions& options) {
  const auto sigmas = ladder.to(f64).to_vector<double>();
  if (ladder.rank() != 1 || sigmas.empty() || options.steps_per_level < 1 ||
      !(options.epsilon >= 0 && std::isfinite(options.epsilon)))
    fail("annealed_langevin", "at least one level, one step a level and a finite step size of at least 0",
         describe(ladder) + ", " + std::to_string(options.steps_per_level) + ", " + std::to_string(options.epsilon));
  for (std::size_t i = 0; i < sigmas.size(); ++i)
    if (!(sigmas[i] > 0 && std::isfinite(sigmas[i])) || (i > 0 && sigmas[i] > sigmas[i - 1]))
      fail("annealed_langevin", "finite noise levels above 0, the largest first",
           std::to_string(sigmas[i]) + " as number " + std::to_string(i));
  NoGrad guard;
  const double last = sigmas.back();
  const double epsilon =
      options.epsilon > 0 ? options.epsilon : (options.step == LangevinStep::full ? 0.2 : 0.4) * last * last;
  const auto levels = static_cast<std::int64_t>(sigmas.size());
  const auto at_level = [&](std::int64_t i) {
    return full({start.size(0)}, static_cast<double>(i), i64, start.device());
  };
  detail::Hooks run("annealed_langevin", options, generator, levels * options.steps_per_level);
  Tensor x = start.detach();
  for (std::int64_t i = 0; i < levels; ++i) {
    const double sigma = sigmas[static_cast<std::size_t>(i)], ratio = sigma / last;
    for (std::int64_t t = 0; t < options.steps_per_level; ++t) {
      x = run.constrain(x, 1, sigma);
      x = one_step(x, score(x, at_level(i)), epsilon * ratio * ratio, options.step, run);
      run.step_done();
    }
  }
  return run.finish(options.denoise ? x + last * last * score(x, at_level(levels - 1)) : x);
}

}  // namespace stein::smld
