// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace stein::smld {

struct Curve {
  std::string label, color;
  std::vector<double> x, y;
  double width = 1.5;
};

/// An SVG line chart with a logarithmic y axis, gridlines and a legend; points that are not finite or not above 0 are left
/// out.
std::string line_chart(const std::string& title, const std::string& x_label, const std::string& y_label,
                       const std::vector<Curve>& curves);

}  // namespace stein::smld
