// SPDX-License-Identifier: MIT
#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "tensor/error.h"

namespace stein::nn {
namespace {

Schedule checked(const Schedule& s) {
  s.check();
  return s;
}

}  // namespace

Schedule Schedule::constant(std::int64_t warmup) { return checked({.warmup = warmup}); }

Schedule Schedule::cosine(std::int64_t total, std::int64_t warmup, double floor) {
  return checked({.kind = Kind::cosine, .warmup = warmup, .total = total, .floor = floor});
}

Schedule Schedule::step(std::int64_t every, double gamma, std::int64_t warmup) {
  return checked({.kind = Kind::step, .warmup = warmup, .every = every, .gamma = gamma});
}

void Schedule::check() const {
  if (warmup < 0) fail("schedule", "a warm-up of at least 0 steps", std::to_string(warmup));
  if (kind == Kind::cosine && total <= warmup)
    fail("schedule", "a cosine longer than its warm-up of " + std::to_string(warmup) + " steps", std::to_string(total));
  if (kind == Kind::cosine && !(floor >= 0 && floor <= 1)) fail("schedule", "a floor in [0, 1]", std::to_string(floor));
  if (kind == Kind::step && every < 1) fail("schedule", "steps of at least 1", std::to_string(every));
  if (kind == Kind::step && !(gamma > 0 && std::isfinite(gamma)))
    fail("schedule", "gamma above 0", std::to_string(gamma));
}

double Schedule::operator()(std::int64_t step) const {
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  const auto t = static_cast<double>(step - warmup);
  switch (kind) {
    case Kind::cosine: {
      const double part = std::min(t / static_cast<double>(total - warmup), 1.0);
      return floor + (1 - floor) * (1 + std::cos(std::numbers::pi * part)) / 2;
    }
    case Kind::step:
      return std::pow(gamma, std::floor(t / static_cast<double>(every)));
    case Kind::constant:
      break;
  }
  return 1;
}

std::string_view name_of(Schedule::Kind kind) {
  return kind == Schedule::Kind::constant ? "constant" : kind == Schedule::Kind::cosine ? "cosine" : "step";
}

Schedule::Kind parse_schedule_kind(std::string_view name) {
  for (const auto kind : {Schedule::Kind::constant, Schedule::Kind::cosine, Schedule::Kind::step})
    if (name_of(kind) == name) return kind;
  fail("schedule", "constant, cosine or step", "\"" + std::string(name) + "\"");
}

}  // namespace stein::nn
