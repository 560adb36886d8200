// SPDX-License-Identifier: MIT
#include "smld/detail/forward_laplacian.h"

#include <algorithm>
#include <string_view>

#include "autograd/detail/captures.h"
#include "autograd/forward.h"
#include "autograd/grad.h"
#include "autograd/walk.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein::smld::detail {
namespace {

void add_to(Tensor& sum, const Tensor& t) {
  if (t.defined()) sum = sum.defined() ? sum + t : t;
}

// sum_r a_r b_r over the leading axis.
Tensor over_rows(const Tensor& a, const Tensor& b, bool same) { return sum(same ? square(a) : a * b, {0}); }

// One node's share of L': the sum of second derivatives along the rows of its inputs' J.
class Second {
 public:
  Second(Node& node, const Tensors& first, const Tensors& first_out)
      : node_(node), in_(first), out_(first_out), outputs_(static_cast<std::size_t>(node.outputs.size())) {}

  Tensors operator()() {
    switch (node_.op->kind()) {
      case Kind::linear:
        break;
      case Kind::bilinear:
        if (in_[0].defined() && in_[1].defined()) bilinear();
        break;
      case Kind::elementwise:
        if (plain())
          elementwise();
        else
          by_rows();
        break;
      default:
        by_rows();
    }
    return outputs_;
  }

 private:
  // Without broadcasting between inputs and result, nor inside an input: of one that repeats itself along an axis a rule reads one
  // slice, and what is differentiated for it arrives there, summed.
  bool plain() const {
    for (int k = 0; k < node_.inputs.size(); ++k) {
      const auto& input = node_.inputs[k];
      if (!in_[static_cast<std::size_t>(k)].defined()) continue;
      if (input.shape != node_.outputs[0].shape || (input.kept.defined() && has_repeated_axis(input.kept)))
        return false;
    }
    return true;
  }

  // The inputs that move, each result once however often it is an input; `first`: which input that is.
  struct Moving {
    std::vector<Edge> edges;
    std::vector<std::size_t> first;
  };
  Moving moving() const {
    Moving m;
    for (int k = 0; k < node_.inputs.size(); ++k) {
      const Edge& e = node_.inputs[k].edge;
      const bool seen = std::any_of(m.edges.begin(), m.edges.end(), [&](const Edge& o) {
        return o.node.get() == e.node.get() && o.output == e.output;
      });
      if (!in_[static_cast<std::size_t>(k)].defined() || seen) continue;
      m.edges.push_back(e);
      m.first.push_back(static_cast<std::size_t>(k));
    }
    return m;
  }

  // 2 sum_r op(a_r, b_r); operands of lower rank get axes of size 1 behind the rows.
  void bilinear() {
    Tensor in[2];
    const int rank = std::max(node_.inputs[0].shape.rank(), node_.inputs[1].shape.rank());
    for (int k = 0; k < 2; ++k) {
      const Tensor& j = in_[static_cast<std::size_t>(k)];
      Shape shape{j.size(0)};
      for (int i = node_.inputs[k].shape.rank(); i < rank; ++i) shape.push_back(1);
      in[k] = reshape(j, shape + node_.inputs[k].shape);
    }
    outputs_[0] = 2.0 * sum(node_.op->apply(in)[0], {0});
  }

  // sum_kl (d^2 g / du_k du_l) sum_r J_k J_l. Inputs that are the same result count once in l; what one input was made from, maybe
  // another input, does not count: the walk stops at this node.
  void elementwise() {
    const auto [edges, first] = moving();
    const Tensor one = ones({}, node_.outputs[0].dtype, node_.outputs[0].device).expand(node_.outputs[0].shape);
    const bool record = is_recording();
    for (int k = 0; k < node_.inputs.size(); ++k) {
      const Tensor& j = in_[static_cast<std::size_t>(k)];
      if (!j.defined()) continue;
      Tensors hessian;
      {
        NoGrad on(false);
        const Tensor slope = node_.op->vjp(node_, {&one, 1}, 0, bit(k))[static_cast<std::size_t>(k)];
        if (!slope.defined() || !slope.requires_grad()) continue;
        hessian =
            stein::detail::grad_edges({slope}, edges,
                                      {.cotangents = {ones({}, slope.dtype(), slope.device()).expand(slope.shape())},
                                       .create_graph = record,
                                       .retain_graph = true},
                                      node_.id);
      }
      for (std::size_t l = 0; l < edges.size(); ++l)
        if (hessian[l].defined())
          add_to(outputs_[0], hessian[l] * over_rows(j, in_[first[l]], first[l] == static_cast<std::size_t>(k)));
    }
  }

