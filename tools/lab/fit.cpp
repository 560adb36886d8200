// SPDX-License-Identifier: MIT
#include "tools/lab/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "nn/ema.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::tools {

void fit(Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& o,
         const std::function<Tensor()>& loss) {
  nn::Adam adam(net, {.lr = o.lr});
  nn::Ema ema(net, o.decay, true);
  const auto schedule = nn::Schedule::cosine(o.steps);
  const Tensors parameters = net.parameters();
  std::int64_t next = 0;
  const auto watch = [&](std::int64_t step) {
    if (!o.watch || (step < next && step != o.steps)) return;
    next = std::max(step + 1, static_cast<std::int64_t>(std::llround(static_cast<double>(step) * 1.45)));
    NoGrad guard;
    const auto averaged = ema.swapped();
    o.watch(step);
  };
  watch(0);
  Work work(lab, label, o.steps);
  double running = 0;
  for (std::int64_t step = 0; step < o.steps; ++step) {
    const Tensor value = loss();
    const double v = value.item();
    if (!std::isfinite(v)) fail("lab", "a finite loss in " + label, std::to_string(v));
    running += (v - running) / static_cast<double>(std::min<std::int64_t>(step + 1, 100));
    adam.set_lr_factor(schedule(step));
    adam.step(grad(Tensors{value}, parameters));
    ema.update();
    watch(step + 1);
    if (step % 20 == 19 || step + 1 == o.steps) work.update(step + 1, fmt::format("loss {:.4f}", running));
  }
  ema.swap();
}

double percentile(std::vector<double> values, double q) {
  if (values.empty()) fail("percentile", "at least one value", "none");
  const auto n = static_cast<double>(values.size());
  const auto at = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(std::ceil(q * n)) - 1, 0,
                                             static_cast<std::ptrdiff_t>(values.size()) - 1);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

double null_percentile(const std::function<Tensor()>& draw,
                       const std::function<double(const Tensor&, const Tensor&)>& distance, std::int64_t pairs) {
  std::vector<double> d;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const Tensor a = draw(), b = draw();
    d.push_back(distance(a, b));
  }
  return percentile(d, 0.99);
}

}  // namespace stein::tools
