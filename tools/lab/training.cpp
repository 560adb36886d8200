// SPDX-License-Identifier: MIT
#include "tools/lab/training.h"

#include <algorithm>
#include <chrono>

#include "autograd/grad.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "ops/ops.h"

namespace stein::tools {

Tensor draw_rows(const Tensor& data, std::int64_t count, Generator& generator) {
  const auto n = data.size(0);
  const Tensor u = floor(uniform({count}, generator, 0, static_cast<double>(n), f64));
  return index_select(data, 0, minimum(u, static_cast<double>(n - 1)).to(i64));
}

Training train_on(const Lab& lab, const std::string& label, const nn::Module& network, const Tensor& data,
                  const std::function<Tensor(const Tensor& x, Generator& generator)>& loss, Generator& generator,
                  const TrainingOptions& options) {
  const Tensors parameters = network.parameters();
  nn::Adam adam(network, {.lr = options.lr});
  const auto schedule = nn::Schedule::cosine(options.steps);
  Work work(lab, label, options.steps);
  std::vector<double> times;
  Training result;
  const std::int64_t last = std::max<std::int64_t>(1, options.steps / 10);
  for (std::int64_t step = 0; step < options.steps; ++step) {
    if (options.watch) options.watch(step);
    const auto start = std::chrono::steady_clock::now();
    adam.set_lr_factor(schedule(step));
    const Tensor value = loss(draw_rows(data, options.batch, generator), generator);
    adam.step(grad({value}, parameters));
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    if (step >= options.steps - last) result.loss += value.item() / static_cast<double>(last);
    work.update(step + 1);
  }
  if (options.watch) options.watch(options.steps);
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  if (!times.empty()) result.ms = times[times.size() / 2];
  return result;
}

}  // namespace stein::tools
