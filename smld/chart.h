// SPDX-License-Identifier: MIT
// Charts as SVG text: panels in a grid, each with its axes, gridlines, a legend beside the data and any number of series. The text
// is a function of what was given alone. Points that are not finite, and those not above 0 on a logarithmic axis, are left
// out; lines break there. Labels are plain Unicode text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace stein::smld {

/// Numbers for a chart: a vector, or a tensor of any shape and of any dtype in logical order.
class Values {
 public:
  Values() = default;
  Values(std::vector<double> values) : values_(std::move(values)) {}  ///< as they are
  Values(std::initializer_list<double> values) : values_(values) {}   ///< as they are
  Values(const Tensor& values);                                       ///< any shape and device, in logical order
  const std::vector<double>& vector() const& { return values_; }      ///< in order
  std::vector<double> vector() && { return std::move(values_); }      ///< in order

 private:
  std::vector<double> values_;
};

/// How an axis is labelled and scaled.
struct Axis {
  std::string label{};               ///< with its unit
  bool log = false;                  ///< logarithmic; values of at most 0 are left out
  std::optional<double> min{};       ///< otherwise from the data
  std::optional<double> max{};       ///< otherwise from the data
  std::vector<std::string> names{};  ///< of the places 0, 1, 2, ... instead of numbers
};

/// Eight colours that colour-blind readers tell apart (Okabe and Ito 2008), darkest and clearest on white first; k beyond them starts
/// again. Series without a colour take the next.
std::string chart_color(std::size_t k);

/// With designated initialisers in this order: {.color = "#000000", .width = 1, .dashed = true}.
struct Style {
  std::string color{};   ///< CSS; empty: the next of the palette (bands and errors: that of the series before)
  double width = 1.8;    ///< of lines, pixels
  double opacity = 1;    ///< scatter: of each of several layers, so that overlaps darken
  double size = 3;       ///< diameter of scatter's dots and radius of markers, pixels
  bool markers = false;  ///< on lines; a shape of its own for each series
  bool dashed = false;   ///< a dashed line
  bool line = true;      ///< false: markers alone
};

/// Of arrows().
struct ArrowStyle {
  std::string color{};  ///< "" for the panel's own
  double width = 1.1;   ///< pixels
  double opacity = 1;   ///< 0 to 1
  /// Length in pixels of an arrow whose length is the 90th percentile; longer ones are cut to 1.3 of it, shorter ones are in proportion.
  double length = 20;
  bool unit = false;  ///< all of one length: directions only
};

/// Of heat maps.
struct HeatStyle {
  bool diverging = false;       ///< blue - white - vermilion about 0 instead of viridis
  bool log = false;             ///< colours by the logarithm
  std::optional<double> min{};  ///< otherwise from the values
  std::optional<double> max{};  ///< otherwise from the values
};

/// A rectangle of the plane that a grid of values (ny, nx) covers: row 0 at the bottom; cell centres half a cell inside.
struct Extent {
  double x0;  ///< left
  double x1;  ///< right
  double y0;  ///< below
  double y1;  ///< above
};

/// One pair of axes: a handle, copies speak of the same panel. All functions return the panel itself; they throw Error when
/// the lengths of their columns differ. An empty label keeps a series out of the legend.
class Panel {
 public:
  /// A line through the points; gaps where a value is not finite.
  Panel& line(const std::string& label, const Values& x, const Values& y, const Style& style = {});
  /// Shaded between low and high; colour of the series before unless given; opacity 1 means 0.2.
  Panel& band(const std::string& label, const Values& x, const Values& low, const Values& high,
              const Style& style = {});
  /// Whiskers from low to high.
  Panel& errors(const Values& x, const Values& low, const Values& high, const Style& style = {});
  /// A dot at each point.
  Panel& scatter(const std::string& label, const Values& x, const Values& y, const Style& style = {});
  /// points (n, 2). Throws Error for other shapes.
  Panel& scatter(const std::string& label, const Tensor& points, const Style& style = {});
  /// Bars of `width` (in units of x) centred at x, from 0 (logarithmic: from the lower end) to height.
  Panel& bars(const std::string& label, const Values& x, const Values& height, double width, const Style& style = {});
  /// Bars of the density: the area is the share of the finite values that lie in [low, high). Throws Error unless bins >= 1, low < high.
  Panel& histogram(const std::string& label, const Values& values, int bins, double low, double high,
                   const Style& style = {});
  /// values (ny, nx) as colours, with a bar that explains them, labelled `label`. Cells are of equal size on the axes as drawn;
  /// what is not finite is grey. Throws Error for other ranks and empty grids.
  Panel& heatmap(const std::string& label, const Tensor& values, const Extent& extent, const HeatStyle& style = {});
  /// Lines of constant value of a grid (ny, nx), for example of a density below a cloud.
  Panel& contours(const std::string& label, const Tensor& values, const Extent& extent, const Values& levels,
                  const Style& style = {});
  /// Arrows (u, v) that begin at (x, y); only directions and relative lengths are to scale.
  Panel& arrows(const std::string& label, const Values& x, const Values& y, const Values& u, const Values& v,
                const ArrowStyle& style = {});
  /// points (n, 2), vectors (n, 2).
  Panel& arrows(const std::string& label, const Tensor& points, const Tensor& vectors, const ArrowStyle& style = {});
  /// A line through the whole panel at y, or at x.
  Panel& horizontal(const std::string& label, double y, const Style& style = {});
  /// The same at x.
  Panel& vertical(const std::string& label, double x, const Style& style = {});
  /// A unit of x is as long as one of y.
  Panel& equal_aspect();
  /// Small text in the upper left corner of the plot.
  Panel& note(const std::string& text);

  struct Data;

 private:
  friend class Chart;
  explicit Panel(std::shared_ptr<Data> data) : data_(std::move(data)) {}
  std::shared_ptr<Data> data_;
};

/// Of a chart as a whole.
struct ChartOptions {
  std::string title{};  ///< above all panels
  int columns = 0;      ///< of the grid; 0: at most three
  double width = 380;   ///< of a panel, with its labels, pixels
  double height = 330;  ///< of a panel, with its labels, pixels
};

/// Panels side by side, as one SVG.
class Chart {
 public:
  explicit Chart(ChartOptions options = {});  ///< without panels
  /// A new panel, right of the last or in the next row.
  Panel panel(const std::string& title, const Axis& x, const Axis& y);
  std::size_t size() const { return panels_.size(); }  ///< number of panels
  /// One `<svg>` element: complete as a file, and inline in a page. A page may restyle its classes paper, ink (text), rule (frame),
  /// grid and black (series in black), for dark mode.
  std::string svg() const;

 private:
  ChartOptions options_;
  std::vector<Panel> panels_;
};

/// points (n, 2) on a regular grid of the extent, row by row from the bottom, f64: where to evaluate a field. With `cells`,
/// the centres of nx x ny cells, as heatmap and contours expect; otherwise from edge to edge. Throws Error unless nx, ny >= 2.
Tensor grid_points(const Extent& extent, std::int64_t nx, std::int64_t ny, bool cells = true);

/// A line of line_chart().
struct Curve {
  std::string label;      ///< in the legend
  std::string color;      ///< as in CSS
  std::vector<double> x;  ///< as many as y
  std::vector<double> y;  ///< values
  double width = 1.5;     ///< pixels
};

/// One wide panel of lines with a logarithmic y axis.
std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves);

}  // namespace stein::smld
