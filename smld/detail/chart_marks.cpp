// SPDX-License-Identifier: MIT
// Lines, bands, whiskers, dots and bars.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "smld/detail/chart_data.h"
#include "tensor/detail/put.h"

namespace stein::smld::charts {
namespace {

using stein::detail::put;

// Far points are still drawn to, but no renderer meets numbers of many digits.
double clamped(double pixels) { return std::clamp(pixels, -2e4, 2e4); }

// Runs of neighbours that can be drawn: calls each(first, last) with last exclusive.
template <class Usable, class Each>
void runs(std::size_t n, Usable usable, Each each) {
  for (std::size_t i = 0; i < n; ++i) {
    if (!usable(i)) continue;
    std::size_t end = i + 1;
    while (end < n && usable(end)) ++end;
    each(i, end);
    i = end;
  }
}

std::string marker(std::size_t shape, double x, double y, double r) {
  switch (shape % 4) {
    case 0:
      return fmt::format("M{:.1f} {:.1f}a{:.1f} {:.1f} 0 1 0 {:.1f} 0a{:.1f} {:.1f} 0 1 0 {:.1f} 0z", x - r, y, r, r,
                         2 * r, r, r, -2 * r);
    case 1:
      return fmt::format("M{:.1f} {:.1f}h{:.1f}v{:.1f}h{:.1f}z", x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r, -1.8 * r);
    case 2:
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z", x, y - 1.2 * r, 1.15 * r, 2 * r, -2.3 * r);
    default:
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}z", x, y - 1.3 * r, 1.3 * r, 1.3 * r,
                         -1.3 * r, 1.3 * r, -1.3 * r, -1.3 * r);
  }
}

std::string stroke(const Style& s, double width) {
  return fmt::format("fill=\"none\" {} stroke-width=\"{:.4g}\" stroke-linejoin=\"round\" stroke-linecap=\"{}\"{}",
                     paint("stroke", s.color), width, s.dashed ? "butt" : "round",
                     s.dashed ? fmt::format(" stroke-dasharray=\"{:.3g} {:.3g}\"", 3.2 * width, 2.2 * width) : "");
}

std::string opacity(double o) { return o < 1 ? fmt::format(" opacity=\"{:.3g}\"", std::max(o, 0.0)) : std::string(); }

void draw_line(std::string& to, const Series& s, const Area& a) {
  std::string path, marks;
  const auto usable = [&](std::size_t i) { return a.usable(s.x[i], s.y[i]); };
  runs(s.x.size(), usable, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const double x = clamped(a.px(s.x[i])), y = clamped(a.py(s.y[i]));
      put(path, "{}{:.1f} {:.1f}", i == first ? "M" : i == first + 1 ? "L" : " ", x, y);
      if (s.style.markers) marks += marker(s.number, x, y, s.style.size);
    }
    if (last == first + 1) path += "h0";  // a dot
  });
  if (s.style.line && !path.empty())
    put(to, "<path d=\"{}\" {}{}/>\n", path, stroke(s.style, s.style.width), opacity(s.style.opacity));
  if (!marks.empty()) put(to, "<path d=\"{}\" {}{}/>\n", marks, paint("fill", s.style.color), opacity(s.style.opacity));
}

void draw_band(std::string& to, const Series& s, const Area& a) {
  std::string path;
  const auto usable = [&](std::size_t i) { return a.usable(s.x[i], s.y[i]) && a.y.usable(s.u[i]); };
  runs(s.x.size(), usable, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i)
      put(path, "{}{:.1f} {:.1f}", i == first ? "M" : " ", clamped(a.px(s.x[i])), clamped(a.py(s.y[i])));
    for (std::size_t i = last; i-- > first;) put(path, " {:.1f} {:.1f}", clamped(a.px(s.x[i])), clamped(a.py(s.u[i])));
    path += "z";
  });
  if (!path.empty()) put(to, "<path d=\"{}\" {}{}/>\n", path, paint("fill", s.style.color), opacity(s.style.opacity));
}

void draw_errors(std::string& to, const Series& s, const Area& a) {
  std::string path;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!a.usable(s.x[i], s.u[i])) continue;
    // A lower end below a logarithmic axis runs out of the picture.
    const double x = clamped(a.px(s.x[i])), low = a.y.usable(s.y[i]) ? clamped(a.py(s.y[i])) : 2e4,
                 high = clamped(a.py(s.u[i]));
    if (!std::isfinite(s.y[i])) continue;
    put(path, "M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {1:.1f}h6M{3:.1f} {2:.1f}h6", x, low, high, x - 3);
  }
  if (!path.empty()) put(to, "<path d=\"{}\" {}{}/>\n", path, stroke(s.style, s.style.width), opacity(s.style.opacity));
}

