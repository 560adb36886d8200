// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>

#include "ops/ops.h"
#include "smld/detail/grid_chain.h"
#include "smld/diffusion_samplers.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::Level;
using detail::Moments;

Level level_of(const DdpmSchedule& schedule, std::int64_t t) {
  const double bar = schedule.alpha_bar(t);
  return {std::sqrt(bar), std::sqrt(1 - bar)};
}

Tensor predicted(const NoiseModel& noise, const Tensor& x, std::int64_t t, const detail::Hooks& run) {
  return run.checked("predicted noise", noise(x, full({x.size(0)}, static_cast<double>(t), i64, x.device())), x);
}

void check(const char* op, const Tensor& x, std::int64_t rounds) {
  if (x.rank() < 1) fail(op, "x (B, ...)", describe(x));
  if (rounds < 1) fail(op, "at least one round", std::to_string(rounds));
}

/// The times to visit, T ... 1, checked or chosen.
std::vector<std::int64_t> times_of(const DdimOptions& o, std::int64_t top) {
  constexpr const char* op = "ddim";
  std::vector<std::int64_t> times = o.times;
  if (times.empty()) {
    if (o.steps < 1 || o.steps > top)
      fail(op, "1 to " + std::to_string(top) + " steps", std::to_string(o.steps),
           "the schedule has " + std::to_string(top));
    for (std::int64_t i = 0; i < o.steps; ++i) {
      const double share = o.steps == 1 ? 0 : static_cast<double>(i) / static_cast<double>(o.steps - 1);
      times.push_back(top - std::llround(share * static_cast<double>(top - 1)));
    }
  }
  for (std::size_t i = 0; i < times.size(); ++i)
    if (times[i] < 1 || times[i] > top || (i > 0 && times[i] >= times[i - 1]))
      fail(op, "decreasing times in 1 ... " + std::to_string(top),
           std::to_string(times[i]) + " as number " + std::to_string(i));
  return times;
}

}  // namespace

Tensor ddpm(const NoiseModel& noise, const DdpmSchedule& schedule, const Tensor& start, Generator& generator,
            const DdpmOptions& o) {
  check("ddpm", start, o.rounds);
  NoGrad guard;
  const std::int64_t top = schedule.steps();
  detail::Hooks run("ddpm", o, generator, top);
  const auto level = [&](std::int64_t i) { return level_of(schedule, top - i); };
  const auto step = [&](const Tensor& x, std::int64_t i) -> Moments {
    const std::int64_t t = top - i;
    const double beta = schedule.beta(t), left = 1 - schedule.alpha_bar(t);
    const Tensor eps = predicted(noise, x, t, run);
    const double variance = o.variance == DdpmVariance::beta ? beta : beta * (1 - schedule.alpha_bar(t - 1)) / left;
    return {(x - (beta / std::sqrt(left)) * eps) / std::sqrt(1 - beta), std::sqrt(variance)};
  };
  return detail::run_chain(start, top, o.rounds, level, step, run);
}

Tensor ddim(const NoiseModel& noise, const DdpmSchedule& schedule, const Tensor& start, Generator& generator,
            const DdimOptions& o) {
  check("ddim", start, o.rounds);
  if (!(o.eta >= 0 && o.eta <= 1)) fail("ddim", "eta in [0, 1]", std::to_string(o.eta));
  std::vector<std::int64_t> times = times_of(o, schedule.steps());
  const auto steps = static_cast<std::int64_t>(times.size());
  times.push_back(0);
  NoGrad guard;
  detail::Hooks run("ddim", o, generator, steps);
  const auto time = [&](std::int64_t i) { return times[static_cast<std::size_t>(i)]; };
  const auto level = [&](std::int64_t i) { return level_of(schedule, time(i)); };
  const auto step = [&](const Tensor& x, std::int64_t i) -> Moments {
    const double now = schedule.alpha_bar(time(i)), next = schedule.alpha_bar(time(i + 1));
    const Tensor eps = predicted(noise, x, time(i), run);
    const double w = o.eta * o.eta * (1 - next) / (1 - now) * (1 - now / next);
    const Tensor x0 = (x - std::sqrt(1 - now) * eps) / std::sqrt(now);
    return {std::sqrt(next) * x0 + std::sqrt(std::max(1 - next - w, 0.0)) * eps, std::sqrt(w)};
  };
  return detail::run_chain(start, steps, o.rounds, level, step, run);
}

}  // namespace stein::smld
