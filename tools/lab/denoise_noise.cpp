// SPDX-License-Identifier: MIT
// Denoising score matching with Gaussian, Laplace and mixture noise, and what happens to the loss and to its gradient as the noise shrinks.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/grad.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;

const std::array<const char*, 3> kLaws{"Gaussian", "Laplace", "mixture"};

/// Four Gaussians on a cross in the plane, together of variance sigma^2 in each direction.
GaussianMixture cross(double sigma) {
  const double c = 1.2 * sigma, v = sigma * sigma - c * c / 2;
  const Tensor means = from_vector<double>({c, 0, -c, 0, 0, c, 0, -c}, {4, 2});
  return GaussianMixture(full({4}, 0.25, f64), means, v * eye(2, f64).expand({4, 2, 2}));
}

/// Law k with standard deviation sigma in each direction.
Noise law(std::size_t k, double sigma) {
  return k == 0 ? gaussian_noise(sigma) : k == 1 ? laplace_noise(sigma / std::sqrt(2.0)) : mixture_noise(cross(sigma));
}

/// The exact score of p smoothed by law k.
Tensor smoothed_score(const GaussianMixture& p, std::size_t k, double sigma, const Tensor& x) {
  return k == 0   ? p.score(x, sigma)
         : k == 1 ? laplace_score(p, x, sigma / std::sqrt(2.0))
                  : convolve(p, cross(sigma)).score(x);
}

double mean_of(const Tensor& t) { return mean(t.detach().to(f64)).item(); }
double deviation(const Tensor& t) { return stein::std(t.detach().to(f64)).item(); }

std::vector<double> scales(double largest, double smallest, int count) {
  std::vector<double> s;
  for (int i = 0; i < count; ++i) s.push_back(largest * std::pow(smallest / largest, i / (count - 1.0)));
  return s;
}

