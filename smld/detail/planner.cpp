// SPDX-License-Identifier: MIT
#include "smld/detail/planner.h"

#include <fmt/format.h>

#include "ops/ops.h"

namespace stein::smld::detail {

double TracePlan::flops() const {
  double total = 0;
  for (const auto& o : orders) total += o.shared_flops + o.sample_flops;
  return total;
}

Tensor TracePlan::contract(const Tensor& x) const {
  Tensor total;
  for (std::size_t i = 0; i < rings.size(); ++i) {
    const Tensor t = detail::contract(rings[i], orders[i], x.size(0));
    total = total.defined() ? total + t : t;
  }
  return total.defined() ? total : zeros({x.size(0)}, x.dtype(), x.device());
}

std::string TracePlan::explain() const {
  std::string text;
  for (std::size_t i = 0; i < rings.size(); ++i) {
    const auto& o = orders[i];
    std::string ring;
    for (int node = 0; node < rings[i].size(); ++node)
      ring += fmt::format("{}{}{}", node ? " -> " : "", rings[i].width(node),
                          rings[i].diagonals[static_cast<std::size_t>(node)].defined() ? " D" : "");
    text += fmt::format("chain {}: {}: {}; {:.3g} shared + {:.3g} multiply-adds, {:.3g} MB", i, ring, o.order,
                        o.shared_flops, o.sample_flops, o.bytes / 1e6);
    text += o.rows ? fmt::format(", {} rows at a time\n", o.rows) : "\n";
  }
  return text;
}

std::optional<TracePlan> plan_trace(const Tensor& s, const Tensor& x, std::int64_t memory, Order order,
                                    std::string& why) {
  TracePlan p;
  if (!s.requires_grad() || x.size(0) == 0) return p;
  const auto chains = jacobian_chains(s, x, memory, why);
  if (!chains) return std::nullopt;
  for (const auto& c : *chains) {
    p.rings.push_back(close(c, numel(x.shape()) / x.size(0), x.dtype(), x.device()));
    p.orders.push_back(plan_ring(p.rings.back(), x.size(0), memory, order));
  }
  return p;
}

}  // namespace stein::smld::detail
