// SPDX-License-Identifier: MIT
#include "smld/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stein::smld {
namespace {

constexpr double kWidth = 760, kHeight = 420, kLeft = 70, kRight = 20, kTop = 60, kBottom = 50;

std::string escaped(const std::string& s) {
  std::string r;
  for (char c : s) r += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return r;
}

// 1, 2 or 5 times a power of ten, about a sixth of the range.
double nice_step(double range) {
  const double raw = std::max(range, 1e-12) / 6, base = std::pow(10, std::floor(std::log10(raw)));
  for (double m : {1.0, 2.0, 5.0})
    if (raw <= m * base) return m * base;
  return 10 * base;
}

bool usable(double x, double y) { return std::isfinite(x) && std::isfinite(y) && y > 0; }

}  // namespace

std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves) {
  double x0 = 0, x1 = 1, y0 = 1e300, y1 = 0;
  for (const auto& c : curves)
    for (std::size_t i = 0; i < c.x.size(); ++i)
      if (usable(c.x[i], c.y[i])) {
        x1 = std::max(x1, c.x[i]);
        y0 = std::min(y0, c.y[i]);
        y1 = std::max(y1, c.y[i]);
      }
  if (y1 == 0) y0 = 1, y1 = 10;
  const double l0 = std::log10(y0) - 0.05, l1 = std::log10(y1) + 0.05;
  const auto px = [&](double x) { return kLeft + (x - x0) / (x1 - x0) * (kWidth - kLeft - kRight); };
  const auto py = [&](double y) {
    return kHeight - kBottom - (std::log10(y) - l0) / (l1 - l0) * (kHeight - kTop - kBottom);
  };

  std::string s = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n<text x=\"{2}\" y=\"22\" font-size=\"15\">{3}</text>\n",
      kWidth, kHeight, kLeft, escaped(title));
  const double step = nice_step(x1 - x0);
  for (double x = x0; x <= x1 * (1 + 1e-9); x += step)
    s += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#eee\"/><text x=\"{0:.1f}\" y=\"{3}\" "
        "text-anchor=\"middle\">{4}</text>\n",
        px(x), kTop, kHeight - kBottom, kHeight - kBottom + 16, x);
  const bool short_range = l1 - l0 < 1.2;
  for (int e = static_cast<int>(std::floor(l0)); e <= static_cast<int>(std::ceil(l1)); ++e)
    for (int m = 1; m < 10; ++m) {
      const double y = m * std::pow(10, e);
      if (std::log10(y) < l0 || std::log10(y) > l1) continue;
      const bool labelled = short_range || m == 1 || m == 2 || m == 5;
      s += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>", kLeft, kWidth - kRight,
                       py(y), py(y), labelled ? "#ddd" : "#f3f3f3");
      if (labelled)
        s += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", kLeft - 6, py(y) + 4, y);
    }
  s += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", (kLeft + kWidth - kRight) / 2,
                   kHeight - 12, escaped(x_label));
  s += fmt::format("<text transform=\"translate(18,{:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                   (kTop + kHeight - kBottom) / 2, escaped(y_label));
  double legend = kLeft;  // in a row above the plot
  for (const auto& c : curves) {
    std::string points;
    for (std::size_t i = 0; i < c.x.size(); ++i)
      if (usable(c.x[i], c.y[i])) points += fmt::format("{:.1f},{:.1f} ", px(c.x[i]), py(c.y[i]));
    s += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" points=\"{}\"/>\n", c.color, c.width,
                     points);
    s += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"{3}\" stroke-width=\"3\"/><text x=\"{4}\" "
        "y=\"{5}\">{6}</text>\n",
        legend, legend + 20, kTop - 12, c.color, legend + 25, kTop - 8, escaped(c.label));
    legend += 45 + 6.3 * static_cast<double>(c.label.size());
  }
  return s + "</svg>\n";
}

}  // namespace stein::smld
