// SPDX-License-Identifier: MIT
// One network, one mixture, every way to the trace: how far from the true score after equal steps and after equal time.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "autograd/grad.h"
#include "nn/mlp.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/metrics.h"
#include "tools/lab/fit.h"
#include "tools/lab/trace_methods.h"

namespace stein::tools {

using namespace smld;

namespace {

using Clock = std::chrono::steady_clock;

// Three Gaussians in d dimensions, deviations 0.7 to 1.2 along random axes, means of length about 2.
GaussianMixture bumps(std::int64_t d, Generator g) {
  const Tensor q = qr(randn({3, d, d}, g, f64)).first;
  const Tensor variances = square(uniform({3, 1, d}, g, 0.7, 1.2, f64));
  const Tensor means = randn({3, d}, g, f64) * (2 / std::sqrt(static_cast<double>(d)));
  return {from_vector(std::vector<double>{0.5, 0.3, 0.2}, {3}), means, matmul(q * variances, transpose(q))};
}

struct Path {
  std::string name;
  std::vector<double> steps, seconds, divergence;  // of training alone, measured now and then

  // The last measurement not later than `at` in `axis`.
  double reached(const std::vector<double>& axis, double at) const {
    std::size_t i = 0;
    while (i + 1 < axis.size() && axis[i + 1] <= at * 1.0001) ++i;
    return divergence[i];
  }
};

struct Plan {
  std::int64_t steps, batch, hidden, measure;
};

// Trains for at least plan.steps steps and `seconds` seconds.
Path train(Lab& lab, const TraceWay& way, const GaussianMixture& p, const Plan& plan, double seconds) {
  Generator g = lab.generator().fork(77);  // the same weights and data for every way
  const auto d = p.dimension();
  const nn::MLP net = lab.put(nn::MLP({d, plan.hidden, plan.hidden, d}, "softplus", g));
  nn::Adam adam(net, {.lr = 2e-3});
  const LevelScore model = [net](const Tensor& x, const Tensor&) { return net(x); };
  const Tensor data = lab.put(p.sample(400 * plan.batch, lab.seed() + 5).to(f32)),
               test = lab.put(p.sample(lab.pick(4000, 200), lab.seed() + 6).to(f32));
  Path path{way.name, {}, {}, {}};
  double trained = 0;
  // Step counts of the measurements: every `measure` steps up to the common end, then rarely.
  for (std::int64_t step = 0;; ++step) {
    if (step % plan.measure == 0) {
      path.steps.push_back(static_cast<double>(step));
      path.seconds.push_back(trained);
      path.divergence.push_back(fisher_divergence([&](const Tensor& x) { return net(x); }, p, test));
      lab.check_interrupt();
      if (step >= plan.steps && trained >= seconds) break;
    }
    const auto start = Clock::now();
    const Tensor x = draw_rows(data, plan.batch, g);
    adam.step(grad({way.objective(model, x, g).value}, net.parameters()));
    lab.wait();
    trained += std::chrono::duration<double>(Clock::now() - start).count();
  }
  return path;
}

}  // namespace

void trace_training(Lab& lab) {
  const Plan plan{lab.pick(1500, 20), lab.pick(128, 16), lab.pick(128, 16), lab.pick(50, 10)};
  lab.heading("Training");
  Chart chart({.columns = 2, .width = 470, .height = 380});
  std::vector<Row> rows, curves;
  const std::vector<std::int64_t> dims = lab.quick() ? std::vector<std::int64_t>{2} : std::vector<std::int64_t>{2, 32};
  const std::vector<std::size_t> chosen{0, 1, 3, 4, 6, 9};
  Work work(lab, "training", static_cast<std::int64_t>(dims.size() * (chosen.size() + 1)));
  std::int64_t done = 0;
  for (const auto d : dims) {
    const GaussianMixture p = d == 2 ? GaussianMixture::named("ellipses") : bumps(d, lab.generator().fork(5));
    std::vector<TraceWay> ways;
    for (const auto w : chosen) ways.push_back(trace_ways(d)[w]);
    ways.push_back({"DSM, σ = 0.1", objective::dsm({.noise = gaussian_noise(0.1)}), true});
    std::vector<Path> paths;
    for (const auto& way : ways) {
      paths.push_back(train(lab, way, p, plan, paths.empty() ? 0 : paths[0].seconds.back()));
      work.update(++done, "d " + std::to_string(d) + ", " + way.name);
    }
    auto by_step = chart.panel("d = " + std::to_string(d) + ": by steps",
                               {.label = "training steps", .min = 0, .max = static_cast<double>(plan.steps)},
                               {.label = "E |s − ∇ log p|²", .log = true});
    const double limit = paths[0].seconds.back();
    auto by_time =
        chart.panel("d = " + std::to_string(d) + ": by time", {.label = "seconds of training", .min = 0, .max = limit},
                    {.label = "E |s − ∇ log p|²", .log = true});
    for (const auto& path : paths) {
      const Style style{.width = &path == &paths[0] ? 3.0 : 1.6};
      by_step.line(path.name, path.steps, path.divergence, style);
      by_time.line(path.name, path.seconds, path.divergence, style);
      rows.push_back({d, path.name, path.reached(path.steps, static_cast<double>(plan.steps)),
                      path.reached(path.seconds, limit), 1e3 * path.seconds.back() / path.steps.back()});
      for (std::size_t i = 0; i < path.steps.size(); ++i)
        curves.push_back({d, path.name, path.steps[i], path.seconds[i], path.divergence[i]});
    }
  }
  lab.text("The same network (two hidden layers of " + std::to_string(plan.hidden) +
           ") from the same weights on the same " + std::to_string(400 * plan.batch) +
           " samples of a mixture, whose true score is known: the Fisher divergence is measured, not the loss. "
           "Equal time is what the planned exact trace takes for its " +
           std::to_string(plan.steps) +
           " steps. DSM learns the score of the data smoothed by its noise, so it ends at a distance that σ sets, and "
           "its gradient scatters as 1/σ².");
  lab.figure(
      "training.svg", chart,
      "Fisher divergence from the true score while training, by steps (left) and by time (right). Lower is better.");
  lab.table("training.csv", "Fisher divergence reached.",
            {"d", "method", "after " + std::to_string(plan.steps) + " steps", "after equal time", "ms a step"}, rows);
  lab.csv("curves.csv", {"d", "method", "step", "seconds", "Fisher divergence"}, curves);
}

void trace_experiment(Lab& lab) {
  lab.text(
      "Implicit score matching needs tr ∂s/∂x of every sample and its gradient in the weights. The experiment measures "
      "every way to it: exact by the loop "
      "that people write, by batches of products, and by the planner's order of contraction; estimates by random "
      "probes; finite differences. Softplus "
      "networks of width " +
      std::to_string(lab.pick(128, 16)) + ", f32, batches of " + std::to_string(lab.pick(64, 8)) + ".");
  trace_costs(lab);
  trace_training(lab);
}

}  // namespace stein::tools
