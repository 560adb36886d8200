// SPDX-License-Identifier: MIT
// What makes denoising score matching work, measured: conditional = marginal + C and the bound here; the ratio estimator's bias, Stein's
// identity and Tweedie's formula in identities.cpp.
#include "tools/lab/equivalence.h"

#include <cmath>

#include "autograd/grad.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "smld/noise.h"
#include "smld/terms.h"
#include "tools/lab/fit.h"
#include "tools/lab/statistics.h"

namespace stein::tools {

using smld::GaussianMixture;
using smld::Score;

double over_plane(const GaussianMixture& q, const std::function<Tensor(const Tensor& x)>& f) {
  const auto mu = q.means().to_vector<double>(), s = q.covariances().to_vector<double>();
  double least = 1e300, most = 0, x0 = 1e300, x1 = -1e300, y0 = 1e300, y1 = -1e300;
  for (std::size_t k = 0; k < mu.size() / 2; ++k) {
    const double middle = (s[4 * k] + s[4 * k + 3]) / 2, off = std::hypot((s[4 * k] - s[4 * k + 3]) / 2, s[4 * k + 1]);
    least = std::min(least, std::sqrt(middle - off)), most = std::max(most, std::sqrt(middle + off));
    x0 = std::min(x0, mu[2 * k]), x1 = std::max(x1, mu[2 * k]);
    y0 = std::min(y0, mu[2 * k + 1]), y1 = std::max(y1, mu[2 * k + 1]);
  }
  const smld::Extent area{x0 - 10 * most, x1 + 10 * most, y0 - 10 * most, y1 + 10 * most};
  const auto nx = static_cast<std::int64_t>(std::ceil((area.x1 - area.x0) / (least / 4)));
  const auto ny = static_cast<std::int64_t>(std::ceil((area.y1 - area.y0) / (least / 4)));
  const Tensor x = smld::grid_points(area, nx, ny);
  const double cell = (area.x1 - area.x0) * (area.y1 - area.y0) / static_cast<double>(nx * ny);
  return sum(exp(q.log_density(x)) * f(x)).item() * cell;
}

Tensor squared_norm(const Tensor& v) { return sum(square(v), {1}); }

double constant_of(const GaussianMixture& p, double sigma) {
  const GaussianMixture q = p.perturbed(1, sigma);
  return 1 / (sigma * sigma) - over_plane(q, [&](const Tensor& x) { return squared_norm(q.score(x)); }) / 2;
}

Noisy perturb(const Tensor& x, double sigma, Generator& g) {
  const smld::Noise noise = smld::gaussian_noise(sigma);
  const Tensor u = noise.draw(x, g);
  return {x, x + u, noise.score(u)};
}

std::vector<double> geometric(double from, double to, std::int64_t n) {
  std::vector<double> r;
  for (std::int64_t i = 0; i < n; ++i)
    r.push_back(from * std::pow(to / from, static_cast<double>(i) / static_cast<double>(n - 1)));
  return r;
}

namespace {

/// tr Cov(x | x~), (B): Gaussian posteriors mixed by the responsibilities.
Tensor posterior_trace(const GaussianMixture& p, const Tensor& noisy, double sigma) {
  const Tensor r = p.responsibilities(noisy, sigma);
  Tensor second = zeros({noisy.size(0)}, f64), first = zeros_like(noisy);
  for (std::int64_t k = 0; k < p.components(); ++k) {
    const Tensor s = p.covariances()[k], gain = transpose(solve(s + sigma * sigma * eye(2, f64), s));
    const Tensor m = p.means()[k] + matmul(noisy - p.means()[k], transpose(gain)), weight = narrow(r, 1, k, 1);
    second = second + squeeze(weight, 1) * (squared_norm(m) + sum(diagonal(s - matmul(gain, s))));
    first = first + weight * m;
  }
  return second - squared_norm(first);
}

struct Moments {
  Tensor mean, covariance;  // (2), (2, 2)
};
Moments moments(const GaussianMixture& p) {
  const Tensor w = reshape(p.weights(), {-1, 1}), m = sum(w * p.means(), {0}), c = p.means() - m;
  return {m, sum(reshape(w, {-1, 1, 1}) * p.covariances(), {0}) + matmul(transpose(w * c), c)};
}

/// Denoising and explicit loss on the same points, (B) each.
std::pair<Tensor, Tensor> losses(const Score& s, const Noisy& data, const GaussianMixture& q) {
  return {smld::total(smld::dsm_terms(s, data.noisy, data.target)),
          smld::total(smld::explicit_terms(s, data.noisy, q.score(data.noisy)))};
}

/// Untrained.
nn::MLP network(const Lab& lab, Generator& g) {
  nn::MLP r({2, 32, 2}, "tanh", g);
  r.to(f64);
  return lab.put(r);
}

std::string sigmas(double s) { return "σ = " + num(s); }

void constant(Lab& lab, const GaussianMixture& p) {
  lab.heading("Conditional = marginal + C");
  lab.text(
      "Denoising score matching fits s to the score of the kernel, −(x~ − x)/σ<sup>2</sup>; explicit score matching "
      "fits it to "
      "the score of the smoothed density q. Vincent (2011): the two losses differ by a C that does not depend on s, "
      "C(σ) = ½E|∇log q(x~|x)|<sup>2</sup> − ½E|∇log q(x~)|<sup>2</sup> = E tr Cov(x|x~) / (2σ<sup>4</sup>) ≥ 0. For a "
      "mixture of "
      "Gaussians both forms are integrals over the plane of functions known in closed form.");
  const std::int64_t n = lab.pick<std::int64_t>(200000, 4000);
  Generator g = lab.generator().fork(1);
  const double total_variance = sum(diagonal(moments(p).covariance)).item();
  const nn::MLP net = network(lab, g);
  const auto levels = geometric(0.01, 30, lab.pick(15, 5));
  std::vector<std::vector<double>> ratio(3), error(3);
  std::vector<double> exact, measured, level_loss, points_c;
  std::vector<Row> rows;
  double worst = 0, farthest[2] = {0, 0};
  const Tensor few = lab.put(p.sample(20, g.fork(9).state().seed));  // a finite set: the empirical measure
  Work work(lab, "C(sigma)", static_cast<std::int64_t>(levels.size()));
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const double sigma = levels[i], s2 = sigma * sigma;
    const GaussianMixture q = p.perturbed(1, sigma);
    const double c = constant_of(p, sigma);
    const double posterior =
        over_plane(q, [&](const Tensor& x) { return posterior_trace(p, x, sigma); }) / (2 * s2 * s2);
    worst = std::max(worst, std::abs(posterior / c - 1));
    const Noisy data = perturb(lab.put(p.sample(n, g.fork(100 + i).state().seed)), sigma, g);
    const std::vector<Score> models{[](const Tensor& x) { return zeros_like(x); },
                                    [&](const Tensor& x) { return net(x); },
                                    [&](const Tensor& x) { return q.score(x); }};
    for (std::size_t k = 0; k < models.size(); ++k) {
      const auto [dsm, esm] = losses(models[k], data, q);
      const Mean difference = mean_of(dsm - esm);
      ratio[k].push_back(difference.value / c), error[k].push_back(difference.error / c);
      if (k == 2)
        lab.check("C from the losses, model ∇log q, " + sigmas(sigma), difference.value, c, 4 * difference.error);
      else
        farthest[k] = std::max(farthest[k], std::abs(difference.value - c) / difference.error);
      if (k == 2) measured.push_back(difference.value);
      rows.push_back({sigma,
                      k == 0   ? "0"
                      : k == 1 ? "untrained MLP"
                               : "∇log q",
                      mean_of(dsm).value, mean_of(esm).value, difference.value, difference.error, c, posterior});
    }
    exact.push_back(c), level_loss.push_back(s2 * c);
    // Twenty points: E|x - E[x|x~]|^2 / (2 sigma^4), the posterior being a softmax over them.
    const Noisy set = perturb(draw_rows(few, n, g), sigma, g);
    const Tensor d2 =
        reshape(squared_norm(set.noisy), {-1, 1}) + squared_norm(few) - 2 * matmul(set.noisy, transpose(few));
    points_c.push_back(mean(squared_norm(matmul(softmax(d2 * (-0.5 / s2)), few) - set.x)).item() / (2 * s2 * s2));
    work.update(static_cast<std::int64_t>(i) + 1);
  }
  for (std::size_t k = 0; k < 2; ++k)
    lab.check(std::string("largest |C measured − C| in standard errors, ") + (k == 0 ? "model 0" : "untrained MLP"),
              farthest[k], 0, 4.5);
  lab.check("largest relative difference of the two closed forms of C", worst, 0, 1e-7);

