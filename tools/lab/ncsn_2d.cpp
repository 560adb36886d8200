// SPDX-License-Identifier: MIT
// NCSN on point sets in the plane: one network for all noise levels, annealed Langevin dynamics, and the exact score beside both.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <functional>

#include "nn/conditional_mlp.h"
#include "ops/ops.h"
#include "smld/data/toys.h"
#include "smld/ladder.h"
#include "smld/metrics.h"
#include "smld/objectives.h"
#include "smld/samplers.h"
#include "tensor/recording.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;

constexpr double kLargest = 4, kSmallest = 0.03;
constexpr std::int64_t kLevels = 12;
constexpr double kNear = 0.03;                        // an excess that counts as learned, for the table of steps
const std::vector<std::int64_t> kShown{0, 4, 8, 11};  // levels in the figures

struct Model {
  Model(const Lab& lab, Generator& g)
      : net(lab.put(nn::ConditionalMLP(
            {.dimension = 14, .outputs = 2, .hidden = {64, 64, 64, 64}, .condition = {.levels = kLevels, .width = 32}},
            g))),
        ladder(lab.put(geometric_ladder(kLargest, kSmallest, kLevels))) {}
  /// net(u, sines and cosines of 2u, 4u, 8u; level) / sigma, u = x / sqrt(1 + sigma^2): inputs and outputs of order 1 at every level.
  /// From u alone the error on the spirals is seven times larger after as many steps.
  Tensor operator()(const Tensor& x, const Tensor& level) const {
    const Tensor sigma = sigma_of(ladder, level, 2), u = x / sqrt(1 + square(sigma));
    Tensors in{u};
    for (const double k : {2.0, 4.0, 8.0}) in.insert(in.end(), {sin(k * u), cos(k * u)});
    return net(concat(in, 1), level) / sigma;
  }
  nn::ConditionalMLP net;
  Tensor ladder;
};

struct Toy {
  std::string name;
  Model model;
  std::vector<double> sigmas;
  LevelScore exact;  // for batches of one level
};

/// One level for all of x.
Tensor levels(const Tensor& x, std::int64_t level) {
  return full({x.size(0)}, static_cast<double>(level), i64, x.device());
}

/// Loss and excess of each level: 1/2 E |sigma s + z|^2, and 1/2 E |sigma (s - s*)|^2, what it is above the lowest possible, on
/// the same points at every call.
std::vector<std::array<double, 2>> losses(const Toy& toy, const std::vector<Tensor>& noisy,
                                          const std::vector<Tensor>& z, const std::vector<Tensor>& truth) {
  std::vector<std::array<double, 2>> out;
  for (std::size_t i = 0; i < noisy.size(); ++i) {
    const Tensor s = toy.sigmas[i] * toy.model(noisy[i], levels(noisy[i], static_cast<std::int64_t>(i)));
    out.push_back({0.5 * mean(per_sample(square(s + z[i]))).item(),
                   0.5 * mean(per_sample(square(s - toy.sigmas[i] * truth[i]))).item()});
  }
  return out;
}

struct Course {  // of training
  std::vector<double> steps;
  std::vector<std::vector<std::array<double, 2>>> at;  // [step][level]
  std::vector<double> lowest;                          // loss of the exact score on the same points
};

Course train(Lab& lab, Toy& toy, Generator g) {
  const std::int64_t batch = lab.pick<std::int64_t>(256, 64), n = lab.pick<std::int64_t>(1000, 50);
  Course course;
  std::vector<Tensor> noisy, z, truth;
  for (std::size_t i = 0; i < toy.sigmas.size(); ++i) {
    z.push_back(randn({n, 2}, g, f32, lab.device()));
    noisy.push_back(lab.put(toy_points(toy.name, n, g)) + toy.sigmas[i] * z[i]);
    truth.push_back(toy_score(toy.name, noisy[i], toy.sigmas[i]));
    course.lowest.push_back(0.5 * mean(per_sample(square(toy.sigmas[i] * truth[i] + z[i]))).item());
  }
  const Objective objective = objective::ncsn(toy.model.ladder);
  FitOptions o{.steps = lab.pick<std::int64_t>(3000, 40), .lr = 1e-2};
  o.watch = [&](std::int64_t step) {
    if (step == 0) return;
    course.steps.push_back(static_cast<double>(step));
    course.at.push_back(losses(toy, noisy, z, truth));
  };
  NoGrad record(false);
  fit(lab, toy.name + ": training", toy.model.net, o, [&] {
    const Tensor x = lab.put(toy_points(toy.name, batch, g));
    return objective([&](const Tensor& at, const Tensor& level) { return toy.model(at, level); }, x, g).value;
  });
  return course;
}

struct Sampled {
  Tensor x;
  std::vector<Tensor> after;  // the cloud at the end of each level
};

