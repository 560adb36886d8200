// SPDX-License-Identifier: MIT
// From panels to one SVG element: ranges, margins as wide as the labels need, frame, ticks, legend, colour bar. Plot areas are nested
// <svg> elements: they clip without ids, which would clash where several charts stand in one page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "smld/detail/chart_data.h"
#include "tensor/detail/put.h"

namespace stein::smld {
namespace {

using charts::Area;
using charts::Range;
using charts::Series;
using charts::Tick;
using Kind = Series::Kind;

constexpr double kText = 12, kSmall = 11, kTitle = 13, kLine = 17, kPad = 10, kBar = 12, kBold = 1.1;

using stein::detail::put;

std::vector<std::string> wrapped(const std::string& text, double size, double width) {
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!lines.back().empty() && charts::text_width(lines.back() + " " + word, size) * kBold > width)
      lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
    at = end + 1;
  }
  return lines;
}

// The range of what is drawn on one axis, with a margin where it comes from points.
Range range_of(const Panel::Data& p, bool along_x) {
  const Axis& axis = along_x ? p.x : p.y;
  Range r{0, 1, axis.log};
  double low = INFINITY, high = -INFINITY;
  bool exact = false, zero = false;
  const auto see = [&](double v) {
    if (!r.usable(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  };
  for (const auto& s : p.series) {
    if (s.kind == Kind::heatmap || s.kind == Kind::contours) {
      see(along_x ? s.extent.x0 : s.extent.y0);
      see(along_x ? s.extent.x1 : s.extent.y1);
      exact = true;
      continue;
    }
    const bool whiskers = s.kind == Kind::band || s.kind == Kind::errors, bars = s.kind == Kind::bars;
    for (std::size_t i = 0; i < (along_x ? s.x : s.y).size(); ++i) {
      // A point that the other axis cannot show does not widen this one.
      const bool whole =
          s.kind == Kind::horizontal || s.kind == Kind::vertical ||
          (std::isfinite(along_x ? s.y[i] : s.x[i]) && (!(along_x ? p.y : p.x).log || (along_x ? s.y[i] : s.x[i]) > 0));
      if (!whole) continue;
      if (along_x) {
        see(bars ? s.x[i] - s.u[i] / 2 : s.x[i]);
        if (bars) see(s.x[i] + s.u[i] / 2);
      } else {
        see(s.y[i]);
        if (whiskers) see(s.u[i]);
      }
    }
    zero = zero || (bars && !along_x);
  }
  if (zero && !r.log && low <= high) low = std::min(low, 0.0), high = std::max(high, 0.0);
  if (zero && r.log && low <= high) low /= 2;  // the lowest bar, too, is to be seen
  if (!axis.names.empty()) return {-0.5, static_cast<double>(axis.names.size()) - 0.5, false};
  if (!(low <= high)) low = r.log ? 1 : 0, high = r.log ? 10 : 1;
  if (r.log) low = std::log10(low), high = std::log10(high);
  if (low == high) {
    const double wide = r.log ? 0.5 : low == 0 ? 1 : std::abs(low) * 0.1;
    low -= wide;
    high += wide;
  } else if (!exact) {
    const double margin = 0.04 * (high - low);
    if (!(zero && low == 0)) low -= margin;
    if (!(zero && high == 0)) high += margin;
  }
  const auto given = [&](const std::optional<double>& v) { return v && r.usable(*v); };
  r.from = given(axis.min) ? (r.log ? std::log10(*axis.min) : *axis.min) : low;
  r.to = given(axis.max) ? (r.log ? std::log10(*axis.max) : *axis.max) : high;
  if (!(r.from < r.to)) r.to = r.from + 1;
  return r;
}

std::vector<Tick> ticks_of(const Axis& axis, const Range& range, double pixels, double each) {
  if (axis.names.empty()) return charts::ticks_of(range, std::max(2, static_cast<int>(pixels / each)));
  std::vector<Tick> t;
  for (std::size_t i = 0; i < axis.names.size(); ++i) t.push_back({range.part(static_cast<double>(i)), axis.names[i]});
  return t;
}

double widest(const std::vector<Tick>& ticks) {
  double w = 0;
  for (const auto& t : ticks) w = std::max(w, charts::text_width(t.label, kSmall));
  return w;
}

struct Text {
  const char* anchor = "start";
  double size = kText;
  bool bold = false;
  double turn = 0;  // degrees
};

void put_text(std::string& to, double x, double y, const std::string& text, const Text& t = {}) {
  if (text.empty()) return;
  put(to, "<text class=\"ink\" fill=\"#222\" font-size=\"{}\" text-anchor=\"{}\"{} {}>{}</text>\n", t.size, t.anchor,
      t.bold ? " font-weight=\"600\"" : "",
      t.turn == 0 ? fmt::format("x=\"{:.1f}\" y=\"{:.1f}\"", x, y)
                  : fmt::format("transform=\"translate({:.1f},{:.1f}) rotate({})\"", x, y, t.turn),
      charts::escape_xml(text));
}

// Rows of keys and labels from y on; returns where they end. Without `to` only the height is found.
double legend(std::string* to, const Panel::Data& p, double left, double right, double y) {
  double x = left;
  bool any = false;
  for (const auto& s : p.series) {
    if (s.label.empty() || s.kind == Kind::heatmap) continue;
    const double w = 28 + charts::text_width(s.label, kSmall);
    if (any && x + w > right) x = left, y += kLine;
    if (to) {
      charts::draw_key(*to, s, x, y + 2);
      put_text(*to, x + 26, y + 12, s.label, {.size = kSmall});
    }
    x += w + 12;
    any = true;
  }
  return any ? y + kLine + 3 : y;
}

void color_bar(std::string& to, const Series& s, double x, double top, double height) {
  const Range range = charts::color_range(s);
  constexpr std::int64_t kSteps = 128;
  Tensor strip = empty({3, kSteps, 1}, u8);
  auto* p = strip.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < kSteps; ++i)
    for (std::int64_t k = 0; k < 3; ++k)
      p[k * kSteps + i] =
          charts::map_color(1 - (static_cast<double>(i) + 0.5) / kSteps, s.heat.diverging)[static_cast<std::size_t>(k)];
  put(to,
      "<image x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\" preserveAspectRatio=\"none\" href=\"{}\"/>\n", x,
      top, kBar, height, charts::data_uri(strip));
  put(to,
      "<rect class=\"rule\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\" fill=\"none\" stroke=\"#888\"/>\n",
      x, top, kBar, height);
  for (const auto& t : charts::ticks_of(range, std::max(2, static_cast<int>(height / 40)))) {
    const double y = top + (1 - t.part) * height;
    if (t.label.empty()) continue;
    put(to, "<path class=\"rule\" d=\"M{:.1f} {:.1f}h4\" stroke=\"#888\"/>", x + kBar, y);
    put_text(to, x + kBar + 6, y + 4, t.label, {.size = kSmall});
  }
}

double color_bar_width(const Series& s, double height) {
  return kBar + 12 + widest(charts::ticks_of(charts::color_range(s), std::max(2, static_cast<int>(height / 40)))) +
         (s.label.empty() ? 6 : kLine + 6);
}

bool anything_drawn(const Panel::Data& p, const Area& area) {
  for (const auto& s : p.series) {
    if (s.kind == Kind::heatmap || s.kind == Kind::contours) {
      if (std::any_of(s.grid.begin(), s.grid.end(), [](double v) { return std::isfinite(v); })) return true;
      continue;
    }
    if (s.kind == Kind::horizontal || s.kind == Kind::vertical) continue;
    for (std::size_t i = 0; i < s.x.size(); ++i)
      if (area.usable(s.x[i], s.y[i])) return true;
  }
  return false;
}

void draw_panel(std::string& to, const Panel::Data& p, double x0, double y0, double width, double height) {
  double top = y0 + 6;
  for (const auto& text : wrapped(p.title, kTitle, width - 2 * kPad)) {
    if (p.title.empty()) break;
    top += kLine;
    put_text(to, x0 + kPad, top - 4, text, {.size = kTitle, .bold = true});
  }
  top += 2;
  const double legend_top = top;
  top = legend(nullptr, p, x0 + kPad, x0 + width - kPad, top) + 5;

  const Range rx = range_of(p, true), ry = range_of(p, false);
  const Series* heat = nullptr;
  for (const auto& s : p.series)
    if (s.kind == Kind::heatmap) heat = &s;
  double bottom = y0 + height - kPad - kLine - (p.x.label.empty() ? 0 : kLine);
  const auto y_ticks = ticks_of(p.y, ry, bottom - top, 34);
  double left = x0 + kPad + widest(y_ticks) + 6 + (p.y.label.empty() ? 0 : kLine);
  double right = x0 + width - kPad - 4 - (heat ? color_bar_width(*heat, bottom - top) : 0);
  auto x_ticks = ticks_of(p.x, rx, right - left, 62);
  const double slot = (right - left) / std::max<double>(1, static_cast<double>(p.x.names.size()));
  const bool turned = !p.x.names.empty() && widest(x_ticks) > slot - 4;
  if (turned) bottom -= 0.6 * widest(x_ticks);
  bottom = std::max(bottom, top + 20);
  right = std::max(right, left + 20);
  if (p.equal && !rx.log && !ry.log) {  // shrink the longer side
    const double scale = std::min((right - left) / (rx.to - rx.from), (bottom - top) / (ry.to - ry.from));
    const double spare = right - left - scale * (rx.to - rx.from);
    left += spare / 2;
    right -= spare / 2;
    bottom = top + scale * (ry.to - ry.from);
    x_ticks = ticks_of(p.x, rx, right - left, 36);
  }
  const Area area{rx, ry, right - left, bottom - top};

  std::string grid, faint;
  for (const auto& t : x_ticks)
    put(t.label.empty() ? faint : grid, "M{:.1f} {:.1f}V{:.1f}", left + t.part * area.width, top, bottom);
  for (const auto& t : y_ticks)
    put(t.label.empty() ? faint : grid, "M{:.1f} {:.1f}H{:.1f}", left, bottom - t.part * area.height, right);
  for (const auto& [path, opacity] : {std::pair{&faint, 0.45}, std::pair{&grid, 1.0}})
    if (!path->empty())
      put(to, "<path class=\"grid\" d=\"{}\" fill=\"none\" stroke=\"#e4e4e4\" opacity=\"{:g}\"/>\n", *path, opacity);

  put(to, "<svg x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" overflow=\"hidden\">\n", left, top,
      area.width, area.height);
  for (const auto& s : p.series) charts::draw_series(to, s, area);
  to += "</svg>\n";
  put(to,
      "<rect class=\"rule\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" "
      "stroke=\"#888\"/>\n",
      left, top, area.width, area.height);

  for (const auto& t : x_ticks) {
    const double x = left + t.part * area.width;
    if (turned)
      put_text(to, x + 4, bottom + 12, t.label, {.anchor = "end", .size = kSmall, .turn = -35});
    else
      put_text(to, x, bottom + 15, t.label, {.anchor = "middle", .size = kSmall});
  }
  for (const auto& t : y_ticks)
    put_text(to, left - 6, bottom - t.part * area.height + 4, t.label, {.anchor = "end", .size = kSmall});
  put_text(to, (left + right) / 2, turned ? y0 + height - kPad : bottom + 15 + kLine, p.x.label, {.anchor = "middle"});
  put_text(to, left - widest(y_ticks) - 14, (top + bottom) / 2, p.y.label, {.anchor = "middle", .turn = -90});
  legend(&to, p, x0 + kPad, x0 + width - kPad, legend_top);
  if (heat) {
    color_bar(to, *heat, right + 10, top, area.height);
    put_text(to, right + color_bar_width(*heat, area.height) - 2, (top + bottom) / 2, heat->label,
             {.anchor = "middle", .size = kSmall, .turn = -90});
  }
  if (!p.note.empty()) put_text(to, left + 7, top + 16, p.note, {.size = kSmall});
  if (!anything_drawn(p, area))
    put_text(to, (left + right) / 2, (top + bottom) / 2, "nothing to show", {.anchor = "middle"});
}

}  // namespace

std::string Chart::svg() const {
  const int count = std::max(1, static_cast<int>(panels_.size()));
  const int columns = std::min(count, options_.columns > 0 ? options_.columns : count == 4 ? 2 : 3);
  const int rows = (count + columns - 1) / columns;
  const double head = options_.title.empty() ? 0 : 28;
  const double width = columns * options_.width, height = head + rows * options_.height;
  std::string s;
  put(s,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" height=\"{1:g}\" "
      "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', "
      "sans-serif\" "
      "font-size=\"12\" role=\"img\">\n<rect class=\"paper\" width=\"{0:g}\" height=\"{1:g}\" fill=\"#fff\"/>\n",
      width, height);
  put_text(s, kPad, 21, options_.title, {.size = 15, .bold = true});
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    const auto k = static_cast<int>(i);
    draw_panel(s, *panels_[i].data_, k % columns * options_.width, head + k / columns * options_.height, options_.width,
               options_.height);
  }
  return s + "</svg>\n";
}

}  // namespace stein::smld
