// SPDX-License-Identifier: MIT
#include "smld/detail/ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/calculus/checkpoint.h"
#include "autograd/rule.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein::smld::detail {
namespace {

std::size_t at(int p, int size) { return static_cast<std::size_t>((p % size + size) % size); }

// Node p disappears: the matrices on its two sides become one, laid out as a transpose: of two that meet in a quadratic form one
// is read across the other's rows.
void merge(Ring& ring, int p) {
  const int r = ring.size();
  const auto before = at(p - 1, r), after = at(p, r);
  ring.matrices[before] = transpose(matmul(transpose(ring.matrices[before]), transpose(ring.matrices[after])));
  ring.matrices.erase(ring.matrices.begin() + p);
  ring.diagonals.erase(ring.diagonals.begin() + p);
}

// Multiply-adds of contracting the widths n (none merged any more) from node c around: a product for every edge that does not
// touch c, and a pass over each result, which costs about as much as a few of the products' terms.
double around(const std::vector<std::int64_t>& n, int c) {
  const int r = static_cast<int>(n.size());
  constexpr double kPass = 4;
  double terms = 0;
  for (int p = 1; p < r; ++p) {
    const auto here = static_cast<double>(n[at(c + p, r)]);
    terms += here * (p + 1 < r ? static_cast<double>(n[at(c + p + 1, r)]) + kPass : kPass);
  }
  return static_cast<double>(n[at(c, r)]) * terms;
}

// What is left of a sample's row at a time: (B, rows, widest of the others).
std::int64_t widest_but(const std::vector<std::int64_t>& n, int c) {
  std::int64_t w = 1;
  for (int p = 0; p < static_cast<int>(n.size()); ++p)
    if (p != c) w = std::max(w, n[at(p, static_cast<int>(n.size()))]);
  return w;
}

// diag(d) on every row: x (1 or B, count, n), d (1 or B, 1, n), of x's rank, as leading axes of tangents want it. A product of its
// own, since the derivative in d is a sum over the rows of products as large as x, which need not be stored.
struct ScaleRows {
  static constexpr const char* name = "scale_rows";
  static constexpr Kind kind = Kind::bilinear;
  Tensor forward(const Tensor& x, const Tensor& d) const { return x * d; }
  Tensor vjp0(G g, In<1> d) const { return g * d; }
  Tensor vjp1(G g, In<0> x) const { return unsqueeze(vecdot(g, x, -2), -2); }
};

// One chunk of rows [first, first + count) of the cut node: (B).
Tensor rows_of(const std::vector<Tensor>& m, const std::vector<Tensor>& d, int c, std::int64_t first,
               std::int64_t count) {
  const int r = static_cast<int>(m.size());
  const auto narrowed = [&](const Tensor& t, int axis) {
    return t.size(axis) == count && first == 0 ? t : narrow(t, axis, first, count);
  };
  const auto scaled = [&](const Tensor& x, int p) {
    const Tensor& diagonal = d[at(p, r)];
    return diagonal.defined() ? record(ScaleRows{}, x, unsqueeze(diagonal, -2)) : x;
  };
  Tensor x = scaled(unsqueeze(narrowed(transpose(m[at(c, r)]), 0), 0), c + 1);  // (1 or B, count, n_{c+1})
  for (int p = c + 1; p < c + r - 1; ++p) x = scaled(matmul(x, transpose(m[at(p, r)])), p + 1);
  Tensor rows = vecdot(x, narrowed(m[at(c - 1, r)], 0));  // (1 or B, count)
  if (d[at(c, r)].defined()) rows = rows * narrowed(d[at(c, r)], -1);
  return sum(rows, {-1});
}

}  // namespace

Ring close(const Chain& chain, std::int64_t width, DType dtype, const Device& device) {
  Ring ring;
  ring.scale = chain.scale;
  Tensor diagonal;  // of the node that the next matrix starts from
  for (const auto& f : chain.factors) {
    if (f.kind == Factor::diagonal) {
      diagonal = f.t;
      continue;
    }
    ring.matrices.push_back(f.t);
    ring.diagonals.push_back(diagonal);
    diagonal = {};
  }
  if (ring.matrices.empty()) {
    ring.matrices.push_back(eye(width, dtype, device));
    ring.diagonals.push_back(diagonal);
  } else if (diagonal.defined()) {  // after the last matrix: the same node as the first
    Tensor& first = ring.diagonals.front();
    first = first.defined() ? first * diagonal : diagonal;
  }
  return ring;
}