/// The least loss and its spread from sample to sample, at the exact score of smoothed Gaussian data.
void least_loss(Lab& lab) {
  const GaussianMixture p(ones({1}, f64), zeros({1, 2}, f64), from_vector<double>({1, 0, 0, 0.25}, {1, 2, 2}));
  const std::int64_t n = lab.pick(100000, 4000);
  const auto sigmas = scales(10, 0.001, lab.pick(17, 5));
  std::array<std::vector<double>, 3> means, deviations, mean_theory, deviation_theory, scaled_means, scaled_deviations;
  std::vector<Row> rows;
  for (std::size_t k = 0; k < 3; ++k) {
    // Of the target t itself at sigma = 1; it goes as 1 / sigma.
    const Noise unit = law(k, 1);
    const Tensor t = unit.score(unit.draw(zeros({n, 2}, f64, lab.device()), lab.generator()));
    const Tensor half = 0.5 * sum(square(t), {1});
    const double unit_mean = k == 1 ? 2.0 : k == 0 ? 1.0 : mean_of(half);
    const double unit_deviation = k == 0 ? 1.0 : deviation(half);
    for (const double sigma : sigmas) {
      const Noise noise = law(k, sigma);
      const Tensor x = lab.put(p.sample(n, lab.seed() + 30));
      const Tensor u = noise.draw(x, lab.generator());
      const Tensor loss =
          total(dsm_terms([&](const Tensor& y) { return smoothed_score(p, k, sigma, y); }, x + u, noise.score(u)));
      const double s2 = sigma * sigma, m = mean_of(loss), sd = deviation(loss);
      double theory_m = unit_mean / s2, theory_sd = unit_deviation / s2;
      if (k == 0) {
        // s - t is normal with variance S / (sigma^2 (S + sigma^2)) in each direction.
        const double v1 = 1 / (s2 * (1 + s2)), v2 = 0.25 / (s2 * (0.25 + s2));
        theory_m = 0.5 * (v1 + v2);
        theory_sd = std::sqrt(0.5 * (v1 * v1 + v2 * v2));
        if (rows.size() % 4 == 0)
          lab.check("least loss, Gaussian noise, σ = " + num(sigma), m, theory_m,
                    4 * theory_sd / std::sqrt(static_cast<double>(n)));
      }
      // |t|^2 is the constant d / b^2: what is left is s . t, of variance E|s|^2 / b^2, and E|s|^2 = 1 + 4.
      if (k == 1) theory_sd = std::sqrt(5.0) * std::sqrt(2.0) / sigma;
      means[k].push_back(m), deviations[k].push_back(sd);
      mean_theory[k].push_back(theory_m), deviation_theory[k].push_back(theory_sd);
      scaled_means[k].push_back(s2 * m), scaled_deviations[k].push_back(s2 * sd);
      rows.push_back({kLaws[k], sigma, m, theory_m, sd, theory_sd, s2 * m, s2 * sd});
    }
  }
  lab.csv("least_loss.csv",
          {"noise", "sigma", "loss", "theory", "deviation", "theory of deviation", "scaled loss", "scaled deviation"},
          rows);

  Chart chart({.columns = 3, .width = 370, .height = 340});
  const Axis axis{.label = "σ, standard deviation of the noise", .log = true};
  auto a = chart.panel("Least plain loss", axis, {.label = "mean of ½|s − t|²", .log = true, .min = 1e-5});
  auto b = chart.panel("Its spread", axis, {.label = "standard deviation a sample", .log = true, .min = 1e-5});
  auto c = chart.panel("Times σ²", axis, {.label = "σ² · mean", .log = true, .min = 1e-3});
  for (std::size_t k = 0; k < 3; ++k) {
    const Style dots{.color = chart_color(k), .markers = true, .line = false};
    const Style theory{.color = chart_color(k), .width = 1.2, .dashed = true};
    a.line(kLaws[k], sigmas, means[k], dots).line("", sigmas, mean_theory[k], theory);
    b.line(kLaws[k], sigmas, deviations[k], dots).line("", sigmas, deviation_theory[k], theory);
    c.line(kLaws[k], sigmas, scaled_means[k], {.color = chart_color(k), .markers = true});
  }
  lab.heading("The loss blows up, the score does not");
  lab.text(
      "Denoising compares the score s(x + u) with t = ∇log q(u), q the law of the noise u. Here the data are N(0, "
      "diag(1, ¼)) and s is the exact score of the "
      "smoothed data, so that no s does better: what is left is the constant C(σ) of Vincent's identity. With Gaussian "
      "noise t = −z/σ, and loss and spread "
      "are known: ½ ΣS/(σ²(S+σ²)) and, with V = S/(σ²(S+σ²)), √(½ ΣV²). Both grow as 1/σ².");
  lab.figure("least_loss.svg", chart,
             "Dots: " + std::to_string(n) +
                 " samples each. Dashed: the formulas for Gaussian noise; for the others the leading term for small σ, "
                 "which is ½E|t|² on the left.");
  const std::size_t last = sigmas.size() - 1;
  lab.text("At σ = " + num(sigmas[last]) + " the least loss is " + num(means[0][last]) + " ± " +
           num(deviations[0][last]) + " a sample with Gaussian noise (theory " + num(mean_theory[0][last]) + " ± " +
           num(deviation_theory[0][last]) +
           "). With Laplace noise |t|² = d/b² is the same for every draw: the loss is "
           "larger, " +
           num(means[1][last]) + ", but its spread, " + num(deviations[1][last]) + ", grows only as 1/σ.");
  lab.text("Times σ², the loss stays near d/2 = 1 for Gaussian noise: " + num(scaled_means[0][last]) +
           " at σ = " + num(sigmas[last]) + ". If all " + std::to_string(sigmas.size()) +
           " levels of the picture were averaged, the smallest σ would make up " +
           num(
               100 * means[0][last] /
                   [&] {
                     double s = 0;
                     for (const double m : means[0]) s += m;
                     return s;
                   }(),
               3) +
           "% of the plain loss and " +
           num(
               100 * scaled_means[0][last] /
                   [&] {
                     double s = 0;
                     for (const double m : scaled_means[0]) s += m;
                     return s;
                   }(),
               3) +
           "% of the scaled one. That is what the scaling is for.");
}

/// E |ds/dtheta|_F^2 of a network at data points.
double parameter_sensitivity(const nn::MLP& net, const Tensor& x) {
  double total = 0;
  for (std::int64_t i = 0; i < x.size(0); ++i)
    for (std::int64_t out = 0; out < 2; ++out)
      for (const auto& g : grad({sum(narrow(net(narrow(x, 0, i, 1)), 1, out, 1))}, net.parameters()))
        total += sum(square(g)).item();
  return total / static_cast<double>(x.size(0));
}

struct Spread {
  double signal, noise;  // |E g| as far as it can be told, and sqrt(tr Cov g), g the gradient of a batch
};

