// SPDX-License-Identifier: MIT
// The part of a graph that lies between some outputs and some inputs. The engine walks it backwards, forward mode and
// the graph printer walk it forwards.
#pragma once

#include <span>
#include <vector>

#include "autograd/detail/node_map.h"
#include "autograd/node.h"

namespace stein {

/// The nodes between tensors and what they were made from, in the order of their making.
class Walk {
 public:
  /// All nodes from which `from` was made and which depend on an edge of `wanted`; none when `wanted` is empty.
  /// Nodes with a number below `stop` are ends: what they were made from is not looked at.
  Walk(std::span<const Edge> from, std::span<const Edge> wanted, std::uint64_t stop = 0)
      : Walk(from, wanted, stop, false) {}
  /// All nodes from which `from` was made.
  static Walk whole(std::span<const Edge> from) { return Walk(from, {}, 0, true); }

  /// Number of nodes; node(0) is the oldest, so inputs come before their users.
  int size() const { return static_cast<int>(nodes_.size()); }
  Node& node(int i) const { return *nodes_[static_cast<std::size_t>(i)]; }  ///< from 0, the oldest
  /// True when node i is wanted itself or depends on a wanted one.
  bool reaches(int i) const { return reaches_[static_cast<std::size_t>(i)]; }
  /// True when node i has nothing behind it in this walk: a leaf, or older than `stop`.
  bool is_end(int i) const { return node(i).is_leaf() || node(i).id < stop_; }
  /// Position of output `e.output` of `e.node` in an array with one entry per output of every node; -1 when the node
  /// is outside the walk or does not reach a wanted edge.
  int slot(const Edge& e) const {
    const int i = e.node ? map_.find(e.node.get()) : detail::NodeMap::kAbsent;
    return i < 0 || !reaches(i) ? -1 : first_slot(i) + e.output;
  }
  /// slot() of input k of node i, remembered. Not for ends.
  int input_slot(int i, int k) const {
    return input_slot_[static_cast<std::size_t>(first_input_[static_cast<std::size_t>(i)] + k)];
  }
  int first_slot(int i) const { return first_slot_[static_cast<std::size_t>(i)]; }  ///< slot of the node's output 0
  int slots() const { return slots_; }                                              ///< number of slots

 private:
  Walk(std::span<const Edge> from, std::span<const Edge> wanted, std::uint64_t stop, bool whole);

  std::vector<Node*> nodes_;
  std::vector<char> reaches_;
  std::vector<int> first_slot_, first_input_, input_slot_;
  int slots_ = 0;
  std::uint64_t stop_;
  detail::NodeMap map_;
};

}  // namespace stein
