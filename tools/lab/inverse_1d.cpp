// SPDX-License-Identifier: MIT
// Inverse-transform sampling: x = F^-1(u), u uniform.
#include <cmath>

#include "tools/lab/lab.h"

namespace stein::tools {

void inverse_1d(Lab& lab) {
  const std::int64_t n = lab.pick<std::int64_t>(100000, 2000);
  std::vector<double> x = smld::Values(uniform({n}, lab.generator(), 0, 1, f64)).vector();
  double mean = 0;
  for (double& v : x) mean += (v = -std::log1p(-v)) / static_cast<double>(n);
  lab.text("The exponential law has F(x) = 1 − e<sup>−x</sup>, so x = −ln(1 − u). The mean of " + std::to_string(n) +
           " draws is " + num(mean, 4) + ".");
  lab.check("mean of the exponential law", mean, 1, 4 / std::sqrt(static_cast<double>(n)));
  smld::Chart chart({.columns = 1, .width = 560});
  chart.panel("Exponential law", {.label = "x"}, {.label = "density"})
      .histogram("draws", x, 40, 0, 6, {.opacity = 0.5});
  lab.figure("exponential.svg", chart, "Histogram of the draws.");
  lab.table("moments.csv", "Moments", {"n", "mean"}, {{n, mean}});
}

}  // namespace stein::tools