RingPlan plan_ring(const Ring& ring, std::int64_t batch, std::int64_t memory, Order order) {
  const int r = ring.size();
  std::vector<int> free;  // nodes without a diagonal
  for (int p = 0; p < r; ++p)
    if (!ring.diagonals[at(p, r)].defined()) free.push_back(p);
  const auto b = static_cast<double>(batch);
  const int choices = 1 << std::min<std::size_t>(free.size(), 10);
  RingPlan best;
  double best_cost = INFINITY;
  for (int choice = 0; choice < choices; ++choice) {
    if (order == Order::structured && choice != 0) continue;
    if (order == Order::merged && choice != choices - 1) continue;
    RingPlan plan;
    std::vector<std::int64_t> n;
    std::vector<int> index;  // of the node in the unmerged ring
    for (int p = 0; p < r; ++p) n.push_back(ring.width(p)), index.push_back(p);
    for (std::size_t i = 0; i < free.size() && i < 10; ++i) {
      if (!(choice >> i & 1) || n.size() == 1) continue;
      const int p = static_cast<int>(std::find(index.begin(), index.end(), free[i]) - index.begin());
      const int left = static_cast<int>(n.size());
      plan.shared_flops += static_cast<double>(n[at(p - 1, left)]) * static_cast<double>(n[at(p, left)]) *
                           static_cast<double>(n[at(p + 1, left)]);
      n.erase(n.begin() + p);
      index.erase(index.begin() + p);
      plan.merged.push_back(p);
    }
    const int left = static_cast<int>(n.size());
    const auto word = [&](const char* name) {
      return plan.merged.empty() ? std::string(name)
                                 : fmt::format("{} after {} shared product{}", name, plan.merged.size(),
                                               plan.merged.size() == 1 ? "" : "s");
    };
    if (left <= 2) {
      const bool both = left == 2 && std::all_of(index.begin(), index.end(),
                                                 [&](int p) { return ring.diagonals[at(p, r)].defined(); });
      const auto widest = static_cast<double>(std::max(n[0], n.back()));
      plan.sample_flops = b * (both ? static_cast<double>(n[0] * n[1]) : widest);
      if (left == 2) plan.shared_flops += static_cast<double>(n[0] * n[1]);
      plan.bytes = 8 * b * widest;
      plan.order = word(left == 1 ? "diagonal" : both ? "quadratic form" : "row sums");
    } else {
      int cut = 0;
      for (int c = 1; c < left && order != Order::structured; ++c)
        if (around(n, c) < around(n, cut)) cut = c;
      plan.cut = cut;
      plan.sample_flops = b * around(n, cut);
      const auto row = 16.0 * b * static_cast<double>(widest_but(n, cut));  // two results of eight bytes at a time
      plan.rows =
          std::clamp<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(memory) / row), 1, n[at(cut, left)]);
      plan.bytes = row * static_cast<double>(plan.rows);
      plan.order = word(fmt::format("ring of {} nodes cut at width {}", left, n[at(cut, left)]).c_str());
    }
    const double cost = plan.shared_flops + plan.sample_flops;
    if (cost < best_cost) best_cost = cost, best = plan;
  }
  return best;
}

Tensor contract(const Ring& given, const RingPlan& plan, std::int64_t batch) {
  Ring ring = given;
  for (int p : plan.merged) merge(ring, p);
  const auto& m = ring.matrices;
  const auto& d = ring.diagonals;
  Tensor t;
  if (ring.size() == 1) {
    t = diagonal(m[0]);
    t = sum(d[0].defined() ? t * d[0] : t, {-1}, true);
  } else if (ring.size() == 2) {               // d1^T (M0 .* M1^T) d0
    const bool turn = m[0].strides()[0] == 1;  // multiplied row by row
    const Tensor both = turn ? transpose(transpose(m[0]) * m[1]) : m[0] * transpose(m[1]);
    if (d[0].defined() && d[1].defined())
      t = sum(matmul(d[0], transpose(both)) * d[1], {-1}, true);
    else if (d[0].defined())
      t = sum(d[0] * sum(both, {0}), {-1}, true);
    else
      t = sum(d[1].defined() ? d[1] * sum(both, {1}) : sum(both, {1}), {-1}, true);
  } else {
    const auto width = ring.width(plan.cut);
    for (std::int64_t first = 0; first < width; first += plan.rows) {
      const auto count = std::min(plan.rows, width - first);
      Tensor part;
      if (count == width || !is_recording()) {
        part = rows_of(m, d, plan.cut, first, count);
      } else {  // one chunk's graph lives at a time
        Tensors inputs = m;
        for (const auto& t_ : d)
          if (t_.defined()) inputs.push_back(t_);
        part = checkpoint(
            [r = ring.size(), given_d = d, c = plan.cut, first, count](const Tensors& in) {
              std::vector<Tensor> diagonals = given_d;
              std::size_t next = static_cast<std::size_t>(r);
              for (auto& t_ : diagonals)
                if (t_.defined()) t_ = in[next++];
              return Tensors{rows_of({in.begin(), in.begin() + r}, diagonals, c, first, count)};
            },
            inputs)[0];
      }
      t = t.defined() ? t + part : part;
    }
    t = unsqueeze(t, -1);
  }
  if (t.rank() == 1) t = unsqueeze(t, 0);
  if (ring.scale.defined()) t = t * ring.scale;
  return reshape(expand(t, {batch, 1}), {batch});
}

}  // namespace stein::smld::detail