Spread spread_of(Lab& lab, const nn::MLP& net, const Objective& objective, const Tensor& data, std::int64_t batch,
                 std::int64_t batches) {
  const LevelScore model = unconditional([&](const Tensor& x) { return net(x); });
  Generator draws(lab.seed() + 60);  // the same draws for every objective, so that what is equal is seen to be equal
  std::vector<Tensor> all;
  for (std::int64_t i = 0; i < batches; ++i) {
    lab.check_interrupt();
    Tensors flat;
    for (const auto& g : grad({objective(model, draw_rows(data, batch, draws), draws).value}, net.parameters()))
      flat.push_back(g.reshape({g.numel()}).to(f64));
    all.push_back(concat(flat));
  }
  const Tensor g = stack(all);
  return {norm(mean(g, {0})).item(), std::sqrt(sum(var(g, {0})).item())};
}

void gradient_noise(Lab& lab) {
  const auto p = GaussianMixture::named("ring");
  const Tensor data = lab.put(p.sample(lab.pick(20000, 1000), lab.seed()).to(f32));
  const nn::MLP net = lab.put(nn::MLP({2, 32, 32, 2}, "silu", lab.generator()));
  const std::int64_t batch = 128, batches = lab.pick(150, 8);
  const auto sigmas = scales(1, 0.001, lab.pick(7, 3));
  const double sensitivity = parameter_sensitivity(net, narrow(data, 0, 0, lab.pick(200, 20)));

  const std::vector<std::string> names{
      "Gaussian", "Laplace", "mixture", "Gaussian, scaled", "Gaussian, antithetic", "sliced (SSM-VR)"};
  std::vector<std::vector<double>> noise(names.size()), relative(names.size()), theory(3);
  std::vector<Row> rows;
  for (const double sigma : sigmas) {
    const std::vector<Objective> objectives{
        objective::dsm({.noise = law(0, sigma)}), objective::dsm({.noise = law(1, sigma)}),
        objective::dsm({.noise = law(2, sigma)}), objective::dsm({.noise = law(0, sigma), .scaled = true}),
        objective::antithetic_dsm(sigma),         objective::ssm_vr()};
    std::vector<Spread> spreads;
    for (const auto& o : objectives) spreads.push_back(spread_of(lab, net, o, data, batch, batches));
    // The antithetic loss has the gradient of the plain one in the mean, and little noise.
    const double signal = spreads[4].signal;
    for (std::size_t k = 0; k < names.size(); ++k) {
      noise[k].push_back(spreads[k].noise);
      relative[k].push_back(spreads[k].noise / (k == 3 ? sigma * sigma * signal : k == 5 ? spreads[5].signal : signal));
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const Tensor t = law(k, 1).score(law(k, 1).draw(zeros({20000, 2}, f64, lab.device()), lab.generator()));
      theory[k].push_back(std::sqrt(mean_of(square(t)) * sensitivity / static_cast<double>(batch)) / sigma);
    }
    Row row{sigma};
    for (std::size_t k = 0; k < names.size(); ++k) row.push_back(noise[k].back());
    row.push_back(theory[0].back());
    for (std::size_t k = 0; k < names.size(); ++k) row.push_back(relative[k].back());
    rows.push_back(row);
  }
  lab.check("√tr Cov of the gradient, Gaussian noise, σ = " + num(sigmas.back()) + ": leading term", noise[0].back(),
            theory[0].back(), lab.pick(0.15, 0.6) * theory[0].back());
  lab.csv("gradient_noise.csv",
          {"sigma", "Gaussian", "Laplace", "mixture", "scaled", "antithetic", "SSM-VR", "leading term, Gaussian",
           "relative: Gaussian", "relative: Laplace", "relative: mixture", "relative: scaled", "relative: antithetic",
           "relative: SSM-VR"},
          rows);

  Chart chart({.columns = 2, .width = 500, .height = 380});
  const Axis axis{.label = "σ, standard deviation of the noise", .log = true};
  auto a = chart.panel("Noise of the gradient", axis, {.label = "√tr Cov of a batch's gradient", .log = true});
  auto b = chart.panel("Relative to the gradient itself", axis, {.label = "√tr Cov / |E g|", .log = true});
  for (std::size_t k = 0; k < names.size(); ++k) {
    a.line(names[k], sigmas, noise[k], {.color = chart_color(k), .markers = true, .line = k >= 3});
    if (k < 3) a.line("", sigmas, theory[k], {.color = chart_color(k), .width = 1.2, .dashed = true});
    b.line(names[k], sigmas, relative[k], {.color = chart_color(k), .markers = true, .dashed = k == 3});
  }
  lab.heading("The gradient is what training sees");
  lab.text(
      "The same for the gradient in the parameters of a fresh network (2-32-32-2, SiLU) on the ring of eight modes: " +
      std::to_string(batches) + " batches of " + std::to_string(batch) +
      ". As σ → 0 the gradient is dominated by −t · ∂s/∂θ, whose variance is E|t|²/d · E|∂s/∂θ|² / B: 1/σ² again.");
  lab.figure("gradient_noise.svg", chart,
             "Left: dots measured, dashed the leading term from E|∂s/∂θ|² = " + num(sensitivity) +
                 " of this network. Right: divided by the length of the mean gradient, that of the "
                 "antithetic loss, which has the same mean; SSM-VR by its own.");
  lab.text("At σ = " + num(sigmas.back()) + " the noise of a batch is " + num(relative[0].back()) +
           " times the gradient with the plain loss and " + num(relative[3].back()) +
           " times with the scaled one. <b>Scaling makes the numbers small, not the estimate better</b>: one factor σ² "
           "stands before signal and noise. "
           "Drawing z and −z together cancels the leading term (" +
           num(relative[4].back()) + " times); as σ → 0 this becomes sliced score matching with v = z (" +
           num(relative[5].back()) + ").");
}

