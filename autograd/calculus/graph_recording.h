// SPDX-License-Identifier: MIT
// Watches a graph being made.
//
//   GraphRecording recording;
//   const Tensor y = tanh(x), dy = grad(sum(y), x, {.create_graph = true});
//   write(to_html(recording.graph({y, dy}, {{"x", x}})));
#pragma once

#include <memory>

#include "autograd/calculus/graph.h"

namespace stein {

/// Notes, for the thread that made it and until it ends, what a finished graph no longer tells: the node whose rule made each
/// node, values of small results, times of ops, the backward walks with their cotangents, memory. Keeps no tensor alive.
/// Counts as a Profile, so that module names are known.
class GraphRecording {
 public:
  /// Throws Error when a Profile or another recording is alive in this thread.
  GraphRecording();
  ~GraphRecording();
  GraphRecording(const GraphRecording&) = delete;
  GraphRecording& operator=(const GraphRecording&) = delete;

  /// graph_info(outputs, names) with all of that; `times` left out, equal programs give equal descriptions.
  GraphInfo graph(const Tensors& outputs, const TensorNames& names = {}, bool times = true) const;

 private:
  class Notes;
  std::unique_ptr<Notes> notes_;
};

}  // namespace stein