/// From N(0, sigma_1^2 I) by full steps of 0.2 sigma_i^2 at level i, then the denoiser.
Sampled sample(Lab& lab, const Toy& toy, const LevelScore& score, const std::string& label, std::int64_t n, DType dtype,
               Generator g) {
  Sampled out;
  AnnealedOptions o;
  o.steps_per_level = lab.pick<std::int64_t>(50, 3);
  double now = toy.sigmas.front();
  o.constraint = [&](const Tensor& x, double, double sigma) {
    if (sigma != now) out.after.push_back(x.clone());
    now = sigma;
    return x;
  };
  Work work(lab, label, kLevels * o.steps_per_level);
  o.progress = [&](std::int64_t done, std::int64_t) {
    work.update(done);
    return true;
  };
  out.x = annealed_langevin(score, toy.model.ladder.to(dtype), kLargest * randn({n, 2}, g, dtype, lab.device()), g, o);
  return out;
}

double extent_at(double sigma) { return 2.3 + 2.2 * sigma; }

/// Vectors (n, 2) cut to at most `longest`.
Tensor cut(const Tensor& v, double longest) {
  return v * minimum(longest / maximum(sqrt(sum(square(v), {1}, true)), 1e-6), 1.0);
}

void field_figure(Lab& lab, const Toy& toy, const Sampled& s) {
  Chart chart({.columns = static_cast<int>(kShown.size()), .width = 300, .height = 300});
  for (const auto level : kShown) {
    const double sigma = toy.sigmas[static_cast<std::size_t>(level)], e = extent_at(sigma);
    const Tensor at = lab.put(grid_points({-e, e, -e, e}, 17, 17).to(f32));
    const Tensor exact = toy.exact(at, levels(at, level)), network = toy.model(at, levels(at, level));
    const double longest = percentile(Values(sqrt(sum(square(exact), {1}))).vector(), 0.5);
    chart
        .panel(fmt::format("score, σ = {:.2g}", sigma), {.label = "x", .min = -e, .max = e},
               {.label = "y", .min = -e, .max = e})
        .arrows("exact", at, cut(exact, longest), {.color = "#000000", .width = 0.9, .length = 14})
        .arrows("network", at, cut(network, longest), {.color = chart_color(1), .width = 1.1, .length = 14})
        .equal_aspect();
  }
  for (const auto level : kShown) {
    const double sigma = toy.sigmas[static_cast<std::size_t>(level)], e = extent_at(sigma);
    chart
        .panel(fmt::format("samples, σ = {:.2g}", sigma), {.label = "x", .min = -e, .max = e},
               {.label = "y", .min = -e, .max = e})
        .scatter("", s.after[static_cast<std::size_t>(level)], {.color = chart_color(0), .opacity = 0.5, .size = 2})
        .equal_aspect();
  }
  lab.figure(toy.name + "-levels.svg", chart,
             "Top: the score at four of the " + std::to_string(kLevels) +
                 " noise levels, that of the network over the exact one. Arrows are to scale within a panel; those "
                 "longer than "
                 "the median are cut to it. Bottom: the samples at the end of that level. The window grows with σ.");
}

}  // namespace

