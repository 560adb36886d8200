// SPDX-License-Identifier: MIT
// Training as the experiments need it: a small network, points in memory, Adam with a learning rate that falls to 0.
#pragma once

#include <functional>
#include <string>

#include "nn/module.h"
#include "tools/lab/lab.h"

namespace stein::tools {

struct TrainingOptions {
  std::int64_t steps = 2000, batch = 256;
  double lr = 5e-3;
  /// Before update number `step`, and once after the last.
  std::function<void(std::int64_t step)> watch{};
};

struct Training {
  double ms = 0;    ///< median time of a step: batch, loss, gradient and update
  double loss = 0;  ///< mean over the last tenth of the steps
};

/// Minimises loss(rows of data (n, d) drawn with replacement) over the network's parameters. Throws Interrupted on Ctrl-C.
Training train_on(const Lab& lab, const std::string& label, const nn::Module& network, const Tensor& data,
                  const std::function<Tensor(const Tensor& x, Generator& generator)>& loss, Generator& generator,
                  const TrainingOptions& options = {});

/// `count` rows of data, drawn with replacement.
Tensor draw_rows(const Tensor& data, std::int64_t count, Generator& generator);

}  // namespace stein::tools
