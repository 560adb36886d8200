// SPDX-License-Identifier: MIT
#include "autograd/walk.h"

#include <algorithm>

namespace stein {

Walk::Walk(std::span<const Edge> from, std::span<const Edge> wanted, std::uint64_t stop, bool whole) : stop_(stop) {
  // Nothing older than the oldest wanted node can depend on it.
  std::uint64_t oldest = whole ? 0 : UINT64_MAX;
  for (const auto& e : wanted) oldest = std::min(oldest, e.node ? e.node->id : UINT64_MAX);

  auto visit = [&](const Edge& e) {
    if (e.node && e.node->id >= oldest && map_.insert(e.node.get(), 0)) nodes_.push_back(e.node.get());
  };
  for (const auto& e : from) visit(e);
  for (std::size_t done = 0; done < nodes_.size(); ++done)  // nodes_ grows meanwhile: a queue, no recursion
    if (nodes_[done]->id >= stop)
      for (const auto& input : nodes_[done]->inputs) visit(input.edge);

  std::sort(nodes_.begin(), nodes_.end(), [](const Node* a, const Node* b) { return a->id < b->id; });
  reaches_.assign(nodes_.size(), whole);
  first_slot_.resize(nodes_.size());
  for (int i = 0; i < size(); ++i) {
    map_.set(&node(i), i);
    first_slot_[static_cast<std::size_t>(i)] = slots_;
    slots_ += node(i).outputs.size();
  }
  for (const auto& e : wanted)
    if (const int i = e.node ? map_.find(e.node.get()) : -1; i >= 0) reaches_[static_cast<std::size_t>(i)] = true;
  first_input_.resize(nodes_.size());
  for (int i = 0; i < size(); ++i) {
    first_input_[static_cast<std::size_t>(i)] = static_cast<int>(input_slot_.size());
    if (is_end(i)) continue;
    for (const auto& input : node(i).inputs) {
      input_slot_.push_back(slot(input.edge));
      if (input_slot_.back() >= 0) reaches_[static_cast<std::size_t>(i)] = true;
    }
  }
}

}  // namespace stein
