// SPDX-License-Identifier: MIT
// Node -> position in a walk: a flat hash table, because the engine looks up every edge.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "autograd/node.h"

namespace stein::detail {

class NodeMap {
 public:
  static constexpr int kAbsent = -1;

  NodeMap() : cells_(64) {}

  /// Position of `node`, or kAbsent.
  int find(const Node* node) const { return cells_[slot(node)].position; }

  /// Adds `node` with `position`; false when it was there already.
  bool insert(const Node* node, int position) {
    if (2 * count_ >= cells_.size()) grow();
    Cell& c = cells_[slot(node)];
    if (c.node) return false;
    c = {node, position};
    ++count_;
    return true;
  }

  void set(const Node* node, int position) { cells_[slot(node)].position = position; }

 private:
  struct Cell {
    const Node* node = nullptr;
    int position = kAbsent;
  };

  // The cell that holds `node`, or the empty one where it would go.
  std::size_t slot(const Node* node) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t i = (node->id * 0x9e3779b97f4a7c15u) >> (64 - std::countr_zero(cells_.size()));
    while (cells_[i].node && cells_[i].node != node) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    std::vector<Cell> old(cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& c : old)
      if (c.node) cells_[slot(c.node)] = c;
  }

  std::vector<Cell> cells_;
  std::size_t count_ = 0;
};

}  // namespace stein::detail