/// What a fixed number of steps reaches.
void training(Lab& lab) {
  const auto p = GaussianMixture::named("ring");
  const Tensor data = lab.put(p.sample(lab.pick(50000, 1000), lab.seed()).to(f32));
  const std::int64_t held = lab.pick(5000, 300), steps = lab.pick(1200, 10);
  const auto sigmas = scales(0.5, 0.005, lab.pick(5, 2));
  const std::vector<std::string> names{"plain", "scaled", "antithetic"};
  std::vector<std::vector<double>> reached(names.size());
  std::vector<double> size;
  std::vector<Row> rows;
  for (const double sigma : sigmas) {
    const std::vector<Objective> objectives{objective::dsm({.noise = gaussian_noise(sigma)}),
                                            objective::dsm({.noise = gaussian_noise(sigma), .scaled = true}),
                                            objective::antithetic_dsm(sigma)};
    Generator noise(lab.seed() + 40);
    const Tensor at =
        lab.put(p.sample(held, lab.seed() + 1).to(f32)) + sigma * randn({held, 2}, noise, f32, lab.device());
    size.push_back(mean(sum(square(p.score(at, sigma)), {1})).item());
    Row row{sigma};
    for (std::size_t k = 0; k < names.size(); ++k) {
      Generator g(lab.seed() + 41);
      const nn::MLP net = lab.put(nn::MLP({2, 64, 64, 2}, "silu", g));
      const Score score = [&](const Tensor& x) { return net(x); };
      fit(lab, names[k] + ", σ = " + std::to_string(sigma).substr(0, 5), net, {.steps = steps, .lr = 5e-3, .decay = 0},
          data, 256, g, [&](const Tensor& x, Generator& r) { return objectives[k](unconditional(score), x, r).value; });
      reached[k].push_back(fisher_divergence(score, p, at, sigma));
      row.push_back(reached[k].back());
    }
    row.push_back(size.back());
    rows.push_back(row);
  }
  Chart chart({.columns = 1, .width = 560, .height = 380});
  auto panel = chart.panel("Distance from the smoothed score after " + std::to_string(steps) + " steps",
                           {.label = "σ", .log = true}, {.label = "E|s − ∇log p_σ|²", .log = true});
  for (std::size_t k = 0; k < names.size(); ++k)
    panel.line(names[k], sigmas, reached[k],
               {.color = chart_color(k == 0 ? 0 : k + 2), .markers = true, .dashed = k == 1});
  panel.line("of s = 0", sigmas, size, {.color = "#000000", .width = 1, .dashed = true});
  lab.heading("What training reaches");
  lab.text("Networks 2-64-64-2, the same start and batches, Adam with learning rate 0.005 falling to 0.");
  lab.figure("training.svg", chart,
             "Gaussian noise. Each point is a network trained for that σ alone and compared with the exact score of "
             "the data smoothed by it.");
  lab.table("training.csv", "Fisher divergence from the smoothed mixture",
            {"σ", "plain", "scaled", "antithetic", "of s = 0"}, rows);
  lab.text("Adam divides each gradient by its own size, so plain and scaled losses train alike. At σ = " +
           num(sigmas.back()) + " they end at " + num(reached[0].back()) + " and " + num(reached[1].back()) +
           ", the antithetic loss at " + num(reached[2].back()) + ".");
}

