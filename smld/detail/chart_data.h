// SPDX-License-Identifier: MIT
// What a panel holds, and the pieces of its drawing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smld/chart.h"

namespace stein::smld::charts {

struct Series {
  enum class Kind : std::uint8_t { line, band, errors, scatter, bars, arrows, contours, heatmap, horizontal, vertical };
  Kind kind;
  std::string label;
  Style style;                     // with its colour
  std::vector<double> x, y, u, v;  // band, errors: y low, u high; bars: u widths; arrows: (u, v)
  std::vector<double> grid, levels;
  std::int64_t nx = 0, ny = 0;
  Extent extent{};
  HeatStyle heat{};
  ArrowStyle arrow{};
  std::size_t number = 0;  // among the series with a colour of the palette: shape of its markers
};

// A range of numbers on an axis; `from` and `to` are what is drawn, log10 when logarithmic.
struct Range {
  double from = 0, to = 1;
  bool log = false;
  bool usable(double v) const;
  /// 0 at `from`, 1 at `to`.
  double part(double v) const;
};

struct Tick {
  double part;        // 0 to 1 along the axis
  std::string label;  // empty: a faint gridline
};

/// Round numbers, about `wanted` of them; logarithmic: powers of ten, with 2 and 5 or with all digits where there is room.
std::vector<Tick> ticks_of(const Range& range, int wanted);
/// A number as on an axis: 0.002, 1500, 2·10⁵, with the digits that `step` needs.
std::string tick_text(double value, double step);

std::string escape_xml(std::string_view text);
/// Width of text in pixels, estimated for a wide sans-serif face (DejaVu): others leave some room.
double text_width(std::string_view text, double size);

using Rgb = std::array<std::uint8_t, 3>;
/// Colour at t in [0, 1]: viridis, or the diverging map.
Rgb map_color(double t, bool diverging);
/// (3, ny, nx) u8 picture as data:image/png;base64,...
std::string data_uri(const Tensor& picture);

// Drawing inside the plot area, origin at its upper left corner.
struct Area {
  Range x, y;
  double width, height;
  double px(double v) const;
  double py(double v) const;
  bool usable(double a, double b) const { return x.usable(a) && y.usable(b); }
};
Range color_range(const Series& s);
void draw_series(std::string& to, const Series& s, const Area& area);
void draw_heatmap(std::string& to, const Series& s, const Area& area);
void draw_contours(std::string& to, const Series& s, const Area& area);
void draw_arrows(std::string& to, const Series& s, const Area& area);
void draw_scatter(std::string& to, const Series& s, const Area& area);
/// The sign of a series in the legend, in a box of 22 x 12 at (x, y).
void draw_key(std::string& to, const Series& s, double x, double y);
/// stroke or fill attribute, with the class that pages restyle where the colour is black.
std::string paint(const char* attribute, const std::string& color);

}  // namespace stein::smld::charts

struct stein::smld::Panel::Data {
  std::string title, note;
  Axis x, y;
  bool equal = false;
  std::vector<charts::Series> series;
  std::size_t colors = 0;  // taken from the palette
};
