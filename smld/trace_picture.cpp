// SPDX-License-Identifier: MIT
#include "smld/trace_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/calculus/detail/graph_style.h"
#include "smld/detail/planner.h"
#include "smld/detail/products.h"
#include "smld/detail/samples.h"
#include "tensor/detail/put.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::Order;
using detail::Ring;
using detail::RingPlan;

constexpr double kRing = 300, kLeft = 376, kWidth = 860, kRow = 24;
constexpr std::size_t kDrawn = 6;  // chains; further ones are only counted

using stein::detail::put;
void text(std::string& to, double x, double y, const std::string& words, const char* more = "") {
  put(to, "<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, more, words);
}

constexpr const char* kStyle =
    ".paper{fill:#fff}text{font:13px system-ui,-apple-system,'Segoe "
    "UI',Roboto,sans-serif;fill:#1d2127}.small{font-size:11.5px}"
    ".faint{fill:#5c6670}.bold{font-weight:600}.mid{text-anchor:middle}.end{text-anchor:end}.edge{fill:none;stroke:#"
    "0072b2}"
    ".node{fill:#dcedf8;stroke:#0072b2;stroke-width:1.5}.gone{fill:#fff;stroke:#8a939c;stroke-dasharray:3 3}"
    ".cut{stroke:#d55e00;stroke-width:3;fill:#fbe5d6}.bar{fill:#b9c4ce}.best{fill:#0072b2}"
    "@media(prefers-color-scheme:dark){.paper{fill:#16181c}text{fill:#e6e9ed}.faint{fill:#a8b1ba}.edge{stroke:#56a8de}"
    ".node{fill:#12324a;stroke:#56a8de}.gone{fill:#16181c;stroke:#79828b}.cut{fill:#4a2a10;stroke:#ef8a4a}.bar{fill:#"
    "49525b}"
    ".best{fill:#56a8de}}";

// Nodes and matrices of a ring under the names they have in a network: W1 leads from the data to the first hidden layer.
struct Drawn {
  std::vector<int> merged;  // nodes in the order of their products
  int cut = -1;
  std::vector<std::string> steps;
};

Drawn read(const Ring& ring, const RingPlan& plan) {
  Drawn d;
  std::vector<int> index(static_cast<std::size_t>(ring.size()));
  std::vector<std::string> matrix;  // of the edge that begins at each node left
  for (int p = 0; p < ring.size(); ++p) {
    index[static_cast<std::size_t>(p)] = p;
    matrix.push_back(fmt::format("W{}", p + 1));
  }
  for (const int p : plan.merged) {
    const auto n = matrix.size(), here = static_cast<std::size_t>(p), before = (here + n - 1) % n;
    const auto node = index[here];
    d.merged.push_back(node);
    if (n == 1) continue;
    const auto left = ring.width(index[before]), right = ring.width(index[(here + 1) % n]);
    d.steps.push_back(fmt::format("{}. {} {}: one {} x {} matrix for the whole batch", d.steps.size() + 1, matrix[here],
                                  matrix[before], right, left));
    matrix[before] = fmt::format("({} {})", matrix[here], matrix[before]);
    matrix.erase(matrix.begin() + p);
    index.erase(index.begin() + p);
  }
  const auto number = d.steps.size() + 1;
  if (matrix.size() == 1) {
    d.steps.push_back(fmt::format("{}. for each sample: the diagonal of {}, weighted and summed", number, matrix[0]));
  } else if (matrix.size() == 2) {
    const std::string both = fmt::format("{} ⊙ {}ᵀ", matrix[0], matrix[1]);
    const auto diagonal = [&](int k) {
      return ring.diagonals[static_cast<std::size_t>(index[static_cast<std::size_t>(k)])].defined();
    };
    d.steps.push_back(diagonal(0) && diagonal(1)
                          ? fmt::format("{}. for each sample: D{}ᵀ ({}) D{}", number, index[1], both, index[0])
                      : diagonal(0) || diagonal(1) ? fmt::format("{}. for each sample: the sums of {}, weighted by D{}",
                                                                 number, both, index[diagonal(0) ? 0U : 1U])
                                                   : fmt::format("{}. once: the sum of {}", number, both));
  } else {
    d.cut = index[static_cast<std::size_t>(plan.cut)];
    d.steps.push_back(
        fmt::format("{}. for each sample: from node {} (width {}) around and back,", number, d.cut, ring.width(d.cut)));
    d.steps.push_back(fmt::format("\u00a0\u00a0\u00a0{} of its rows at a time", plan.rows));
  }
  return d;
}

void draw_ring(std::string& s, const Ring& ring, const RingPlan& plan, double top) {
  const Drawn d = read(ring, plan);
  const int n = ring.size();
  const double cx = kLeft / 2, cy = top + kRing / 2, radius = n == 1 ? 60 : 92;
  const auto place = [&](double p) {  // node 0 on the left, the data; clockwise
    const double a = std::numbers::pi * (1 + 2 * p / n);
    return std::pair(cx + radius * std::cos(a), cy + radius * std::sin(a));
  };
  for (int p = 0; p < n; ++p) {
    const auto size = static_cast<double>(ring.matrices[static_cast<std::size_t>(p)].numel());
    const auto [x0, y0] = place(p);
    const auto [x1, y1] = place(p + 1);
    const double wide = std::clamp(0.7 * std::log10(size + 1), 1.0, 5.0);
    if (n == 1)
      put(s, "<circle class=\"edge\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" stroke-width=\"{:.1f}\"/>\n", cx, cy, radius,
          wide);
    else
      put(s, "<path class=\"edge\" d=\"M{:.1f} {:.1f}A{} {} 0 0 1 {:.1f} {:.1f}\" stroke-width=\"{:.1f}\"/>\n", x0, y0,
          radius, radius, x1, y1, wide);
    const double a = std::numbers::pi * (1 + 2 * (p + 0.5) / n);
    text(s, cx + (radius + 26) * std::cos(a), cy + (radius + 20) * std::sin(a) + 4, fmt::format("W{}", p + 1),
         " class=\"mid\"");
  }
  for (int p = 0; p < n; ++p) {
    const auto [x, y] = place(p);
    const auto merged = std::find(d.merged.begin(), d.merged.end(), p);
    const bool diagonal = ring.diagonals[static_cast<std::size_t>(p)].defined();
    put(s, "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"22\"/>\n",
        merged != d.merged.end() ? "gone"
        : p == d.cut             ? "node cut"
                                 : "node",
        x, y);
    text(s, x, y + (diagonal ? -1 : 4), fmt::format("{}", ring.width(p)), " class=\"mid\"");
    if (diagonal) text(s, x, y + 12, fmt::format("D{}", p), " class=\"mid small faint\"");
    const double a = std::numbers::pi * (1 + 2.0 * p / n), beside_x = cx + (radius + 54) * std::cos(a),
                 beside_y = cy + (radius + 38) * std::sin(a) + 4;
    if (merged != d.merged.end())
      text(s, beside_x, beside_y, fmt::format("product {}", merged - d.merged.begin() + 1),
           " class=\"mid small faint\"");
    if (p == d.cut) text(s, beside_x, beside_y, "cut here", " class=\"mid small\"");
  }
  double y = top + 70;
  text(s, kLeft + 10, y, plan.order, " class=\"bold\"");
  for (const auto& step : d.steps) text(s, kLeft + 10, y += kRow, step);
  text(s, kLeft + 10, y += kRow + 4,
       fmt::format("{:.3g} multiply-adds once, {:.3g} for the samples; {:.3g} MB", plan.shared_flops, plan.sample_flops,
                   plan.bytes / 1e6),
       " class=\"small faint\"");
}

struct Way {
  std::string name;
  double flops, bytes;
};

Way way(const std::string& name, const detail::TracePlan& plan) {
  Way w{name, plan.flops(), 0};
  for (const auto& o : plan.orders) w.bytes = std::max(w.bytes, o.bytes);
  return w;
}

// Bars on a logarithmic scale: the ways differ by factors of ten and more.
void draw_ways(std::string& s, const std::vector<Way>& ways, double top) {
  text(s, 20, top, "what each way costs", " class=\"bold\"");
  text(s, 710, top, "multiply-adds", " class=\"small faint end\"");
  text(s, 820, top, "MB at once", " class=\"small faint end\"");
  double most = 1, least = INFINITY;
  for (const auto& w : ways) most = std::max(most, w.flops), least = std::min(least, std::max(w.flops, 1.0));
  const auto best =
      std::min_element(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.flops < b.flops; });
  double y = top + 8;
  for (const auto& w : ways) {
    y += kRow;
    const double length = 30 + 250 * std::log(std::max(w.flops, 1.0) / least) / std::max(1.0, std::log(most / least));
    const bool chosen = &w == &*best;
    text(s, 20, y, w.name, chosen ? " class=\"bold\"" : "");
    put(s, "<rect class=\"{}\" x=\"330\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"12\" rx=\"2\"/>\n",
        chosen ? "best" : "bar", y - 10, length);
    text(s, 710, y, fmt::format("{:.3g}", w.flops), " class=\"end\"");
    text(s, 820, y, fmt::format("{:.3g}", w.bytes / 1e6), " class=\"end\"");
  }
}

}  // namespace

