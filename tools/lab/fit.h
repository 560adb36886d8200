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
  double decay = 0.999;  ///< of the moving average of the parameters, warmed up; 0: no average
  /// Called before the first step, after the last, and in between after steps that grow by the factor `growth`: with 1.45 after 1, 2, 3, 5,
  /// 7, 10, 15, ..., with 1 after each. The averages are in the network then.
  std::function<void(std::int64_t step)> watch{};
  double growth = 1.45;
};

struct Fitted {
  double ms = 0;    ///< median time of a step: batch, loss, gradient and update
  double loss = 0;  ///< mean over the last tenth of the steps
};

/// Minimises loss(), a recorded scalar, which draws its own batch; in the end the network holds the averages. A progress bar `label`;
/// throws smld::Interrupted, and Error for a loss that is not finite.
Fitted fit(const Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& options,
           const std::function<Tensor()>& loss);

/// The same for a loss of rows of data (n, d), `batch` of them drawn with replacement for each step.
Fitted fit(const Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& options,
           const Tensor& data, std::int64_t batch, Generator& generator,
           const std::function<Tensor(const Tensor& x, Generator& generator)>& loss);

/// `count` rows of data, drawn with replacement, where data are.
Tensor draw_rows(const Tensor& data, std::int64_t count, Generator& generator);

/// The smallest of `values` that at least the share `q` of them do not exceed. Throws Error for none.
double percentile(std::vector<double> values, double q);

/// The 99th percentile of distance(a, b) over `pairs` pairs of sets from draw().
double null_percentile(const std::function<Tensor()>& draw,
                       const std::function<double(const Tensor&, const Tensor&)>& distance, std::int64_t pairs);

}  // namespace stein::tools
