// SPDX-License-Identifier: MIT
// What panels are made of; how a chart is laid out stands in chart_layout.cpp.
#include "smld/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "smld/detail/chart_data.h"
#include "tensor/error.h"

namespace stein::smld {
namespace {

using charts::Series;
using Column = std::vector<double>;

void same_length(const char* op, std::initializer_list<std::size_t> lengths) {
  for (std::size_t n : lengths)
    if (n != *lengths.begin()) {
      std::string got;
      for (std::size_t k : lengths) got += (got.empty() ? "" : ", ") + std::to_string(k);
      fail(op, "columns of one length", got);
    }
}

void check_points(const char* op, const Tensor& t) {
  if (t.rank() != 2 || t.size(1) != 2) fail(op, "points (n, 2)", describe(t));
}

Column column(const Tensor& t, std::size_t k) {
  const auto all = Values(t).vector();
  Column r;
  for (std::size_t i = k; i < all.size(); i += 2) r.push_back(all[i]);
  return r;
}

void take_grid(const char* op, Series& s, const Tensor& values, const Extent& e) {
  if (values.rank() != 2 || values.numel() == 0) fail(op, "a grid of values (ny, nx)", describe(values));
  if (!(e.x0 < e.x1 && e.y0 < e.y1 && std::isfinite(e.x1 - e.x0) && std::isfinite(e.y1 - e.y0)))
    fail(op, "an extent x0 < x1, y0 < y1", fmt::format("{}, {}, {}, {}", e.x0, e.x1, e.y0, e.y1));
  s.grid = Values(values).vector();
  s.ny = values.size(0);
  s.nx = values.size(1);
  s.extent = e;
}

// Adds the series and gives it its colour: with `follow` that of the series before.
Series& add(Panel::Data& p, Series::Kind kind, const std::string& label, const Style& style, bool follow = false) {
  Series s{};
  s.kind = kind;
  s.label = label;
  s.style = style;
  if (s.style.color.empty()) {
    if (follow && !p.series.empty() && !p.series.back().style.color.empty()) {
      s.style.color = p.series.back().style.color;
      s.number = p.series.back().number;
    } else {
      s.number = p.colors;
      s.style.color = chart_color(p.colors++);
    }
  } else {
    s.number = p.series.size();
  }
  p.series.push_back(std::move(s));
  return p.series.back();
}

}  // namespace

Values::Values(const Tensor& t) {
  const Tensor flat = t.detach().to(cpu).contiguous();
  values_.reserve(static_cast<std::size_t>(t.numel()));
  visit_dtype(t.dtype(), [&](auto tag) {
    const auto* p = flat.data<typename decltype(tag)::type>();
    for (std::int64_t i = 0; i < t.numel(); ++i) values_.push_back(static_cast<double>(p[i]));
  });
}

std::string chart_color(std::size_t k) {
  static const char* colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                 "#e69f00", "#56b4e9", "#000000", "#b8a800"};
  return colors[k % std::size(colors)];
}

Panel& Panel::line(const std::string& label, const Values& x, const Values& y, const Style& style) {
  same_length("line", {x.vector().size(), y.vector().size()});
  auto& s = add(*data_, Series::Kind::line, label, style);
  s.x = x.vector();
  s.y = y.vector();
  return *this;
}

Panel& Panel::band(const std::string& label, const Values& x, const Values& low, const Values& high,
                   const Style& style) {
  same_length("band", {x.vector().size(), low.vector().size(), high.vector().size()});
  auto& s = add(*data_, Series::Kind::band, label, style, true);
  if (style.opacity >= 1) s.style.opacity = 0.2;
  s.x = x.vector();
  s.y = low.vector();
  s.u = high.vector();
  return *this;
}

Panel& Panel::errors(const Values& x, const Values& low, const Values& high, const Style& style) {
  same_length("errors", {x.vector().size(), low.vector().size(), high.vector().size()});
  auto& s = add(*data_, Series::Kind::errors, "", style, true);
  s.style.width = std::min(s.style.width, 1.2);
  s.x = x.vector();
  s.y = low.vector();
  s.u = high.vector();
  return *this;
}

Panel& Panel::scatter(const std::string& label, const Values& x, const Values& y, const Style& style) {
  same_length("scatter", {x.vector().size(), y.vector().size()});
  auto& s = add(*data_, Series::Kind::scatter, label, style);
  s.x = x.vector();
  s.y = y.vector();
  return *this;
}

Panel& Panel::scatter(const std::string& label, const Tensor& points, const Style& style) {
  check_points("scatter", points);
  return scatter(label, column(points, 0), column(points, 1), style);
}

Panel& Panel::bars(const std::string& label, const Values& x, const Values& height, double width, const Style& style) {
  same_length("bars", {x.vector().size(), height.vector().size()});
  auto& s = add(*data_, Series::Kind::bars, label, style);
  s.x = x.vector();
  s.y = height.vector();
  s.u.assign(s.x.size(), width);
  return *this;
}