std::string trace_picture(const Score& f, const Tensor& input, const TraceOptions& options) {
  const NoGrad on(false);
  if (input.rank() < 1 || input.numel() == 0) fail("trace", "x (B, ...) with elements", describe(input));
  const Tensor x = detail::variable(input, false), s = f(x);
  if (s.shape() != x.shape()) fail("trace", "a model whose result is " + describe(x), describe(s));
  const auto width = static_cast<double>(detail::sample_size(x));
  std::string why;
  const auto planned = [&](Order order) { return detail::plan_trace(s, x, options.memory, order, why); };
  const auto plan = planned(Order::cheapest);

  std::vector<Way> ways;
  if (plan && !plan->rings.empty()) {
    ways.push_back(way("planned", *plan));
    ways.push_back(way("row by row through the chain", *planned(Order::structured)));
    ways.push_back(way("all shared products first", *planned(Order::merged)));
  }
  if (s.requires_grad()) {
    const auto cost = detail::product_cost(s, x);
    const auto rows = static_cast<double>(detail::rows_at_once(s, x, options.memory));
    ways.push_back(
        {fmt::format("{} vector-Jacobian products, {} at a time", width, rows), width * cost.flops, rows * cost.bytes});
    ways.push_back({fmt::format("the loop of {} products", width), width * cost.flops, cost.bytes});
  }

  const std::size_t rings = plan ? plan->rings.size() : 0, drawn = std::min(rings, kDrawn);
  const double head = 60,
               below = head + (rings ? kRing * static_cast<double>(drawn) + (rings > drawn ? kRow : 0) : kRow);
  const double height = below + 30 + kRow * static_cast<double>(ways.size() + 1);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "role=\"img\">\n"
      "<style>{2}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
      kWidth, height, kStyle);
  text(svg, 20, 26, fmt::format("The trace of ds/dx, {} x {} for each of {} samples", width, width, x.size(0)),
       " class=\"bold\" style=\"font-size:15px\"");
  text(svg, 20, 46,
       rings ? "W: a matrix that all samples share. D: a diagonal of each sample. Closed to a ring, the product is its "
               "trace."
             : (why.empty() ? "The model does not depend on x: 0."
                            : "No sum of chains: " + stein::detail::escaped(why) + "."),
       " class=\"small faint\"");
  for (std::size_t i = 0; i < drawn; ++i)
    draw_ring(svg, plan->rings[i], plan->orders[i], head + kRing * static_cast<double>(i));
  if (rings > drawn) text(svg, 20, below - 6, fmt::format("and {} more chains", rings - drawn));
  draw_ways(svg, ways, below + 20);
  return svg + "</svg>\n";
}

}  // namespace stein::smld
