// SPDX-License-Identifier: MIT
// The planner's choice as a picture.
#pragma once

#include <string>

#include "smld/trace.h"

namespace stein::smld {

/// SVG: for each chain of the Jacobian of f at x (B, ...) its ring, with the order of contraction that `trace` takes, and beside it
/// the multiply-adds and bytes of that and of every other way. Where there is no plan, why. Throws Error as explain_trace does.
std::string trace_picture(const Score& f, const Tensor& x, const TraceOptions& options = {});

}  // namespace stein::smld
