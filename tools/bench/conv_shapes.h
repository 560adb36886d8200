// SPDX-License-Identifier: MIT
// The convolutions that `stein bench conv` measures.
#pragma once

#include <vector>

#include "ops/detail/conv_kernels.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

/// The one that the options name; without --channels those of NCSN's networks at its three dilations, and others. Throws Error when
/// the kernel does not fit.
std::vector<kernels::ConvShape> conv_shapes(const ConvArgs& args);

}  // namespace stein::tools::bench
