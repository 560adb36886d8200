// SPDX-License-Identifier: MIT
// A recorded graph, described: what was applied to what, and what it keeps in memory.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/op.h"
#include "tensor/tensor.h"

namespace stein {

/// One description from which every form of output is written.
struct GraphInfo {
  struct Value {
    Shape shape;
    DType dtype;
  };
  struct Saved {
    std::string what;  ///< "in 0", "out 1"
    Value value;
    std::int64_t bytes;  ///< of the storage it keeps alive; 0 when an earlier node of this list keeps it too
  };
  struct Node {
    std::string op;  ///< "leaf" for leaves
    std::string kind;
    int order;                                ///< 0: user's forward pass; n: made by differentiating n times
    std::vector<std::pair<int, int>> inputs;  ///< number of a node and which of its results; -1: a constant
    std::vector<Value> outputs;
    std::vector<Saved> saved;
    std::int64_t bytes;
  };
  struct Level {
    int order, nodes;
    std::int64_t bytes;
  };
  std::vector<Node> nodes;                   ///< oldest first: inputs stand before their users
  std::vector<std::pair<int, int>> outputs;  ///< where the tensors asked about come from; -1: a constant
  std::vector<Level> levels;                 ///< sums by derivative order
  std::int64_t bytes = 0;                    ///< all that is saved; storage counted once
};

/// The whole graph behind `outputs`.
GraphInfo graph_info(const Tensors& outputs);

/// A table with one line per node, and a summary.
std::string to_text(const GraphInfo& graph);
inline std::string graph_text(const Tensors& outputs) { return to_text(graph_info(outputs)); }
inline std::string graph_text(const Tensor& output) { return graph_text(Tensors{output}); }

}  // namespace stein