  const auto fine = geometric(0.01, 30, lab.pick(80, 20));
  std::vector<double> curve, curve_loss, line, line_loss, small, large;
  for (double s : fine) {
    curve.push_back(constant_of(p, s)), curve_loss.push_back(s * s * curve.back());
    line.push_back(1 / (2 * s * s * (1 + s * s))), line_loss.push_back(s * s * line.back());
    small.push_back(1 / (s * s)), large.push_back(total_variance / (2 * std::pow(s, 4)));
  }
  std::vector<double> points_loss;
  for (std::size_t i = 0; i < levels.size(); ++i) points_loss.push_back(levels[i] * levels[i] * points_c[i]);
  const std::string black = "#000000", blue = smld::chart_color(1), green = smld::chart_color(2),
                    red = smld::chart_color(3);
  smld::Chart chart({.columns = 3});
  auto a = chart.panel("C(σ)", {.label = "σ", .log = true}, {.label = "C", .log = true, .min = 1e-6, .max = 2e4});
  a.line("mixture, closed form", fine, curve, {.color = black});
  a.line("mixture, measured", levels, measured, {.color = black, .size = 3, .markers = true, .line = false});
  a.line("points on a line (k = 1)", fine, line, {.color = blue});
  a.line("20 points, measured", levels, points_c, {.color = red, .size = 4, .markers = true});
  a.line("d/(2σ²), tr Cov/(2σ⁴)", fine, small, {.color = green, .width = 1.2, .dashed = true});
  a.line("", fine, large, {.color = green, .width = 1.2, .dashed = true});
  auto b = chart.panel("σ²C(σ): the best loss of a level", {.label = "σ", .log = true},
                       {.label = "σ²C", .min = 0, .max = 1.25});
  b.line("mixture in the plane", fine, curve_loss, {.color = black});
  b.line("points on a line", fine, line_loss, {.color = blue});
  b.line("20 points, measured", levels, points_loss, {.color = red, .size = 4, .markers = true});
  auto c = chart.panel("Measured C / closed form", {.label = "σ", .log = true},
                       {.label = "ratio ± standard error", .min = 0.9, .max = 1.1});
  const char* names[] = {"model 0", "untrained MLP", "model ∇log q"};
  const std::string colors[] = {blue, red, black};
  for (std::size_t k = 0; k < 3; ++k) {
    std::vector<double> at, low, high;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      at.push_back(levels[i] * std::pow(1.12, static_cast<double>(k) - 1));
      low.push_back(ratio[k][i] - error[k][i]), high.push_back(ratio[k][i] + error[k][i]);
    }
    c.line(names[k], at, ratio[k], {.color = colors[k], .size = 3, .markers = true, .line = false});
    c.errors(at, low, high, {.color = colors[k]});
  }
  c.horizontal("", 1, {.color = green, .width = 1, .dashed = true});
  lab.figure("constant.svg", chart,
             "Left: C grows like d/(2σ<sup>2</sup>) as σ → 0 for a smooth density, like k/(2σ<sup>2</sup>) for data on "
             "a set of k "
             "dimensions, and falls like tr Cov(x)/(2σ<sup>4</sup>) for large σ. Only for finitely many points it "
             "vanishes at both ends. "
             "Middle: the same times σ<sup>2</sup>, the least value that NCSN's loss of a level can take: with smooth "
             "data no network "
             "gets below " +
                 num(level_loss.front(), 4) +
                 " at σ = 0.01. Right: C as the difference of the two losses, for three models; for a poor model and a "
                 "large σ both are many times C, and their difference is noisy.");
  lab.text("At σ = 0.01 the measured C is " + num(measured.front(), 5) + " (closed form " + num(exact.front(), 5) +
           ", d/(2σ<sup>2</sup>) = " + num(small.front(), 5) + "); at σ = 30 it is " + num(measured.back(), 4) +
           " (closed form " + num(exact.back(), 4) + ", tr Cov/(2σ<sup>4</sup>) = " + num(large.back(), 4) +
           "). It does not vanish with the noise: it diverges. For the 20 points it is " + num(points_c.front(), 2) +
           " at σ = 0.01: each noisy point says where it came from.");
  const std::vector<std::string> columns{"σ",          "model",      "denoising",         "explicit",
                                         "difference", "std. error", "C, from |∇log q|²", "C, from Cov(x|x~)"};
  lab.csv("constant.csv", columns, rows);
  std::vector<Row> some;  // every seventh level
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (i / 3 % 7 == 0) some.push_back(rows[i]);
  lab.table("constant-some.csv", "The two losses and their difference, " + std::to_string(n) + " points each", columns,
            some);
}

