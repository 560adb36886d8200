// SPDX-License-Identifier: MIT
// What several experiments share: training a small network, and distances between two exact sets to compare with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/module.h"
#include "tools/lab/lab.h"

namespace stein::tools {

struct FitOptions {
  std::int64_t steps = 5000;
  double lr = 2e-3;      ///< of Adam; falls to 0 along half a cosine
  double decay = 0.999;  ///< of the moving average of the parameters, warmed up
  /// Called before the first step and after steps 1, 2, 3, 5, 7, 10, 15, ... and the last, with the averages in the network.
  std::function<void(std::int64_t step)> watch{};
};

/// Minimises loss(), a recorded scalar, which draws its own batch; in the end the network holds the averages. A progress bar `label`;
/// throws smld::Interrupted, and Error for a loss that is not finite.
void fit(Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& options,
         const std::function<Tensor()>& loss);

/// The smallest of `values` that at least the share `q` of them do not exceed. Throws Error for none.
double percentile(std::vector<double> values, double q);

/// The 99th percentile of distance(a, b) over `pairs` pairs of sets from draw().
double null_percentile(const std::function<Tensor()>& draw,
                       const std::function<double(const Tensor&, const Tensor&)>& distance, std::int64_t pairs);

}  // namespace stein::tools
