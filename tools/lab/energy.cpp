// SPDX-License-Identifier: MIT
// A network for the energy f, with score -grad f, beside a network for the score itself: same data, same loss, same size.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "nn/energy_mlp.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "smld/metrics.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;

const Extent kPlane{-5, 5, -4.5, 5.5};

/// (n, 2) -> the first derivative of s_2 less the second of s_1, (n).
Tensor curl(const Score& score, const Tensor& x) {
  NoGrad recording(false);
  const Tensor at = x.detach().requires_grad_();
  const Tensor s = score(at);
  const Tensor rows = stack(
      {grad(sum(narrow(s, 1, 0, 1)), at, {.retain_graph = true}), grad(sum(narrow(s, 1, 1, 1)), at)}, 1);  // (n, 2, 2)
  return narrow(narrow(rows, 1, 1, 1), 2, 0, 1).reshape({x.size(0)}) -
         narrow(narrow(rows, 1, 0, 1), 2, 1, 1).reshape({x.size(0)});
}

/// Root mean square, over pairs of points, of the difference between the two integrals of the score from one to the other along the
/// sides of their rectangle: what log p(b) - log p(a) depends on the way for.
double path_dependence(const Score& score, const Tensor& a, const Tensor& b) {
  NoGrad guard;
  const std::int64_t n = 40;  // midpoint rule; the integrand is smooth
  const auto coordinate = [](const Tensor& p, int axis) { return narrow(p, 1, axis, 1); };
  const Tensor length = b - a;
  Tensor way[2];
  for (int first = 0; first < 2; ++first)  // which coordinate changes first
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
      for (int axis = 0; axis < 2; ++axis) {
        const Tensor moving = coordinate(a, axis) + u * coordinate(length, axis);
        const Tensor still = coordinate(axis == first ? a : b, 1 - axis);
        const Tensor at = concat(axis == 0 ? Tensors{moving, still} : Tensors{still, moving}, 1);
        const Tensor part = coordinate(score(at), axis) * coordinate(length, axis) / static_cast<double>(n);
        way[first] = way[first].defined() ? way[first] + part : part;
      }
    }
  return std::sqrt(mean(square(way[0] - way[1])).item());
}

struct Model {
  std::string name, color;
  std::int64_t parameters;
  Score score;
  std::vector<double> steps, fisher, curl;
};

}  // namespace