void bound(Lab& lab, const GaussianMixture& p) {
  lab.heading("The bound");
  const double sigma = 0.5;
  const GaussianMixture q = p.perturbed(1, sigma);
  const double c = constant_of(p, sigma);
  const std::int64_t n = lab.pick<std::int64_t>(100000, 4000);
  Generator g = lab.generator().fork(2);
  const Noisy data = perturb(lab.put(p.sample(n, g.fork(1).state().seed)), sigma, g);
  std::vector<double> esm, dsm;
  double worst = 0;
  const int models = 16;
  for (int k = 0; k < models; ++k) {
    const nn::MLP net = network(lab, g);
    const double size = 12.0 * k / (models - 1);
    const auto [a, b] = losses([&](const Tensor& x) { return size * net(x); }, data, q);
    dsm.push_back(mean(a).item()), esm.push_back(mean(b).item());
    const Mean d = mean_of(a - b);
    worst = std::max(worst, std::abs(d.value - c) / d.error);
  }
  lab.check("16 random networks: largest |DSM − ESM − C| in standard errors, σ = 0.5", worst, 0, 4.5);

  // Gradients: the same mean; what differs is noise.
  const nn::MLP net = network(lab, g);
  const Score s = [&](const Tensor& x) { return net(x); };
  std::vector<double> sizes, relative;
  for (std::int64_t m = 100; m <= n; m *= 10) {
    double squares = 0, norm = 0;
    const int repeats = lab.pick(8, 2);
    for (int r = 0; r < repeats; ++r) {
      const auto seed = g.fork(static_cast<std::uint64_t>(1000 * m + r)).state().seed;
      const Noisy batch = perturb(lab.put(p.sample(m, seed)), sigma, g);
      const auto [a, b] = losses(s, batch, q);
      const Tensors ga = grad({mean(a)}, net.parameters()), gb = grad({mean(b)}, net.parameters());
      for (std::size_t i = 0; i < ga.size(); ++i)
        squares += sum(square(ga[i] - gb[i])).item(), norm += sum(square(gb[i])).item();
    }
    sizes.push_back(static_cast<double>(m)), relative.push_back(std::sqrt(squares / norm));
  }

  // The loss of a level, sigma^2 DSM, for the exact score and for the best linear one.
  const Moments one = moments(p);
  const auto levels = geometric(0.05, 10, lab.pick(12, 4)), fine = geometric(0.05, 10, lab.pick(60, 12));
  std::vector<double> best, linear, linear_exact, floor;
  const auto linear_score = [&](double at) {
    const Tensor wide = one.covariance + at * at * eye(2, f64);
    return [wide, mean = one.mean](const Tensor& x) {
      return transpose(solve(wide.to(x.device()), transpose(mean.to(x.device()) - x)));
    };
  };
  for (double at : levels) {
    const auto seed = g.fork(static_cast<std::uint64_t>(1e6 * at)).state().seed;
    const Noisy batch = perturb(lab.put(p.sample(n, seed)), at, g);
    const GaussianMixture smooth = p.perturbed(1, at);
    const Mean a = mean_of(at * at * losses([&](const Tensor& x) { return smooth.score(x); }, batch, smooth).first);
    const Mean b = mean_of(at * at * losses(linear_score(at), batch, smooth).first);
    best.push_back(a.value), linear.push_back(b.value);
    lab.check("loss of a level with the exact score, " + sigmas(at), a.value, at * at * constant_of(p, at),
              4 * a.error);
  }
  for (double at : fine) {
    const GaussianMixture smooth = p.perturbed(1, at);
    const auto f = linear_score(at);
    floor.push_back(at * at * constant_of(p, at));
    linear_exact.push_back(floor.back() + at * at / 2 * over_plane(smooth, [&](const Tensor& x) {
                                            return squared_norm(f(x) - smooth.score(x));
                                          }));
  }
  smld::Chart chart({.columns = 3});
  const std::string blue = smld::chart_color(1), red = smld::chart_color(3);
  const double top = *std::max_element(dsm.begin(), dsm.end()) * 1.05;
  chart
      .panel("Sixteen random networks, σ = 0.5", {.label = "explicit loss", .min = 0},
             {.label = "denoising loss", .min = 0})
      .line("networks", esm, dsm, {.color = red, .size = 4, .markers = true, .line = false})
      .line("explicit + C", {0, top - c}, {c, top}, {.color = "#000000"})
      .line("explicit", {0, top}, {0, top}, {.color = "#000000", .width = 1.2, .dashed = true});
  auto b = chart.panel("Gradients of the two losses", {.label = "batch", .log = true},
                       {.label = "|difference| / |gradient|", .log = true});
  b.line("measured", sizes, relative, {.color = red, .size = 4, .markers = true});
  std::vector<double> slope;
  for (double size : sizes) slope.push_back(relative.back() * std::sqrt(sizes.back() / size));
  b.line("1/√batch", sizes, slope, {.color = "#000000", .width = 1.2, .dashed = true});
  auto a = chart.panel("Loss of a level, σ² × denoising", {.label = "σ", .log = true}, {.label = "loss", .min = 0});
  a.line("exact score: σ²C", fine, floor, {.color = "#000000"});
  a.line("measured", levels, best, {.color = "#000000", .size = 4, .markers = true, .line = false});
  a.line("best linear: σ²C + σ²/2 D", fine, linear_exact, {.color = blue});
  a.line("measured", levels, linear, {.color = blue, .size = 4, .markers = true, .line = false});
  lab.figure("bound.svg", chart,
             "Left: the denoising loss bounds the explicit one from above, by the same C = " + num(c, 4) +
                 " for every network. Middle: the two losses have the same gradient in the mean; what is left is noise "
                 "that falls like 1/√batch. "
                 "Right: the loss of a level is σ<sup>2</sup>C for the exact score, and what is above that is "
                 "σ<sup>2</sup>/2 times the "
                 "Fisher divergence D: a loss by itself does not say how good a score is.");
  std::vector<Row> rows;
  for (std::size_t k = 0; k < esm.size(); ++k) rows.push_back({esm[k], dsm[k], dsm[k] - esm[k], c});
  lab.csv("bound.csv", {"explicit", "denoising", "difference", "C"}, rows);
  lab.text("Relative difference of the gradients: " + num(relative.front()) + " with batches of " + num(sizes.front()) +
           ", " + num(relative.back()) + " with batches of " + num(sizes.back(), 6) + ".");
}

}  // namespace

void equivalence(Lab& lab) {
  const GaussianMixture p = GaussianMixture::named("ellipses");
  constant(lab, p);
  bound(lab, p);
  ratio_estimator(lab, p);
  stein_identity(lab, p);
  tweedie(lab, p);
}

}  // namespace stein::tools
