// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>

#include "ops/ops.h"
#include "smld/detail/grid_chain.h"
#include "smld/diffusion_samplers.h"
#include "tensor/detail/names.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::Level;
using detail::Moments;

Tensor times(const Tensor& x, double t) { return full({x.size(0)}, t, x.dtype(), x.device()); }

double mean_norm(const Tensor& t) { return mean(stein::sqrt(per_sample(square(t.to(f64))))).item(); }

void check(const ReverseSdeOptions& o, double end) {
  constexpr const char* op = "reverse_sde";
  if (o.steps < 1 || o.rounds < 1 || o.corrector_steps < 0)
    fail(op, "at least one step, one round and no negative number of corrector steps",
         std::to_string(o.steps) + ", " + std::to_string(o.rounds) + ", " + std::to_string(o.corrector_steps));
  if (!(end > 0 && end < 1)) fail(op, "an end in (0, 1)", std::to_string(end));
  if (!(o.snr > 0)) fail(op, "a signal-to-noise ratio above 0", std::to_string(o.snr));
  if (o.predictor == Predictor::none && o.corrector_steps == 0) fail(op, "a predictor or corrector steps", "neither");
}

}  // namespace

Tensor prior_sample(const Sde& sde, const Shape& shape, Generator& generator, DType dtype, const Device& device) {
  return sde.prior_deviation() * randn(shape, generator, dtype, device);
}

Predictor predictor(const std::string& name) {
  static constexpr stein::detail::Named<Predictor> kPredictors[] = {{"euler-maruyama", Predictor::euler_maruyama},
                                                                    {"reverse-diffusion", Predictor::reverse_diffusion},
                                                                    {"ancestral", Predictor::ancestral},
                                                                    {"none", Predictor::none}};
  return stein::detail::by_name("predictor", kPredictors, name);
}

Tensor reverse_sde(const TimeScore& score, const Sde& sde, const Tensor& start, Generator& generator,
                   const ReverseSdeOptions& o) {
  const double end = o.end == 0 ? sde.sampling_end() : o.end;
  check(o, end);
  if (start.rank() < 1) fail("reverse_sde", "x (B, ...)", describe(start));
  NoGrad guard;
  detail::Hooks run("reverse_sde", o, generator, o.steps);
  const auto time = [&](std::int64_t i) {  // 1, ..., end, 0
    if (i == o.steps) return 0.0;
    return o.steps == 1 ? 1.0 : 1 + (end - 1) * (static_cast<double>(i) / static_cast<double>(o.steps - 1));
  };
  const auto level = [&](std::int64_t i) {
    const double t = time(i);
    return i == o.steps && o.predictor != Predictor::euler_maruyama ? Level{1, 0} : Level{sde.alpha(t), sde.sigma(t)};
  };
  const auto scored = [&](const Tensor& x, double t) { return run.checked("a score", score(x, times(x, t)), x); };

  const auto step = [&](Tensor x, std::int64_t i) -> Moments {
    const double t = time(i);
    const Level now = level(i), before = level(i + 1);
    const auto [root, v] = detail::forward(now, before);
    Moments m{x, 0};
    for (std::int64_t c = 0; c < o.corrector_steps; ++c) {
      if (c > 0) x = run.constrain(x, now.alpha, now.sigma);
      const Tensor s = scored(x, t), z = run.noise(x);
      const double size = mean_norm(s);
      const double r = size > 0 ? o.snr * mean_norm(z) / size : 0;
      const double tau = 2 * root * root * r * r;
      m.mean = x + tau * s;
      m.deviation = 0;
      x = m.mean + std::sqrt(2 * tau) * z;
    }
    if (o.predictor == Predictor::none) return {i + 1 == o.steps ? m.mean : x, 0};
    if (o.corrector_steps > 0) x = run.constrain(x, now.alpha, now.sigma);
    const Tensor s = scored(x, t);
    switch (o.predictor) {
      case Predictor::euler_maruyama: {
        const double h = t - time(i + 1), g2 = sde.diffusion2(t);
        return {(1 - h * sde.drift(t)) * x + (h * g2) * s, std::sqrt(g2 * h)};
      }
      case Predictor::reverse_diffusion:
        return {(2 - root) * x + v * s, std::sqrt(v)};
      default:
        return {(x + v * s) / root, std::sqrt(v) * before.sigma / now.sigma};
    }
  };
  return detail::run_chain(start, o.steps, o.rounds, level, step, run);
}

OdeResult probability_flow(const TimeScore& score, const Sde& sde, const Tensor& x, double from, double to,
                           const FlowOptions& o) {
  constexpr const char* op = "probability_flow";
  if (!(from >= 0 && from <= 1 && to >= 0 && to <= 1))
    fail(op, "times in [0, 1]", std::to_string(from) + ", " + std::to_string(to));
  if (o.steps < 0) fail(op, "at least 0 steps", std::to_string(o.steps));
  if (x.rank() < 1) fail(op, "x (B, ...)", describe(x));
  const OdeRhs f = [&](double t, const Tensor& y) {
    const Tensor s = score(y, times(y, t));
    return sde.kind() == Sde::Kind::ve ? (-0.5 * sde.diffusion2(t)) * s
                                       : sde.drift(t) * y - (0.5 * sde.diffusion2(t)) * s;
  };
  if (o.steps > 0) return heun(f, x, from, to, o.steps, o.progress);
  return dormand_prince(f, x, from, to, {.rtol = o.rtol, .atol = o.atol, .progress = o.progress});
}

Tensor probability_flow(const TimeScore& score, const Sde& sde, const Tensor& x, const FlowOptions& o) {
  return probability_flow(score, sde, x, 1, sde.sampling_end(), o).y;
}

}  // namespace stein::smld