void ncsn_2d(Lab& lab) {
  NoGrad guard;
  const std::int64_t n = lab.pick<std::int64_t>(1500, 100), pairs = lab.pick<std::int64_t>(100, 10);
  lab.text("For each of four point sets one network s(x, i) is trained for " + std::to_string(kLevels) +
           " noise levels at once, from σ = " + num(kLargest) + ", beyond the size of the data, to " + num(kSmallest) +
           ", below its detail, in geometric progression, on fresh points at every step. Langevin dynamics then starts "
           "from N(0, " +
           num(kLargest) + "<sup>2</sup> I), takes " + std::to_string(lab.pick<std::int64_t>(50, 3)) +
           " steps of size σ<sub>i</sub><sup>2</sup>/5 at each level, and ends with the denoiser. The laws are known "
           "here, and so is the "
           "exact score s* of every level: the same dynamics driven by s* tells the network's share of the error from "
           "the sampler's.");
  const Axis x_axis{.label = "x", .min = -2.5, .max = 2.5}, y_axis{.label = "y", .min = -2.5, .max = 2.5};
  Chart training({.columns = 4, .width = 300, .height = 300}), clouds({.columns = 4, .width = 300, .height = 300});
  std::vector<Row> courses, summary;
  std::vector<std::function<void()>> second_row;
  std::uint64_t k = 0;
  double worst = 0, worst_sigma = 0;
  std::string worst_name;
  std::vector<Row> speed;
  std::vector<std::string> speed_columns{"data"};
  for (const auto& name : toy_names()) {
    Generator g = lab.generator().fork(k++), initial = g.fork(0);
    Toy toy{name, Model(lab, initial), {}, {}};
    toy.sigmas = toy.model.ladder.to(f64).to_vector<double>();
    toy.exact = [&toy](const Tensor& x, const Tensor& level) {
      return toy_score(toy.name, x, toy.sigmas[static_cast<std::size_t>(level.to_vector<std::int64_t>().front())]);
    };
    const Course course = train(lab, toy, g.fork(1));
    const LevelScore learned = [&](const Tensor& x, const Tensor& level) { return toy.model(x, level); };
    const Sampled s = sample(lab, toy, learned, name + ": sampling", n, f32, g.fork(2));
    const Sampled exact = sample(lab, toy, toy.exact, name + ": sampling by the exact score", n, f64, g.fork(2));

    Generator measure = g.fork(3);
    const auto w2 = [&](const Tensor& a, const Tensor& b) { return sliced_w2(a, b, measure, 64); };
    const auto draw = [&] { return toy_points(name, n, measure, f64); };
    const double null = null_percentile(draw, w2, pairs);
    const Tensor fresh = draw();
    const double by_net = w2(s.x.to(f64), fresh), by_exact = w2(exact.x, fresh);
    summary.push_back({name, by_net, by_exact, null});
    if (!lab.quick())
      lab.check(
          name + ": sliced W<sub>2</sub> of samples by the exact score; allowed: the 99th percentile of two exact sets",
          by_exact, 0, null);

    Panel panel =
        training.panel(name, {.label = "step of training", .log = true}, {.label = "½ E|σ(s − s*)|²", .log = true});
    for (const auto level : kShown) {
      std::vector<double> y;
      for (const auto& at : course.at) y.push_back(at[static_cast<std::size_t>(level)][1]);
      panel.line(fmt::format("σ = {:.2g}", toy.sigmas[static_cast<std::size_t>(level)]), course.steps, y,
                 {.markers = true});
    }
    speed.push_back({name});
    for (const auto level : kShown) {
      std::size_t i = 0;
      while (i < course.steps.size() && course.at[i][static_cast<std::size_t>(level)][1] > kNear) ++i;
      speed.back().push_back(i < course.steps.size() ? Cell(static_cast<std::int64_t>(course.steps[i]))
                                                     : Cell("not reached"));
      if (speed.size() == 1)
        speed_columns.push_back(fmt::format("σ = {:.2g}", toy.sigmas[static_cast<std::size_t>(level)]));
    }
    std::vector<double> loss;
    for (std::size_t l = 0; l < toy.sigmas.size(); ++l) {
      for (std::size_t i = 0; i < course.steps.size(); ++i)
        courses.push_back(
            {name, course.steps[i], toy.sigmas[l], course.at[i][l][0], course.lowest[l], course.at[i][l][1]});
      loss.push_back(course.at.back()[l][0]);
      const double excess = course.at.back()[l][1];
      if (excess > worst) worst = excess, worst_sigma = toy.sigmas[l], worst_name = name;
    }
    second_row.emplace_back([&, name, sigmas = toy.sigmas, lowest = course.lowest, loss] {
      training.panel(name + ": the end", {.label = "σ", .log = true}, {.label = "loss", .min = 0, .max = 1.1})
          .line("lowest possible", sigmas, lowest, {.color = "#000000"})
          .line("network", sigmas, loss, {.color = chart_color(1), .markers = true, .line = false})
          .horizontal("d/2", 1, {.color = "#777777", .width = 1, .dashed = true});
    });
    field_figure(lab, toy, s);
    lab.csv(name + "-samples.csv", {"x", "y"}, s.x);
    clouds.panel(name + ": data", x_axis, y_axis)
        .scatter("", fresh, {.color = "#000000", .opacity = 0.5, .size = 2})
        .equal_aspect();
    second_row.emplace_back([&, name, x = s.x] {
      clouds.panel(name + ": samples", x_axis, y_axis)
          .scatter("", x, {.color = chart_color(0), .opacity = 0.5, .size = 2})
          .equal_aspect();
    });
  }
  for (const auto& draw : second_row) draw();
  lab.figure("samples.svg", clouds,
             "Top: " + std::to_string(n) + " fresh points. Bottom: as many samples of the trained networks.");
  lab.table("distances.csv",
            "Sliced Wasserstein distance to " + std::to_string(n) +
                " fresh points. Last column: what two sets of fresh points have between them, 99th percentile of " +
                std::to_string(pairs) + " pairs; below it samples cannot be told from data by this distance.",
            {"data", "samples by the network", "samples by the exact score", "two fresh sets"}, summary);
  lab.figure("training.svg", training,
             "Top: what the loss of a level is above the lowest possible, σ<sup>2</sup>/2 times the Fisher divergence, "
             "during training "
             "(moving average of the parameters). Bottom: the loss of every level at the end, on the points on which "
             "the exact score's "
             "is the black line.");
  lab.table(
      "speed.csv",
      "Steps of training, of those at which it was looked at, until the excess is first at most " + num(kNear) + ".",
      speed_columns, speed);
  lab.text("The levels do not learn at one speed: see where the curves bend. The largest excess at the end is " +
           num(worst, 2) + ", at σ = " + num(worst_sigma, 2) + " of the " + worst_name +
           ". The losses themselves say little: that of the exact score is far from 0, and near d/2 = 1 where σ is so "
           "small that the noise "
           "cannot be told from the data's own blur. Hence the comparison with the exact score.");
  lab.csv("losses.csv", {"data", "step", "sigma", "loss", "lowest", "excess"}, courses);
}

}  // namespace stein::tools