  // Any op: its tangent J_r' differentiated along J_r, one row at a time. What the tangent reads of the op are its inputs and its
  // results, so both move; what came before them is a constant here.
  void by_rows() {
    auto [edges, first] = moving();
    Tensors moves;
    for (std::size_t k : first) moves.push_back(in_[k]);
    for (int j = 0; j < node_.outputs.size(); ++j)
      if (out_[static_cast<std::size_t>(j)].defined()) {
        edges.push_back({Ref<Node>(&node_), j});
        moves.push_back(out_[static_cast<std::size_t>(j)]);
      }
    const bool record = is_recording();
    const auto row = [](const Tensor& t, std::int64_t r) {
      return t.defined() ? reshape(narrow(t, 0, r, 1), t.shape().slice(1, t.rank())) : t;
    };
    for (std::int64_t r = 0; r < moves[0].size(0); ++r) {
      NoGrad on(false);
      Tensors in, along;
      for (const auto& t : in_) in.push_back(row(t, r));
      for (const auto& t : moves) along.push_back(row(t, r));
      const auto stop = stein::detail::next_node_id();
      const Tensors tangent = node_.op->jvp(node_, in, 0);
      Tensors recorded;
      std::vector<std::size_t> which;
      for (std::size_t j = 0; j < tangent.size(); ++j)
        if (tangent[j].defined() && tangent[j].requires_grad()) recorded.push_back(tangent[j]), which.push_back(j);
      if (recorded.empty()) continue;
      const Tensors part = stein::detail::push_edges(recorded, edges, along, 0, record, stop);
      for (std::size_t i = 0; i < part.size(); ++i)
        if (part[i].defined()) add_to(outputs_[which[i]], record ? part[i] : part[i].detach());
    }
  }

  Node& node_;
  const Tensors &in_, &out_;
  Tensors outputs_;
};

}  // namespace

Taylor push_taylor(const Tensor& y, const Tensor& x, const Tensor& directions) {
  const Edge from = edge_of(y), to = edge_of(x);
  const Walk walk({&from, 1}, {&to, 1});
  const auto slots = static_cast<std::size_t>(walk.slots());
  Tensors first(slots), second(slots);
  const int start = walk.slot(to), end = walk.slot(from);
  if (start < 0) return {};
  first[static_cast<std::size_t>(start)] = directions;
  for (int i = 0; i < walk.size(); ++i) {
    Node& node = walk.node(i);
    if (!walk.reaches(i) || walk.is_end(i) || walk.first_slot(i) == start) continue;
    Tensors j(static_cast<std::size_t>(node.inputs.size())), l(j.size());
    bool any_first = false, any_second = false;
    for (int k = 0; k < node.inputs.size(); ++k)
      if (const int slot = walk.input_slot(i, k); slot >= 0) {
        const auto u = static_cast<std::size_t>(k), s = static_cast<std::size_t>(slot);
        j[u] = first[s];
        l[u] = second[s];
        any_first = any_first || j[u].defined();
        any_second = any_second || l[u].defined();
      }
    if (!any_first) continue;
    const Tensors j_out = node.op->jvp(node, j, 1);
    Tensors l_out = any_second ? node.op->jvp(node, l, 0) : Tensors(j_out.size());
    const Tensors own = Second(node, j, j_out)();
    for (std::size_t o = 0; o < j_out.size(); ++o) {
      const auto slot = static_cast<std::size_t>(walk.first_slot(i)) + o;
      first[slot] = j_out[o];
      second[slot] = l_out[o];
      add_to(second[slot], own[o]);
    }
  }
  return {first[static_cast<std::size_t>(end)], second[static_cast<std::size_t>(end)]};
}

double taylor_flops(const Tensor& y, const Tensor& x, std::int64_t rows) {
  const Edge from = edge_of(y), to = edge_of(x);
  const Walk walk({&from, 1}, {&to, 1});
  const int start = walk.slot(to);
  constexpr double kPass = 4;  // as for rings
  double flops = 0;
  bool spread = false;  // J is the same for all samples up to the first op that is not linear
  for (int i = 0; i < walk.size(); ++i) {
    const Node& node = walk.node(i);
    if (!walk.reaches(i) || walk.is_end(i) || walk.first_slot(i) == start) continue;
    const auto results = static_cast<double>(numel(node.outputs[0].shape));
    const bool product = node.op->name() == std::string_view("matmul");
    if (product && spread) flops += results * static_cast<double>(node.inputs[0].shape[-1]);
    if (node.op->kind() != Kind::linear && !product) {
      spread = true;
      flops += kPass * results;
    }
  }
  return flops * static_cast<double>(rows);
}

}  // namespace stein::smld::detail