void energy(Lab& lab) {
  const auto p = GaussianMixture::named("ellipses");
  const Tensor data = lab.put(p.sample(lab.pick(50000, 2000), lab.seed()).to(f32));
  const Tensor held_out = lab.put(p.sample(lab.pick(10000, 500), lab.seed() + 1).to(f32));
  Generator& g = lab.generator();
  const std::int64_t width = lab.pick(64, 16), steps = lab.pick(4000, 40);

  const nn::EnergyMLP f = lab.put(nn::EnergyMLP(2, {width, width}, "softplus", g));
  const nn::MLP s = lab.put(nn::MLP({2, width, width, 2}, "softplus", g));
  std::array<Model, 2> models{
      Model{"energy",
            chart_color(0),
            f.num_parameters(),
            score_of(Energy([f](const Tensor& x) { return f(x); })),
            {},
            {},
            {}},
      Model{"score", chart_color(1), s.num_parameters(), [s](const Tensor& x) { return s(x); }, {}, {}, {}}};

  // Training: the same loss, the same batches.
  const Objective implicit = objective::implicit();
  std::array<Fitted, 2> fits;
  for (std::size_t k = 0; k < 2; ++k) {
    Model& m = models[k];
    Generator own(lab.seed() + 10);
    Generator probes(lab.seed() + 11);
    FitOptions o{.steps = steps, .lr = 5e-3, .decay = 0, .growth = 1};
    std::int64_t next = 0;
    o.watch = [&](std::int64_t step) {
      if (step < next && step != steps) return;
      next = std::max<std::int64_t>(step * 5 / 4, step + lab.pick(20, 10));
      m.steps.push_back(static_cast<double>(step));
      m.fisher.push_back(fisher_divergence(m.score, p, held_out));
      m.curl.push_back(curl_ratio(m.score, held_out, probes, 4));
    };
    fits[k] = fit(lab, "the " + m.name + " network", k == 0 ? static_cast<const nn::Module&>(f) : s, o, data, 256, own,
                  [&](const Tensor& x, Generator& r) { return implicit(unconditional(m.score), x, r).value; });
  }

  const Model &e = models[0], &n = models[1];
  lab.text(
      "The data come from a mixture of three ellipses, whose density and score are known. One network is an energy "
      "f(x) with p = e<sup>−f</sup>/Z "
      "and score −∇f; the other is the score itself, two numbers for each point. Both have two hidden layers of " +
      std::to_string(width) + " softplus units (" + std::to_string(e.parameters) + " and " +
      std::to_string(n.parameters) +
      " parameters) and minimise the same loss, Hyvärinen's ½|s|² + tr ∂s/∂x with the exact trace, over " +
      std::to_string(steps) + " steps of Adam on batches of 256.");

  // The loss is the Fisher divergence up to a constant that is known here.
  const double energy_of_p = mean(sum(square(p.score(held_out)), {1})).item();
  std::vector<Row> results;
  std::array<double, 2> paths{};
  const auto pairs = held_out.size(0) / 2;
  const Tensor from = narrow(held_out, 0, 0, pairs), to = narrow(held_out, 0, pairs, pairs);
  for (std::size_t k = 0; k < 2; ++k) {
    const Model& m = models[k];
    NoGrad guard;
    const Loss held = implicit(unconditional(m.score), held_out, g);
    paths[k] = path_dependence(m.score, from, to);
    results.push_back({m.name, m.parameters, m.fisher.back(), m.curl.back(), paths[k], fits[k].ms});
    // Stein's identity makes the two sides equal in the mean; over these samples they differ by the mean of what it says is 0.
    const Tensor difference = held.per_sample.detach() + 0.5 * sum(square(p.score(held_out)), {1}) -
                              0.5 * sum(square(m.score(held_out) - p.score(held_out)), {1});
    lab.check("implicit loss + ½ E|∇log p|² of the " + m.name + " network", held.value.item() + 0.5 * energy_of_p,
              0.5 * m.fisher.back(), 4 * std::sqrt(var(difference).item() / static_cast<double>(held_out.size(0))));
  }
  const double path_truth = path_dependence([&](const Tensor& x) { return p.score(x); }, from, to);
  results.push_back({"the true score", 0, 0.0, 0.0, path_truth, ""});
  lab.check("curl ratio of the energy network", e.curl.back(), 0, 1e-6);
  lab.table("networks.csv", "After training, on held-out points",
            {"network", "parameters", "Fisher divergence E|s − ∇log p|²", "curl ratio",
             "rms difference of log p(b) − log p(a) by two ways", "ms a step"},
            results);
  lab.text(
      "<b>A score network need not be a gradient.</b> The antisymmetric part of its Jacobian holds " +
      num(n.curl.back(), 2) + " of the whole |∂s/∂x|², that of the energy network " + num(e.curl.back(), 2) +
      ". So integrating it from a to b along the two sides of a rectangle gives two answers for log p(b) − log p(a), " +
      num(paths[1], 2) + " apart (root mean square over " + std::to_string(pairs) +
      " pairs of data points); for the energy network, and for the true score, only the rounding and the 40 steps of "
      "the integral remain (" +
      num(paths[0], 2) + " and " + num(path_truth, 2) + ").");
  lab.text(
      "Which of the two comes nearer to the true score is another question: this is one run of each, and the Fisher "
      "divergences above may change places with --seed.");

  // Maps.
  const std::int64_t cells = lab.pick(96, 24);
  const Tensor grid = lab.put(grid_points(kPlane, cells, cells).to(f32));
  const double area = (kPlane.x1 - kPlane.x0) * (kPlane.y1 - kPlane.y0) / static_cast<double>(cells * cells);
  const auto map = [&](const Tensor& values) { return values.detach().to(cpu).to(f64).reshape({cells, cells}); };
  NoGrad guard;
  const Tensor log_p = map(p.log_density(grid)), truth = exp(log_p);
  const Tensor minus_f = map(-f(grid));
  const double log_z = logsumexp(minus_f.reshape({cells * cells}), {0}).item() + std::log(area);
  const double inside = sum(truth).item() * area;
  const Tensor log_q = minus_f - log_z, learned = exp(log_q);
  // Both as densities on the grid, which holds nearly all of the truth.
  const double divergence = sum(truth * (log_p - std::log(inside) - log_q)).item() * area / inside;
  const double variation = 0.5 * sum(abs(truth / inside - learned)).item() * area;
  lab.check("mass of the mixture on the grid", inside, 1, 0.01);

  lab.heading("The density");
  lab.text("Only the energy network has one: e<sup>−f</sup> divided by its sum over the grid below (" +
           std::to_string(cells) +
           "² cells). Its Kullback–Leibler divergence "
           "from the truth is " +
           num(divergence, 2) + " nats, the total variation " + num(variation, 2) + ".");
  const double top = amax(truth).item();
  Chart density({.columns = 3, .width = 360, .height = 320});
  density.panel("True density", {.label = "x₁"}, {.label = "x₂"})
      .heatmap("p", truth, kPlane, {.min = 0, .max = top})
      .equal_aspect();
  density.panel("Energy network", {.label = "x₁"}, {.label = "x₂"})
      .heatmap("exp(−f) / Z", learned, kPlane, {.min = 0, .max = top})
      .equal_aspect();
  density.panel("Difference", {.label = "x₁"}, {.label = "x₂"})
      .heatmap("learned − true", learned - truth, kPlane, {.diverging = true})
      .equal_aspect();
  lab.figure("density.svg", density, "The density that was never trained directly: learned from its gradient alone.");

  // Fields.
  lab.heading("The scores");
  const Tensor coarse = lab.put(grid_points(kPlane, 16, 16).to(f32));
  const Values levels{0.02 * top, 0.1 * top, 0.3 * top, 0.7 * top};
  Chart fields({.columns = 3, .width = 360, .height = 320});
  const auto field = [&](const std::string& title, const Tensor& v, const std::string& color) {
    fields.panel(title, {.label = "x₁"}, {.label = "x₂"})
        .contours("", truth, kPlane, levels, {.color = "#999999", .width = 1})
        .arrows("", coarse, v.detach(), {.color = color, .length = 18})
        .equal_aspect();
  };
  field("True score", p.score(coarse), "#000000");
  for (const auto& m : models) field("Score of the " + m.name + " network", m.score(coarse), m.color);
  lab.figure("fields.svg", fields, "Arrows are in proportion within a picture. Grey: lines of equal true density.");

  const auto error = [&](const Score& score) { return map(sqrt(sum(square(score(grid) - p.score(grid)), {1}))); };
  const Tensor error_f = error(e.score), error_s = error(n.score);
  const HeatStyle same{.log = true, .min = 0.01, .max = 10};
  Chart errors({.columns = 3, .width = 360, .height = 320});
  const auto heat = [&](const std::string& title, const std::string& label, const Tensor& t, const HeatStyle& style) {
    errors.panel(title, {.label = "x₁"}, {.label = "x₂"})
        .heatmap(label, t, kPlane, style)
        .contours("", truth, kPlane, {0.02 * top, 0.3 * top}, {.color = "#ffffff", .width = 1})
        .equal_aspect();
  };
  heat("Error of the energy network", "|s − ∇log p|", error_f, same);
  heat("Error of the score network", "|s − ∇log p|", error_s, same);
  const Tensor rotation = map(curl(n.score, grid)), rotation_f = map(curl(e.score, grid));
  errors.panel("Curl of the score network", {.label = "x₁"}, {.label = "x₂"})
      .heatmap("∂s₂/∂x₁ − ∂s₁/∂x₂", rotation, kPlane, {.diverging = true, .min = -1, .max = 1})
      .contours("", truth, kPlane, {0.02 * top, 0.3 * top}, {.color = "#000000", .width = 1})
      .equal_aspect();
  lab.figure("errors.svg", errors,
             "Both err where there are few data: outside the outer line the density is below 2% of its largest value. "
             "The largest curl on this grid is " +
                 num(amax(abs(rotation)).item(), 2) + " for the score network and " +
                 num(amax(abs(rotation_f)).item(), 2) + " for the energy network; colours end at 1.");

  lab.heading("On the way, and the price");
  std::vector<Row> rows;
  for (std::size_t i = 0; i < e.steps.size(); ++i)
    rows.push_back({e.steps[i], e.fisher[i], n.fisher[i], e.curl[i], n.curl[i]});
  lab.csv("course.csv", {"steps", "Fisher, energy", "Fisher, score", "curl, energy", "curl, score"}, rows);
  Chart course({.columns = 2, .width = 440, .height = 320});
  auto fisher = course.panel("Fisher divergence", {.label = "steps"}, {.label = "E|s − ∇log p|²", .log = true});
  for (const auto& m : models) fisher.line(m.name + " network", m.steps, m.fisher, {.color = m.color});
  course.panel("Curl", {.label = "steps"}, {.label = "E|A|² / E|J|²", .log = true})
      .line("score network", n.steps, n.curl, {.color = n.color});
  lab.figure("course.svg", course,
             "Measured on " + std::to_string(held_out.size(0)) +
                 " held-out points. The energy network's curl ratio stays below " +
                 num(*std::max_element(e.curl.begin(), e.curl.end()), 1) + " (rounding).");

  std::vector<Row> costs;
  for (const auto& row : std::vector<std::pair<std::string, Objective>>{
           {"denoising (σ 0.2)", objective::dsm({.noise = gaussian_noise(0.2)})},
           {"sliced, variance-reduced", objective::ssm_vr()},
           {"implicit, exact trace", implicit}}) {
    NoGrad recording(false);
    const std::string& name = row.first;
    const Objective& objective = row.second;
    double ms[2];
    for (std::size_t k = 0; k < 2; ++k)
      ms[k] = fit(lab, "timing, " + name, k == 0 ? static_cast<const nn::Module&>(f) : s,
                  {.steps = lab.pick(200, 4), .lr = 0, .decay = 0}, data, 256, g,
                  [&](const Tensor& x, Generator& r) { return objective(unconditional(models[k].score), x, r).value; })
                  .ms;
    costs.push_back({name, ms[0], ms[1], ms[0] / ms[1]});
  }
  lab.table("cost.csv", "Median milliseconds of a training step of 256 points", {"loss", "energy", "score", "ratio"},
            costs);
  lab.text("The price of the energy is one more order of differentiation: its score is a backward pass already.");
}

}  // namespace stein::tools
