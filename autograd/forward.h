// SPDX-License-Identifier: MIT
// Forward mode over a recorded graph: tangents are carried from inputs to outputs node by node.
#pragma once

#include "autograd/grad.h"

namespace stein {

/// Tangents of `outputs` when `inputs` move along `tangents` (one per input: `batched` lead axes + input shape). An
/// output that does not depend on the inputs gets zeros. With create_graph the result can be differentiated again. The
/// graph must still hold what it saved (no earlier walk may have freed it). Throws Error as grad does.
Tensors push_forward(const Tensors& outputs, const Tensors& inputs, const Tensors& tangents, int batched = 0,
                     bool create_graph = false);

namespace detail {
/// push_forward from edges; an entry is undefined when no tangent arrives there. `stop` as in grad_edges.
Tensors push_edges(const Tensors& outputs, std::span<const Edge> inputs, const Tensors& tangents, int batched,
                   bool create_graph, std::uint64_t stop = 0);
}  // namespace detail

}  // namespace stein
