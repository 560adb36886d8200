// SPDX-License-Identifier: MIT
// A described graph as a drawing.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "autograd/calculus/detail/graph_layout.h"
#include "autograd/calculus/detail/graph_style.h"
#include "autograd/calculus/graph.h"
#include "tensor/detail/put.h"

namespace stein {
namespace {

constexpr double kHeight = 34, kRow = 66, kGap = 14, kMargin = 16, kLegend = 30, kTitle = 26;

using stein::detail::put;

// Renderers differ in their fonts; this is wide enough for all of them.
double text_width(const std::string& text, double letter) { return letter * static_cast<double>(text.size()); }

std::string legend_words(const GraphInfo::Level& l) {
  return fmt::format("order {}: {} node{}", l.order, l.nodes, l.nodes == 1 ? "" : "s");
}
double legend_width(const std::string& words) { return std::max(120.0, 24 + text_width(words, 6)); }

std::string style() {
  std::string s =
      ".paper{fill:#fff}.ink{fill:#1d2127}.faint{fill:#5c6670}.edge{fill:none;stroke:#8a939c;stroke-width:1.1}"
      ".saved{stroke-dasharray:1.5 3.5;stroke:#3f464d;stroke-width:1.7;stroke-linecap:round}.head{fill:#8a939c}"
      ".box{stroke-width:1.3}text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}";
  for (int k = 0; k < detail::kOrderColors; ++k)
    put(s, ".o{}{{stroke:{};fill:{}}}", k, detail::order_color(k), detail::order_fill(k));
  s += "@media(prefers-color-scheme:dark){.paper{fill:#16181c}.ink{fill:#e6e9ed}.faint{fill:#a8b1ba}.edge{stroke:#"
       "79828b}"
       ".saved{stroke:#c3cad1}.head{fill:#79828b}.o0{fill:#2a2f35;stroke:#8a939c}.o1{fill:#12324a;stroke:#56a8de}"
       ".o2{fill:#4a2a10;stroke:#ef8a4a}.o3{fill:#0d3b2e;stroke:#3cc79c}.o4{fill:#42243a;stroke:#d288bb}}";
  return s;
}

// From the lower edge of one box to the upper edge of another, through the bends; vertical at every one of them.
std::string curve(double x, double y, const std::vector<std::pair<double, double>>& bends, double to_x, double to_y) {
  std::string path = fmt::format("M{:.1f} {:.1f}", x, y);
  const auto reach = [&](double bx, double by) {
    const double middle = (y + by) / 2;
    put(path, "C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", x, middle, bx, middle, bx, by);
    x = bx, y = by;
  };
  for (const auto& [bx, by] : bends) {
    reach(bx, by - kHeight / 2);
    put(path, "V{:.1f}", y = by + kHeight / 2);
  }
  reach(to_x, to_y);
  return path;
}

}  // namespace

std::string to_svg(const GraphInfo& g, const std::string& title) {
  std::vector<detail::GraphWords> words;
  std::vector<double> widths;
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    words.push_back(detail::words_of(g, static_cast<int>(i)));
    widths.push_back(std::max({44.0, 18 + text_width(words[i].title, 7.4), 18 + text_width(words[i].shapes, 6.0)}));
  }
  const auto edges = detail::edges_of(g);
  std::vector<std::pair<int, int>> pairs;
  for (const auto& e : edges) pairs.emplace_back(e.from, e.to);
  const auto layout = detail::layered(widths, pairs, kRow, kGap);

  const double top = title.empty() ? kMargin / 2 : kTitle;
  double legend = 220;
  for (const auto& l : g.levels) legend += legend_width(legend_words(l));
  const double width = std::max({layout.width, legend, text_width(title, 8)}) + 2 * kMargin;
  const double height = layout.height + top + kLegend;
  const double shift = (width - layout.width) / 2;
  std::string s = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "role=\"img\">\n<style>{2}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
      width, height, style());
  if (!title.empty())
    put(s, "<text class=\"ink\" x=\"{:.1f}\" y=\"18\" font-size=\"14\" font-weight=\"600\">{}</text>\n", kMargin,
        detail::escaped(title));
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto from = static_cast<std::size_t>(edges[i].from), to = static_cast<std::size_t>(edges[i].to);
    std::vector<std::pair<double, double>> bends = layout.bends[i];
    for (auto& [x, y] : bends) x += shift, y += top;
    const double x = layout.x[to] + shift, y = layout.y[to] + top - kHeight / 2;
    put(s, "<path class=\"edge{}\" d=\"{}\"/><path class=\"head\" d=\"M{:.1f} {:.1f}l-3.5 -7h7z\"/>\n",
        edges[i].saved ? " saved" : "",
        curve(layout.x[from] + shift, layout.y[from] + top + kHeight / 2, bends, x, y - 5), x, y);
  }
  std::set<int> results;
  for (const auto& [node, k] : g.outputs) results.insert(node);
  for (std::size_t i = 0; i < g.nodes.size(); ++i) {
    const auto& n = g.nodes[i];
    const double x = layout.x[i] + shift, y = layout.y[i] + top;
    put(s,
        "<g><title>{}</title><rect class=\"box o{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" "
        "rx=\"{}\"{}/>",
        detail::escaped(words[i].details), std::max(n.order, 0) % detail::kOrderColors, x - widths[i] / 2,
        y - kHeight / 2, widths[i], kHeight, n.op == "leaf" ? 17 : 5,
        results.count(static_cast<int>(i)) ? " style=\"stroke-width:3\"" : "");
    put(s, "<text class=\"ink\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" font-size=\"13\">{}</text>", x, y - 2,
        detail::escaped(words[i].title));
    put(s, "<text class=\"faint\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" font-size=\"10.5\">{}</text></g>\n",
        x, y + 11.5, detail::escaped(words[i].shapes));
  }
  double x = kMargin;
  const double y = height - 12;
  for (const auto& l : g.levels) {
    const std::string words_of_level = legend_words(l);
    put(s,
        "<rect class=\"box o{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"12\" rx=\"3\"/><text class=\"faint\" "
        "x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"11\">{}</text>\n",
        std::max(l.order, 0) % detail::kOrderColors, x, y - 10, x + 19, y, words_of_level);
    x += legend_width(words_of_level);
  }
  put(s,
      "<path class=\"edge saved\" d=\"M{:.1f} {:.1f}h28\"/><text class=\"faint\" x=\"{:.1f}\" y=\"{:.1f}\" "
      "font-size=\"11\">kept for a backward pass</text>\n</svg>\n",
      x, y - 4, x + 34, y);
  return s;
}

}  // namespace stein
