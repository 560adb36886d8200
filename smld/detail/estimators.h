// SPDX-License-Identifier: MIT
// Estimates of the trace from a few products with J^T, whose trace is that of J: one backward pass each.
#pragma once

#include "smld/trace.h"

namespace stein::smld::detail {

/// Hutchinson, Hutch++ or XTrace, as options.method says: (B).
Tensor estimate(const Tensor& s, const Tensor& x, const TraceOptions& options);

/// f(x), and Hutchinson's estimate of the trace with v . J v by central differences: (B).
std::pair<Tensor, Tensor> finite_differences(const Score& f, const Tensor& x, const TraceOptions& options);

}  // namespace stein::smld::detail
