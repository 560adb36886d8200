// SPDX-License-Identifier: MIT
// Grids of values as colours and as contours, vectors as arrows, and pictures inside the text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "smld/detail/chart_data.h"
#include "smld/image.h"

namespace stein::smld::charts {
namespace {

// Viridis (N. Smith and S. van der Walt for Matplotlib 1.5, CC0), every sixteenth of its range; straight lines between are within
// 0.022 of it in each channel.
constexpr std::uint32_t kViridis[] = {0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d,
                                      0x2c728e, 0x26828e, 0x21918c, 0x1fa088, 0x28ae80, 0x3fbc73,
                                      0x5ec962, 0x84d44b, 0xaddc30, 0xd8e219, 0xfde725};
// From the palette's blue through near white to its vermilion.
constexpr std::uint32_t kDiverging[] = {0x003a5c, 0x0072b2, 0x7fb3d8, 0xf7f7f7, 0xeda673, 0xd55e00, 0x7a3300};
constexpr Rgb kNoValue = {200, 200, 200};

template <std::size_t N>
Rgb between(const std::uint32_t (&map)[N], double t) {
  const double at = std::clamp(t, 0.0, 1.0) * (N - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), N - 2);
  Rgb r;
  for (std::size_t c = 0; c < 3; ++c) {
    const unsigned shift = 16 - 8 * static_cast<unsigned>(c);
    const double a = map[i] >> shift & 255u, b = map[i + 1] >> shift & 255u;
    r[c] = static_cast<std::uint8_t>(std::lround(a + (at - static_cast<double>(i)) * (b - a)));
  }
  return r;
}

std::string base64(const std::string& bytes) {
  static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string r;
  r.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) r += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63u];
  }
  return r;
}

}  // namespace

Rgb map_color(double t, bool diverging) { return diverging ? between(kDiverging, t) : between(kViridis, t); }

std::string data_uri(const Tensor& picture) { return "data:image/png;base64," + base64(encode_png(picture)); }

Range color_range(const Series& s) {
  double low = INFINITY, high = -INFINITY;
  for (double v : s.grid) {
    if (!std::isfinite(v) || (s.heat.log && v <= 0)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  if (!(low <= high)) low = s.heat.log ? 1 : 0, high = s.heat.log ? 10 : 1;
  if (s.heat.diverging && !s.heat.log) {
    high = s.heat.max.value_or(std::max(std::abs(low), std::abs(high)));
    low = -high;
  }
  if (s.heat.min && (!s.heat.log || *s.heat.min > 0)) low = *s.heat.min;
  if (s.heat.max && (!s.heat.log || *s.heat.max > 0)) high = *s.heat.max;
  if (s.heat.log) low = std::log10(low), high = std::log10(high);
  if (!(low < high)) high = low + (low == 0 ? 1 : std::abs(low) * 1e-3);
  return {low, high, s.heat.log};
}

void draw_heatmap(std::string& to, const Series& s, const Area& a) {
  const Range range = color_range(s);
  Tensor picture = empty({3, s.ny, s.nx}, u8);
  auto* p = picture.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < s.ny; ++i)
    for (std::int64_t j = 0; j < s.nx; ++j) {
      const double v = s.grid[static_cast<std::size_t>((s.ny - 1 - i) * s.nx + j)];
      const Rgb c = range.usable(v) ? map_color(range.part(v), s.heat.diverging) : kNoValue;
      for (std::int64_t k = 0; k < 3; ++k) p[(k * s.ny + i) * s.nx + j] = c[static_cast<std::size_t>(k)];
    }
  const double left = a.px(s.extent.x0), right = a.px(s.extent.x1), top = a.py(s.extent.y1), bottom = a.py(s.extent.y0);
  fmt::format_to(std::back_inserter(to),
                 "<image x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" preserveAspectRatio=\"none\" "
                 "image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"{}\"/>\n",
                 std::min(left, right), std::min(top, bottom), std::abs(right - left), std::abs(bottom - top),
                 data_uri(picture));
}

// Marching squares: in each square of four neighbours the crossing points on its edges, found by straight lines, are joined; the
// mean of the corners decides between the two ways through a saddle.
void draw_contours(std::string& to, const Series& s, const Area& a) {
  std::string path;
  const double left = a.px(s.extent.x0), top = a.py(s.extent.y1);
  const double w = (a.px(s.extent.x1) - left) / static_cast<double>(s.nx),
               h = (a.py(s.extent.y0) - top) / static_cast<double>(s.ny);
  const auto at = [&](std::int64_t i, std::int64_t j) { return s.grid[static_cast<std::size_t>(i * s.nx + j)]; };
  for (double level : s.levels)
    for (std::int64_t i = 0; i + 1 < s.ny; ++i)
      for (std::int64_t j = 0; j + 1 < s.nx; ++j) {
        const double v[4] = {at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)};  // around the square
        if (!std::isfinite(v[0] + v[1] + v[2] + v[3])) continue;
        constexpr double kX[4] = {0, 1, 1, 0}, kY[4] = {0, 0, 1, 1};
        double x[4] = {}, y[4] = {};
        int n = 0;
        for (int e = 0; e < 4; ++e) {
          const int f = (e + 1) % 4;
          if ((v[e] > level) == (v[f] > level)) continue;
          const double t = (level - v[e]) / (v[f] - v[e]);
          x[n] = left + (static_cast<double>(j) + 0.5 + kX[e] + t * (kX[f] - kX[e])) * w;
          y[n] = top + (static_cast<double>(s.ny - i) - 0.5 - kY[e] - t * (kY[f] - kY[e])) * h;
          ++n;
        }
        const auto piece = [&](int p, int q) {
          fmt::format_to(std::back_inserter(path), "M{:.1f} {:.1f}L{:.1f} {:.1f}", x[p], y[p], x[q], y[q]);
        };
        if (n == 2) piece(0, 1);
        if (n == 4) {  // corners 0 and 2 on one side, 1 and 3 on the other
          const bool joined = (v[0] + v[1] + v[2] + v[3]) / 4 > level;
          if (joined == (v[0] > level))
            piece(0, 1), piece(2, 3);
          else
            piece(0, 3), piece(1, 2);
        }
      }
  if (!path.empty())
    fmt::format_to(std::back_inserter(to),
                   "<path d=\"{}\" fill=\"none\" {} stroke-width=\"{:.3g}\" opacity=\"{:.3g}\"/>\n", path,
                   paint("stroke", s.style.color), s.style.width, s.style.opacity);
}