/// Each noise leads to the score of its own smoothed density.
void three_laws(Lab& lab) {
  const double sigma = 0.7, h = std::sqrt(3.0);
  const GaussianMixture p(ones({3}, f64), from_vector<double>({0, 2, -h, -1, h, -1}, {3, 2}),
                          0.04 * eye(2, f64).expand({3, 2, 2}));
  const Tensor data = lab.put(p.sample(lab.pick(50000, 1000), lab.seed()).to(f32));
  const std::int64_t held = lab.pick(5000, 300), cells = lab.pick(80, 20);
  const Extent plane{-4, 4, -3.5, 4.5};
  const Tensor fine = grid_points(plane, cells, cells), coarse = lab.put(grid_points(plane, 15, 15).to(f32));
  Chart chart({.columns = 3, .width = 340, .height = 330});
  for (std::size_t k = 0; k < 3; ++k) {
    const Tensor u = law(k, sigma).draw(zeros({1500, 2}, f32, lab.device()), lab.generator());
    chart
        .panel((k == 2 ? "Mixture" : kLaws[k]) + std::string(" noise"), {.label = "u₁", .min = -2.6, .max = 2.6},
               {.label = "u₂", .min = -2.6, .max = 2.6})
        .scatter("", u, {.color = chart_color(k), .opacity = 0.5, .size = 2})
        .equal_aspect();
  }
  std::vector<Row> rows;
  std::vector<double> own, others;
  for (std::size_t k = 0; k < 3; ++k) {
    const Noise noise = law(k, sigma);
    Generator g(lab.seed() + 50);
    const nn::MLP net = lab.put(nn::MLP({2, 96, 96, 2}, "silu", g));
    const Score score = [&](const Tensor& x) { return net(x); };
    const Objective objective = objective::dsm({.noise = noise});
    fit(lab, std::string(kLaws[k]) + " noise", net, {.steps = lab.pick(3000, 10), .lr = 5e-3, .decay = 0}, data, 512, g,
        [&](const Tensor& x, Generator& r) { return objective(unconditional(score), x, r).value; });
    const Tensor clean = lab.put(p.sample(held, lab.seed() + 1).to(f32)),
                 at = clean + noise.draw(clean, lab.generator());
    NoGrad guard;
    const Tensor s = score(at);
    Row row{kLaws[k]};
    double best_other = INFINITY;
    for (std::size_t j = 0; j < 3; ++j) {
      const double d = mean(sum(square(s - smoothed_score(p, j, sigma, at)), {1})).item();
      row.push_back(d);
      if (j == k)
        own.push_back(d);
      else
        best_other = std::min(best_other, d);
    }
    others.push_back(best_other);
    rows.push_back(row);
    const Tensor log_density = k == 0   ? p.log_density(fine, sigma)
                               : k == 1 ? laplace_log_density(p, fine, sigma / std::sqrt(2.0))
                                        : convolve(p, cross(sigma)).log_density(fine);
    chart.panel("Data smoothed by it", {.label = "x₁"}, {.label = "x₂"})
        .heatmap("density", exp(log_density).reshape({cells, cells}), plane, {.min = 0})
        .arrows("", coarse, score(coarse), {.color = "#ffffff", .width = 0.9, .length = 15})
        .equal_aspect();
  }
  lab.heading("Other noises");
  lab.text(
      "Any noise will do whose law q has a score: denoising learns the score of the data smoothed by q. Three laws "
      "with the same standard deviation " +
      num(sigma) + " in each direction; the exact scores of all three smoothed mixtures are known.");
  lab.figure("laws.svg", chart,
             "Above: draws of the noise. Below: the exact density of three narrow modes (variance 0.04) smoothed by "
             "it, and the scores that "
             "networks (2-96-96-2) learned by denoising.");
  lab.table("laws.csv",
            "E|s − truth|² of each network, against each of the three exact scores, at points with its own noise",
            {"trained with", "Gaussian", "Laplace", "mixture"}, rows);
  std::string text = "Distance to the truth of its own noise, and to the nearer of the other two: ";
  for (std::size_t k = 0; k < 3; ++k)
    text += (k ? "; " : "") + std::string(kLaws[k]) + " " + num(own[k], 2) + " and " + num(others[k], 2);
  lab.text(text + ".");
  if (!lab.quick())
    for (std::size_t k = 0; k < 3; ++k)
      lab.check(std::string("E|s − truth|² of the network trained with ") + kLaws[k] + " noise", own[k], 0,
                others[k] / 4);
}

}  // namespace

void denoise_noise(Lab& lab) {
  lab.text(
      "Denoising score matching replaces the trace by noise: the network sees x + u and is to give ∇log q(u). What the "
      "law q and its size do to the loss, to its gradient and to what is learned.");
  least_loss(lab);
  gradient_noise(lab);
  training(lab);
  three_laws(lab);
}

}  // namespace stein::tools
