// SPDX-License-Identifier: MIT
#include "tools/lab/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "autograd/grad.h"
#include "nn/ema.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::tools {

Fitted fit(const Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& o,
           const std::function<Tensor()>& loss) {
  using Clock = std::chrono::steady_clock;
  nn::Adam adam(net, {.lr = o.lr});
  std::optional<nn::Ema> ema;
  if (o.decay > 0) ema.emplace(net, o.decay, true);
  const auto schedule = nn::Schedule::cosine(o.steps);
  const Tensors parameters = net.parameters();
  std::int64_t next = 0;
  const auto watch = [&](std::int64_t step) {
    if (!o.watch || (step < next && step != o.steps)) return;
    next = std::max(step + 1, static_cast<std::int64_t>(std::llround(static_cast<double>(step) * o.growth)));
    NoGrad guard;
    if (ema) ema->swap();
    o.watch(step);
    if (ema) ema->swap();
  };
  watch(0);
  Work work(lab, label, o.steps);
  Fitted result;
  double running = 0;
  std::vector<double> times;
  const std::int64_t last = std::max<std::int64_t>(1, o.steps / 10);
  for (std::int64_t step = 0; step < o.steps; ++step) {
    const auto start = Clock::now();
    const Tensor value = loss();
    const double v = value.item();
    if (!std::isfinite(v)) fail("lab", "a finite loss in " + label, std::to_string(v));
    running += (v - running) / static_cast<double>(std::min<std::int64_t>(step + 1, 100));
    adam.set_lr_factor(schedule(step));
    const Tensors gradients = grad(Tensors{value}, parameters);
    ema ? adam.step(gradients, *ema) : adam.step(gradients);
    lab.wait();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    if (step >= o.steps - last) result.loss += v / static_cast<double>(last);
    watch(step + 1);
    work.update(step + 1, fmt::format("loss {:.4f}", running));
  }
  if (ema) ema->swap();
  result.ms = times.empty() ? 0 : percentile(times, 0.5);
  return result;
}

Fitted fit(const Lab& lab, const std::string& label, const nn::Module& net, const FitOptions& o, const Tensor& data,
           std::int64_t batch, Generator& generator,
           const std::function<Tensor(const Tensor& x, Generator& generator)>& loss) {
  return fit(lab, label, net, o, [&] { return loss(draw_rows(data, batch, generator), generator); });
}

Tensor draw_rows(const Tensor& data, std::int64_t count, Generator& generator) {
  return index_select(data, 0, integers(0, data.size(0), {count}, generator).to(data.device()));
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