void draw_arrows(std::string& to, const Series& s, const Area& a) {
  std::vector<double> lengths;
  const auto usable = [&](std::size_t i) {
    return a.usable(s.x[i], s.y[i]) && std::isfinite(s.u[i]) && std::isfinite(s.v[i]);
  };
  for (std::size_t i = 0; i < s.x.size(); ++i)
    if (usable(i)) lengths.push_back(std::hypot(s.u[i], s.v[i]));
  if (lengths.empty()) return;
  const auto at = lengths.begin() + static_cast<std::ptrdiff_t>(0.9 * static_cast<double>(lengths.size() - 1));
  std::nth_element(lengths.begin(), at, lengths.end());
  const double typical = *at > 0 ? *at : 1;
  std::string path;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    const double size = usable(i) ? std::hypot(s.u[i], s.v[i]) : 0;
    if (size == 0) continue;
    const double pixels = s.arrow.unit ? s.arrow.length : s.arrow.length * std::min(size / typical, 1.3);
    if (pixels < 0.3) continue;
    const double dx = pixels * s.u[i] / size, dy = -pixels * s.v[i] / size, head = std::min(0.38, 4 / pixels);
    const double x = a.px(s.x[i]) + dx, y = a.py(s.y[i]) + dy;
    if (!(std::abs(x) < 2e4 && std::abs(y) < 2e4)) continue;
    const auto wing = [&](double side) {
      return fmt::format("{:.1f} {:.1f}", x - head * (dx + side * 0.55 * dy), y - head * (dy - side * 0.55 * dx));
    };
    fmt::format_to(std::back_inserter(path), "M{:.1f} {:.1f}L{:.1f} {:.1f}M{}L{:.1f} {:.1f}L{}", x - dx, y - dy, x, y,
                   wing(1), x, y, wing(-1));
  }
  if (!path.empty())
    fmt::format_to(
        std::back_inserter(to),
        "<path d=\"{}\" fill=\"none\" {} stroke-width=\"{:.3g}\" stroke-linejoin=\"round\" opacity=\"{:.3g}\"/>\n",
        path, paint("stroke", s.style.color), s.style.width, s.style.opacity);
}

}  // namespace stein::smld::charts
