// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace stein::nn {

/// The factor on the learning rate as a function of the step alone, so that a resumed run needs the step and nothing
/// else: optimizer.set_lr_factor(schedule(step)) before update number `step` (0, 1, ...).
///
/// During the first `warmup` steps the factor grows as (step + 1) / warmup; with t = step - warmup after it:
/// constant 1; cosine floor + (1 - floor)(1 + cos(pi min(t / (total - warmup), 1))) / 2; step gamma^floor(t / every).
struct Schedule {
  /// See above.
  enum class Kind : std::uint8_t { constant, cosine, step };
  Kind kind = Kind::constant;  ///< which of them
  std::int64_t warmup = 0;     ///< steps of growing from 0 to 1
  std::int64_t total = 0;      ///< cosine: the step at which the floor is reached
  double floor = 0;            ///< cosine: the last factor
  std::int64_t every = 0;      ///< step: steps between two falls
  double gamma = 0.1;          ///< step: factor of each fall

  static Schedule constant(std::int64_t warmup = 0);  ///< 1 after the warm-up
  /// Throws Error unless total > warmup and 0 <= floor <= 1.
  static Schedule cosine(std::int64_t total, std::int64_t warmup = 0, double floor = 0);
  /// Throws Error unless every >= 1 and gamma > 0.
  static Schedule step(std::int64_t every, double gamma = 0.1, std::int64_t warmup = 0);

  /// Throws Error, as the functions above, when a field is out of range.
  void check() const;
  double operator()(std::int64_t step) const;                          ///< the factor
  friend bool operator==(const Schedule&, const Schedule&) = default;  ///< the same fields
};

/// "constant", "cosine", "step".
std::string_view name_of(Schedule::Kind kind);
/// Throws Error for another name.
Schedule::Kind parse_schedule_kind(std::string_view name);

}  // namespace stein::nn