Panel& Panel::histogram(const std::string& label, const Values& values, int bins, double low, double high,
                        const Style& style) {
  if (bins < 1 || !(low < high) || !std::isfinite(high - low))
    fail("histogram", "bins >= 1 and low < high", fmt::format("{} bins in [{}, {})", bins, low, high));
  const double width = (high - low) / bins;
  Column at, density(static_cast<std::size_t>(bins), 0.0);
  for (int i = 0; i < bins; ++i) at.push_back(low + (i + 0.5) * width);
  double finite = 0;
  for (double v : values.vector()) {
    if (!std::isfinite(v)) continue;
    finite += 1;
    if (v >= low && v < high) density[std::min(static_cast<std::size_t>((v - low) / width), density.size() - 1)] += 1;
  }
  for (double& d : density) d /= std::max(finite, 1.0) * width;
  return bars(label, at, density, width, style);
}

Panel& Panel::heatmap(const std::string& label, const Tensor& values, const Extent& extent, const HeatStyle& style) {
  Series s{};
  take_grid("heatmap", s, values, extent);
  s.kind = Series::Kind::heatmap;
  s.label = label;
  s.heat = style;
  data_->series.push_back(std::move(s));
  return *this;
}

Panel& Panel::contours(const std::string& label, const Tensor& values, const Extent& extent, const Values& levels,
                       const Style& style) {
  Series grid{};
  take_grid("contours", grid, values, extent);
  auto& s = add(*data_, Series::Kind::contours, label, style);
  s.grid = std::move(grid.grid);
  s.nx = grid.nx;
  s.ny = grid.ny;
  s.extent = extent;
  s.levels = levels.vector();
  return *this;
}

Panel& Panel::arrows(const std::string& label, const Values& x, const Values& y, const Values& u, const Values& v,
                     const ArrowStyle& style) {
  same_length("arrows", {x.vector().size(), y.vector().size(), u.vector().size(), v.vector().size()});
  auto& s =
      add(*data_, Series::Kind::arrows, label, {.color = style.color, .width = style.width, .opacity = style.opacity});
  s.x = x.vector();
  s.y = y.vector();
  s.u = u.vector();
  s.v = v.vector();
  s.arrow = style;
  return *this;
}

Panel& Panel::arrows(const std::string& label, const Tensor& points, const Tensor& vectors, const ArrowStyle& style) {
  check_points("arrows", points);
  check_points("arrows", vectors);
  return arrows(label, column(points, 0), column(points, 1), column(vectors, 0), column(vectors, 1), style);
}

Panel& Panel::horizontal(const std::string& label, double y, const Style& style) {
  add(*data_, Series::Kind::horizontal, label, style).y = {y};
  return *this;
}

Panel& Panel::vertical(const std::string& label, double x, const Style& style) {
  add(*data_, Series::Kind::vertical, label, style).x = {x};
  return *this;
}

Panel& Panel::equal_aspect() {
  data_->equal = true;
  return *this;
}

Panel& Panel::note(const std::string& text) {
  data_->note = text;
  return *this;
}

Chart::Chart(ChartOptions options) : options_(std::move(options)) {
  if (!(options_.width >= 160 && options_.width <= 4000 && options_.height >= 140 && options_.height <= 4000) ||
      options_.columns < 0)
    fail("chart", "panels of 160 x 140 to 4000 x 4000 pixels and columns >= 0",
         fmt::format("{} x {}, {} columns", options_.width, options_.height, options_.columns));
}

Panel Chart::panel(const std::string& title, const Axis& x, const Axis& y) {
  auto data = std::make_shared<Panel::Data>();
  data->title = title;
  data->x = x;
  data->y = y;
  panels_.push_back(Panel(std::move(data)));
  return panels_.back();
}

Tensor grid_points(const Extent& e, std::int64_t nx, std::int64_t ny, bool cells) {
  if (nx < 2 || ny < 2) fail("grid_points", "nx, ny >= 2", fmt::format("{}, {}", nx, ny));
  Tensor points = empty({nx * ny, 2}, f64);
  auto* p = points.mutable_data<double>();
  const auto at = [&](std::int64_t i, std::int64_t n, double from, double to) {
    const auto k = static_cast<double>(i), count = static_cast<double>(n);
    return from + (to - from) * (cells ? (k + 0.5) / count : k / (count - 1));
  };
  for (std::int64_t i = 0; i < ny; ++i)
    for (std::int64_t j = 0; j < nx; ++j) {
      *p++ = at(j, nx, e.x0, e.x1);
      *p++ = at(i, ny, e.y0, e.y1);
    }
  return points;
}

std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves) {
  Chart chart({.width = 760, .height = 420});
  Panel panel = chart.panel(title, {.label = x_label}, {.label = y_label, .log = true});
  for (const auto& c : curves) panel.line(c.label, c.x, c.y, {.color = c.color, .width = c.width});
  return chart.svg();
}

}  // namespace stein::smld
