// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "autograd/node.h"
#include "tensor/recording.h"
#include "tensor/tensor.h"

namespace stein {

/// What grad() is asked for.
struct GradOptions {
  /// One per output, each of shape lead axes + output shape, where `batched` says how many lead axes. May be left out
  /// (empty, or an undefined entry) for outputs with one element: 1.
  Tensors cotangents{};
  /// Record the backward pass, so that its results can be differentiated again.
  bool create_graph = false;
  /// Keep what the graph saved for another walk. Left out: as create_graph. Otherwise it is freed while the walk goes.
  std::optional<bool> retain_graph{};
  /// Number of leading batch axes of every cotangent. The result for an input of shape S has shape lead axes + S.
  int batched = 0;
};

/// sum over outputs of <cotangent, d(output)/d(input)> for every input, in the dtype of the input. Never touches
/// Tensor::grad(). Inputs may be leaves or intermediate results; one that the outputs do not depend on gets zeros.
/// No result shares memory with another one or with a cotangent given; one whose elements repeat along an axis may be
/// expanded (stride 0) and refuses in-place writes as such tensors do. Throws Error when an output is not recorded, an
/// input does not require a gradient, a cotangent has the wrong shape, or an op on the way has no gradient.
Tensors grad(const Tensors& outputs, const Tensors& inputs, const GradOptions& options = {});
/// The same for one output and one input.
Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options = {});

namespace detail {
/// grad for edges; an entry is undefined when no derivative flows there. Nodes numbered below `stop` are independent
/// variables: their derivatives are not carried on to what they were made from.
Tensors grad_edges(const Tensors& outputs, std::span<const Edge> inputs, const GradOptions& options,
                   std::uint64_t stop = 0);

/// The edges of independent variables; throws Error in the name of `op` for constants and expanded tensors.
std::vector<Edge> variables(const char* op, const Tensors& inputs);
/// Copies those results that share memory with an earlier one or with a tensor of `given`: users may write to results.
void separate(Tensors& results, const Tensors& given);

// Upward links: the engine adds cotangents, undoes broadcasting, and loops over batches, with ops.
Tensor engine_add(const Tensor& a, const Tensor& b);
/// sum += t in place where both lie alike; else false and nothing is done.
bool engine_add_to(Tensor& sum, const Tensor& t);
Tensor engine_sum_to(const Tensor& t, const Shape& shape);
Tensor engine_stack(const Tensors& ts);
}  // namespace detail

}  // namespace stein
