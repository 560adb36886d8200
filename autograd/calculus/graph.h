// SPDX-License-Identifier: MIT
// A recorded graph, described: what was applied to what, and what it keeps in memory. One description, five forms to look at:
// text, DOT, JSON, a drawing, a page. GraphRecording (graph_recording.h) adds what only a witness knows: which rule made a node,
// times, and the cotangents of the backward walks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/op.h"
#include "tensor/tensor.h"

namespace stein {

/// One description from which every form of output is written.
struct GraphInfo {
  /// What is told of a tensor.
  struct Value {
    Shape shape;                     ///< logical sizes
    DType dtype = f32;               ///< of the elements
    std::vector<double> elements{};  ///< in logical order; empty where they are not known, or more than kShown
  };
  static constexpr std::int64_t kShown = 16;  ///< most elements whose values are told

  /// A tensor that a node keeps for its rules.
  struct Saved {
    std::string what;            ///< "in 0", "out 1"
    std::pair<int, int> from{};  ///< the node and its result that this is; -1: a constant
    Value value;                 ///< elements of constants only: the others stand at `from`
    std::int64_t bytes;          ///< of the storage it keeps alive; 0 when an earlier node of this list keeps it too
  };
  /// A leaf, or one application of an op.
  struct Node {
    std::string op;                           ///< "leaf" for leaves
    std::string kind;                         ///< its op's, as name_of(Kind) has it
    int order;                                ///< 0: user's forward pass; n: made by differentiating n times
    std::vector<std::pair<int, int>> inputs;  ///< number of a node and which of its results; -1: a constant
    std::vector<Value> outputs;               ///< results, in order
    std::vector<Saved> saved;                 ///< in the order of inputs, then outputs
    std::int64_t bytes;                       ///< that `saved` keeps alive
    std::string
        module{};  ///< dotted path of the scope it was made in, where one was profiled; of a named leaf its name's
    std::string name{};        ///< given by the caller
    int twin = -1;             ///< the node whose rule made this one, where a recording saw it
    double seconds = 0;        ///< of its op; 0: not measured
    std::uint64_t number = 0;  ///< the engine's own: nodes are counted as they are made
  };
  /// All nodes of one derivative order.
  struct Level {
    int order;           ///< 0: forward
    int nodes;           ///< how many
    std::int64_t bytes;  ///< that they keep alive
  };
  /// A node at which the cotangents of all results have arrived.
  struct Step {
    int node;                                      ///< an index in `nodes`
    std::vector<std::optional<Value>> cotangents;  ///< one for each result; none: zero
    std::vector<int> made;                         ///< nodes of this graph that its rules made
    std::size_t moment;                            ///< ops run before it, an index in `memory`
  };
  using BackwardWalk = std::vector<Step>;  ///< one call of grad(), in the order in which it met the nodes
  /// After an op has run.
  struct Moment {
    int order;           ///< of the op: 0 forward, 1 backward, ...
    std::int64_t bytes;  ///< alive in all tensors, more than when the recording began
  };

  std::vector<Node> nodes;                   ///< oldest first: inputs stand before their users
  std::vector<std::pair<int, int>> outputs;  ///< where the tensors asked about come from; -1: a constant
  std::vector<Level> levels;                 ///< sums by derivative order
  std::int64_t bytes = 0;                    ///< all that is saved; storage counted once
  std::vector<BackwardWalk> walks;           ///< of a recording
  std::vector<Moment> memory;                ///< of a recording
};

/// Names for leaves (or other results), as nn::Module::named_parameters gives them. "first.weight" belongs to module "first".
using TensorNames = std::vector<std::pair<std::string, Tensor>>;

/// The whole graph behind `outputs`.
GraphInfo graph_info(const Tensors& outputs, const TensorNames& names = {});

/// One node of kind "module" for each visit to a module of the outermost level, forward or backward, in the order of time, with the
/// order that most of its nodes have. For graphs of hundreds of nodes and more; walks and memory are left out.
GraphInfo fold_modules(const GraphInfo& graph);

/// A table with one line per node, and a summary.
std::string to_text(const GraphInfo& graph);
/// The text of these tensors' graph.
inline std::string graph_text(const Tensors& outputs) { return to_text(graph_info(outputs)); }
inline std::string graph_text(const Tensor& output) { return graph_text(Tensors{output}); }  ///< the text of its graph

/// For Graphviz: nodes coloured by derivative order, dotted edges where the tensor is kept for a backward pass.
std::string to_dot(const GraphInfo& graph);
/// Every field of the description.
std::string to_json(const GraphInfo& graph);
/// A drawing with its own layout, newest at the bottom; for light and dark. A second for three thousand nodes.
std::string to_svg(const GraphInfo& graph, const std::string& title = "");
/// One page that needs nothing else: search, zoom, modules folded and unfolded, the backward walks step by step, memory.
std::string to_html(const GraphInfo& graph, const std::string& title = "");

}  // namespace stein
