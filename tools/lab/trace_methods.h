// SPDX-License-Identifier: MIT
// The two halves of the experiment `trace`.
#pragma once

#include <string>
#include <vector>

#include "smld/objectives.h"
#include "tools/lab/lab.h"

namespace stein::tools {

/// The implicit loss with one way to the trace.
struct TraceWay {
  std::string name;
  smld::Objective objective;
  bool estimate;
};
/// All that are compared, for data of d dimensions; the first is exact.
std::vector<TraceWay> trace_ways(std::int64_t d);

/// Time, memory, bias, scatter and gradients of each, for several d and depths.
void trace_costs(Lab& lab);
/// Training on mixtures: the true Fisher divergence after equal steps and after equal time.
void trace_training(Lab& lab);

}  // namespace stein::tools