void draw_bars(std::string& to, const Series& s, const Area& a) {
  std::string path;
  const double floor = a.y.log ? 2e4 : a.py(0);
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!a.x.usable(s.x[i] - s.u[i] / 2) || !a.usable(s.x[i] + s.u[i] / 2, s.y[i])) continue;
    const double left = clamped(a.px(s.x[i] - s.u[i] / 2)), right = clamped(a.px(s.x[i] + s.u[i] / 2));
    put(path, "M{:.1f} {:.1f}V{:.1f}H{:.1f}V{:.1f}z", left, clamped(floor), clamped(a.py(s.y[i])), right,
        clamped(floor));
  }
  if (!path.empty()) put(to, "<path d=\"{}\" {}{}/>\n", path, paint("fill", s.style.color), opacity(s.style.opacity));
}

void draw_straight(std::string& to, const Series& s, const Area& a) {
  const bool across = s.kind == Series::Kind::horizontal;
  const double v = across ? s.y[0] : s.x[0];
  if (!(across ? a.y : a.x).usable(v)) return;
  const auto path = across ? fmt::format("M0 {:.1f}H{:.1f}", clamped(a.py(v)), a.width)
                           : fmt::format("M{:.1f} 0V{:.1f}", clamped(a.px(v)), a.height);
  put(to, "<path d=\"{}\" {}{}/>\n", path, stroke(s.style, s.style.width), opacity(s.style.opacity));
}

}  // namespace

double Area::px(double v) const { return x.part(v) * width; }
double Area::py(double v) const { return (1 - y.part(v)) * height; }

std::string paint(const char* attribute, const std::string& color) {
  if (color == "#000000") return fmt::format("class=\"black-{0}\" {0}=\"{1}\"", attribute, color);
  return fmt::format("{}=\"{}\"", attribute, escape_xml(color));
}

// Dots are zero-length strokes with round caps, a tenth of the text of circles; one path is painted once, so that overlaps
// show, the points are dealt to eight paths.
void draw_scatter(std::string& to, const Series& s, const Area& a) {
  const std::size_t layers = s.style.opacity < 1 ? 8 : 1;
  std::vector<std::string> paths(layers);
  std::size_t count = 0;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!a.usable(s.x[i], s.y[i])) continue;
    const double x = a.px(s.x[i]), y = a.py(s.y[i]), edge = s.style.size;
    if (x < -edge || y < -edge || x > a.width + edge || y > a.height + edge) continue;  // not to be seen
    put(paths[count++ % layers], "M{:.1f} {:.1f}h0", x, y);
  }
  for (const auto& p : paths)
    if (!p.empty())
      put(to, "<path d=\"{}\" {} stroke-width=\"{:.3g}\" stroke-linecap=\"round\"{}/>\n", p,
          paint("stroke", s.style.color), s.style.size, opacity(s.style.opacity));
}

void draw_series(std::string& to, const Series& s, const Area& a) {
  switch (s.kind) {
    case Series::Kind::line:
      return draw_line(to, s, a);
    case Series::Kind::band:
      return draw_band(to, s, a);
    case Series::Kind::errors:
      return draw_errors(to, s, a);
    case Series::Kind::scatter:
      return draw_scatter(to, s, a);
    case Series::Kind::bars:
      return draw_bars(to, s, a);
    case Series::Kind::arrows:
      return draw_arrows(to, s, a);
    case Series::Kind::contours:
      return draw_contours(to, s, a);
    case Series::Kind::heatmap:
      return draw_heatmap(to, s, a);
    case Series::Kind::horizontal:
    case Series::Kind::vertical:
      return draw_straight(to, s, a);
  }
}

void draw_key(std::string& to, const Series& s, double x, double y) {
  const double middle = y + 6;
  const auto color = [&](const char* attribute) { return paint(attribute, s.style.color); };
  switch (s.kind) {
    case Series::Kind::band:
    case Series::Kind::bars:
      put(to, "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"16\" height=\"10\" {}{}/>", x + 3, y + 1, color("fill"),
          opacity(s.style.opacity));
      return;
    case Series::Kind::scatter:
      put(to, "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" {}/>", x + 11, middle,
          std::clamp(s.style.size / 2, 2.5, 4.0), color("fill"));
      return;
    case Series::Kind::arrows:
      put(to, "<path d=\"M{:.1f} {:.1f}h17m-5 -3l5 3l-5 3\" fill=\"none\" {} stroke-width=\"1.3\"/>", x + 2, middle,
          color("stroke"));
      return;
    default:
      if (s.style.line)
        put(to, "<path d=\"M{:.1f} {:.1f}h20\" {}/>", x + 1, middle,
            stroke(s.style, std::clamp(s.style.width, 1.2, 3.0)));
      if (s.style.markers)
        put(to, "<path d=\"{}\" {}/>", marker(s.number, x + 11, middle, s.style.size), color("fill"));
  }
}

}  // namespace stein::smld::charts
