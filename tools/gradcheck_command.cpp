// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "autograd/calculus/gradcheck_table.h"
#include "tensor/error.h"
#include "tools/commands.h"

namespace stein::tools {

int gradcheck(const std::string& op, int order, bool json) {
  auto rows = nlohmann::ordered_json::array();
  bool all_ok = true;
  int checked = 0;
  bool found = op.empty();
  for (const auto& entry : op_registry().entries()) {
    if (!op.empty() && entry.name != op) continue;
    found = true;
    const auto results = stein::gradcheck(entry, order);
    double worst[4] = {0, 0, 0, 0};
    bool ok = true;
    for (const auto& r : results) {
      worst[std::clamp(r.order, 0, 3)] = std::max(worst[std::clamp(r.order, 0, 3)], r.error);
      ok = ok && r.ok;
    }
    const auto cell = [&](int k) { return k <= order ? fmt::format("{:.1e}", worst[k]) : std::string("-"); };
    all_ok = all_ok && ok;
    ++checked;
    if (json) {
      rows.push_back({{"op", entry.name},
                      {"differentiable", entry.differentiable},
                      {"errors", std::vector<double>(worst + 1, worst + 1 + order)},
                      {"tolerance", entry.tolerance},
                      {"checks", results.size()},
                      {"ok", ok}});
      continue;
    }
    if (checked == 1)
      fmt::print("{:<32} {:<12} {:>9} {:>9} {:>9} {:>7}\n", "op", "kind", "order 1", "order 2", "order 3", "checks");
    if (results.empty())
      fmt::print("{:<32} {:<12} {}\n", entry.name, name_of(entry.kind), "no gradient");
    else
      fmt::print("{:<32} {:<12} {:>9} {:>9} {:>9} {:>7}  {}\n", entry.name, name_of(entry.kind), cell(1), cell(2),
                 cell(3), results.size(), ok ? "ok" : "FAILED");
    for (const auto& r : results)
      if (!r.ok)
        fmt::print("    {} order {} {} {}: error {:.2e}, allowed {:.1e} {}\n", r.sample, r.order, r.mode, r.argument,
                   r.error, r.tolerance, r.problem);
  }
  if (!found) stein::gradcheck(op, order);  // throws, and names the nearest
  if (json)
    fmt::print("{}\n", nlohmann::ordered_json{{"ok", all_ok}, {"ops", rows}}.dump());
  else
    fmt::print("{} op{}, {}\n", checked, checked == 1 ? "" : "s", all_ok ? "all derivatives right" : "with FAILURES");
  return all_ok ? 0 : 1;
}

}  // namespace stein::tools
