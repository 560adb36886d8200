// SPDX-License-Identifier: MIT
// Many nodes as few: what the page does when it folds, for the other forms.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "autograd/calculus/detail/graph_style.h"
#include "autograd/calculus/graph.h"

namespace stein {
namespace {

std::string top(const std::string& module) { return module.substr(0, module.find('.')); }

// Which box each node falls into, leaves' boxes first, then visits in the order of time: every edge leads to a later box.
std::vector<int> boxes(const GraphInfo& g) {
  const auto n = g.nodes.size();
  std::vector<int> visit(n, -1), user(n, -1), box(n, -1), walk(n, 0);
  int visits = 0, leaves = 0;
  for (std::size_t w = 0; w < g.walks.size(); ++w)
    for (const auto& step : g.walks[w])
      for (const int made : step.made) walk[static_cast<std::size_t>(made)] = static_cast<int>(w) + 1;
  std::pair<std::string, int> last;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& node = g.nodes[i];
    for (const auto& in : node.inputs)
      if (in.first >= 0 && user[static_cast<std::size_t>(in.first)] < 0)
        user[static_cast<std::size_t>(in.first)] = static_cast<int>(i);
    if (node.op == "leaf") continue;
    const std::pair now(top(node.module), walk[i]);  // one walk may end in the module in which the next begins
    visit[i] = !now.first.empty() && now == last ? visits - 1 : visits++;
    last = now;
  }
  std::map<std::string, int> folds;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& node = g.nodes[i];
    if (node.op != "leaf") continue;
    const std::string module = top(node.module);
    const auto by = static_cast<std::size_t>(std::max(user[i], 0));
    if (module.empty())
      box[i] = leaves++;
    else if (user[i] >= 0 && top(g.nodes[by].module) == module)
      visit[i] = visit[by];  // a parameter and the module that uses it
    else if (const auto [at, added] = folds.emplace(module, leaves); true)
      box[i] = at->second, leaves += added;
  }
  for (std::size_t i = 0; i < n; ++i)
    if (visit[i] >= 0) box[i] = leaves + visit[i];
  return box;
}

}  // namespace

GraphInfo fold_modules(const GraphInfo& g) {
  const std::vector<int> box = boxes(g);
  const auto of = [&](int node) { return node < 0 ? -1 : box[static_cast<std::size_t>(node)]; };
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < box.size(); ++i) {
    members.resize(std::max(members.size(), static_cast<std::size_t>(box[i]) + 1));
    members[static_cast<std::size_t>(box[i])].push_back(i);
  }
  GraphInfo r;
  r.bytes = g.bytes;
  r.levels = g.levels;
  for (const auto& [node, k] : g.outputs) r.outputs.emplace_back(of(node), 0);
  for (std::size_t b = 0; b < members.size(); ++b) {
    const auto& first = g.nodes[members[b][0]];
    const bool single = top(first.module).empty();
    GraphInfo::Node n = first;
    if (!single) {
      n = {top(first.module), "module", 0, {}, {}, {}, 0};
      n.module = n.op;
    }
    n.inputs.clear();
    n.saved.clear();
    n.bytes = 0;
    n.twin = of(first.twin);
    std::map<int, int> orders;
    std::set<int> from;
    for (const auto i : members[b]) {
      const auto& m = g.nodes[i];
      ++orders[m.order];
      n.bytes += m.bytes;
      n.seconds += single ? 0 : m.seconds;
      for (const auto& in : m.inputs)
        if (of(in.first) != static_cast<int>(b) && from.insert(of(in.first)).second)
          n.inputs.emplace_back(of(in.first), 0);
      for (const auto& s : m.saved)
        if (of(s.from.first) != static_cast<int>(b)) {
          n.saved.push_back(s);
          n.saved.back().from = {of(s.from.first), 0};
        }
    }
    const auto more = [](const auto& x, const auto& y) { return x.second < y.second; };
    n.order = std::max_element(orders.begin(), orders.end(), more)->first;
    if (!single)
      n.name = fmt::format("{} node{}, {}", members[b].size(), members[b].size() == 1 ? "" : "s",
                           detail::bytes_text(n.bytes));
    if (!single) n.twin = -1;
    r.nodes.push_back(std::move(n));
  }
  return r;
}

}  // namespace stein
