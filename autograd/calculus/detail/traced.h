// SPDX-License-Identifier: MIT
#pragma once

#include "autograd/calculus/functional.h"
#include "autograd/node.h"

namespace stein::detail {

/// One recorded run of a function on aliases of its inputs.
struct Traced {
  Tensors inputs;            // aliases of the floating inputs, others as given
  Tensors outputs;           // recorded
  Tensors captured;          // tensors from outside that the outputs may depend on
  std::uint64_t before = 0;  // numbers of nodes that are older than the run are smaller
  bool outer = false;        // an input or a captured tensor requires a gradient, and the caller records
};

/// Runs f under recording, whatever the caller's recording is.
Traced trace(const TensorsFunction& f, const Tensors& inputs);

/// Whether a result computed from `t` and `extra` is to be recorded.
bool wants_graph(const Traced& t, const Tensors& extra);

/// Vector-Jacobian products for the floating inputs of a trace (undefined for the others); with `free` what the graph
/// keeps is dropped on the way unless the result is recorded.
Tensors pull(const Traced& t, const Tensors& cotangents, int batched, bool free);

}  // namespace stein::detail
