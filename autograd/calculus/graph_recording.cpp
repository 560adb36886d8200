// SPDX-License-Identifier: MIT
#include "autograd/calculus/graph_recording.h"

#include <algorithm>

#include "autograd/calculus/detail/graph_value.h"
#include "autograd/detail/captures.h"
#include "autograd/detail/observer.h"
#include "autograd/profile.h"
#include "tensor/storage.h"

namespace stein {

// Nodes are told by their numbers: a node that a tensor of the user's still refers to is found again, others do not matter.
class GraphRecording::Notes final : public detail::Observer {
 public:
  Notes() : before_(memory_stats().live_bytes) { detail::observer = this; }
  ~Notes() override { detail::observer = nullptr; }

  void op_gave(const char*, std::span<const Tensor>, std::span<const Tensor> results) override {
    given_.clear();
    for (const auto& t : results) given_.push_back(t.defined() ? detail::graph_value(t) : GraphInfo::Value{});
  }

  void op_ran(const char* op, double seconds) override {
    // Ops called by this one have run before and made no node: of all ops with this number the last one counts.
    const auto number = detail::next_node_id();
    if (ops_.empty() || ops_.back().number != number) ops_.emplace_back();
    ops_.back() = {number, op, seconds, std::move(given_)};
    given_.clear();
    memory_.push_back({detail::current_order, memory_stats().live_bytes - before_});
  }

  void walk_begins() override {
    if (open_.empty()) ++walks_;
  }

  void cotangents_arrived(const Node& node, std::span<const Tensor> cotangents) override {
    Step s{node.id, detail::next_node_id(), 0, open_.empty() ? walks_ : 0, memory_.size(), {}};
    for (const auto& c : cotangents)
      s.cotangents.push_back(c.defined() ? std::optional(detail::graph_value(c)) : std::nullopt);
    steps_.push_back(std::move(s));
  }

  void rules_begin() override { open_.push_back(steps_.size() - 1); }
  void rules_end() override {
    steps_[open_.back()].end = detail::next_node_id();
    open_.pop_back();
  }

  void describe(GraphInfo& g, bool times) const {
    // Nodes are listed by number, so their positions are found by bisection.
    const auto place = [&](std::uint64_t number) {
      return static_cast<std::size_t>(
          std::lower_bound(g.nodes.begin(), g.nodes.end(), number,
                           [](const GraphInfo::Node& n, std::uint64_t v) { return n.number < v; }) -
          g.nodes.begin());
    };
    const auto is = [&](std::size_t at, std::uint64_t number) {
      return at < g.nodes.size() && g.nodes[at].number == number;
    };
    for (const auto& op : ops_) {
      const auto at = place(op.number);
      if (!is(at, op.number) || g.nodes[at].op != op.name) continue;
      if (times) g.nodes[at].seconds = op.seconds;
      for (std::size_t k = 0; k < op.results.size() && k < g.nodes[at].outputs.size(); ++k)
        if (op.results[k].shape == g.nodes[at].outputs[k].shape) g.nodes[at].outputs[k] = op.results[k];
    }
    g.walks.assign(static_cast<std::size_t>(walks_), {});
    for (const auto& s : steps_) {  // the steps inside a step come after it: the innermost has the last word
      const auto at = place(s.node);
      if (!is(at, s.node)) continue;
      GraphInfo::Step step{static_cast<int>(at), s.cotangents, {}, s.moment};
      for (auto i = place(s.begin); i < g.nodes.size() && g.nodes[i].number < s.end; ++i) {
        if (g.nodes[i].order == 0) continue;  // a leaf
        g.nodes[i].twin = step.node;
        step.made.push_back(static_cast<int>(i));
      }
      if (s.walk > 0) g.walks[static_cast<std::size_t>(s.walk - 1)].push_back(std::move(step));
    }
    std::erase_if(g.walks, [](const auto& walk) { return walk.empty(); });
    g.memory = memory_;
  }

 private:
  struct OpRun {
    std::uint64_t number = 0;
    const char* name = "";
    double seconds = 0;
    std::vector<GraphInfo::Value> results{};
  };
  struct Step {
    std::uint64_t node, begin, end;  // its rules made the nodes begin <= number < end
    int walk;                        // from 1; 0: inside another step
    std::size_t moment;
    std::vector<std::optional<GraphInfo::Value>> cotangents;
  };
  Profile profile_;
  std::int64_t before_;
  int walks_ = 0;
  std::vector<GraphInfo::Value> given_;
  std::vector<OpRun> ops_;
  std::vector<Step> steps_;
  std::vector<std::size_t> open_;
  std::vector<GraphInfo::Moment> memory_;
};

GraphRecording::GraphRecording() : notes_(std::make_unique<Notes>()) {}
GraphRecording::~GraphRecording() = default;

GraphInfo GraphRecording::graph(const Tensors& outputs, const TensorNames& names, bool times) const {
  GraphInfo g = graph_info(outputs, names);
  notes_->describe(g, times);
  return g;
}

}  // namespace stein
