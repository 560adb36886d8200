// SPDX-License-Identifier: MIT
// The plan for the trace of a recorded Jacobian: its chains closed to rings, and an order of contraction for each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smld/detail/ring.h"

namespace stein::smld::detail {

struct TracePlan {
  std::vector<Ring> rings;
  std::vector<RingPlan> orders;

  double flops() const;  ///< multiply-adds of one evaluation
  /// tr ds/dx, (B). Recorded when recording is on.
  Tensor contract(const Tensor& x) const;
  /// A line for each ring: widths, order, multiply-adds, bytes.
  std::string explain() const;
};

/// For s made from x (B, ...); `memory` bounds the bytes of a chunk of rows. Nothing, and `why` says what was met, when ds/dx is no
/// sum of chains (chains.h).
std::optional<TracePlan> plan_trace(const Tensor& s, const Tensor& x, std::int64_t memory, Order order,
                                    std::string& why);

}  // namespace stein::smld::detail
