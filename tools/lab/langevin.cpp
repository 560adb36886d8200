// SPDX-License-Identifier: MIT
// Langevin dynamics driven by an exact score: steps, the two conventions, the bias of the step size, MALA.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/samplers.h"
#include "tools/lab/lab.h"

namespace stein::tools {
namespace {

using Column = std::vector<double>;
using smld::LangevinStep;

const smld::Extent kPlane{-4, 4, -4, 4.5};

smld::SamplerHooks stoppable(const Lab& lab) {
  return {.progress = [&lab](std::int64_t, std::int64_t) { return lab.go_on(); }};
}

double variance_of(const Tensor& x) {
  const auto v = smld::Values(x).vector();
  double mean = 0, square = 0;
  for (double a : v) mean += a / static_cast<double>(v.size());
  for (double a : v) square += (a - mean) * (a - mean) / static_cast<double>(v.size() - 1);
  return square;
}

// The cloud after more and more steps, and the share of each mode.
void draw_steps(Lab& lab, const smld::GaussianMixture& p, const smld::Score& score) {
  const std::int64_t n = lab.pick<std::int64_t>(4000, 300);
  const double tau = 0.02;
  const std::vector<std::int64_t> shown{0, 10, 100, lab.pick<std::int64_t>(2000, 300)};
  Generator g = lab.generator().fork(1);
  Tensor x =
      normal({n, 2}, g, 0, 0.3, f64, lab.device()) + lab.put(from_vector(std::vector<double>{-2.8, 3.2}, {1, 2}));
  const Tensor density = reshape(exp(p.log_density(smld::grid_points(kPlane, 90, 90))), {90, 90});
  smld::Chart clouds({.columns = 4, .width = 290, .height = 340});
  Column at;
  std::vector<Column> weights(static_cast<std::size_t>(p.components()));
  Work work(lab, "steps", shown.back());
  std::int64_t done = 0, next = 1;
  const auto measure = [&] {
    const auto w = smld::mode_weights(x, p).to_vector<double>();
    at.push_back(static_cast<double>(std::max<std::int64_t>(done, 1)));
    for (std::size_t k = 0; k < w.size(); ++k) weights[k].push_back(w[k]);
  };
  for (std::int64_t stop : shown) {
    while (done < stop) {
      const std::int64_t to = std::min(stop, next);
      x = smld::langevin(score, x, tau, to - done, g);
      done = to;
      if (done == next) {
        measure();
        next = std::max(next + 1, next * 5 / 4);
      }
      work.update(done);
    }
    clouds
        .panel(fmt::format("{} steps", stop), {.label = "x₁", .min = kPlane.x0, .max = kPlane.x1},
               {.label = "x₂", .min = kPlane.y0, .max = kPlane.y1})
        .contours("density", density, kPlane, {0.005, 0.02, 0.06, 0.12},
                  {.color = "#000000", .width = 0.9, .opacity = 0.7})
        .scatter("samples", x, {.opacity = 0.35, .size = 2.2})
        .equal_aspect();
  }
  measure();
  lab.heading("Steps");
  lab.text(
      fmt::format("{} chains start in a small cloud outside the mixture and make full steps x ← x + τ s(x) + √(2τ) z, "
                  "τ = {}, with the exact score "
                  "s. After a few steps they lie in the nearest mode; the shares of the modes come right only later, "
                  "when chains have wandered "
                  "through the density between the modes.",
                  n, num(tau)));
  lab.figure("clouds.svg", clouds, "The cloud of chains after more and more steps, on contours of the density.");

  smld::Chart chart({.columns = 1, .width = 620, .height = 360});
  auto panel = chart.panel("Share of the samples in each mode", {.label = "steps", .log = true},
                           {.label = "share", .max = 1.03});
  const auto truth = p.weights().to_vector<double>();
  for (std::size_t k = 0; k < weights.size(); ++k) {
    panel.line(fmt::format("mode {}", k + 1), at, weights[k], {.color = smld::chart_color(k), .markers = true});
    panel.horizontal(k == 0 ? "truth" : "", truth[k], {.color = smld::chart_color(k), .width = 1, .dashed = true});
    // Independent chains: four standard deviations of a share; the shares' own bias from the step is far below.
    if (!lab.quick())
      lab.check(fmt::format("share of mode {} after {} steps", k + 1, done), weights[k].back(), truth[k],
                4 * std::sqrt(truth[k] * (1 - truth[k]) / static_cast<double>(n)));
  }
  lab.figure("shares.svg", chart,
             "Measured shares (responsibilities summed over the samples); dashed the mixture's weights.");
  std::vector<Row> rows;
  for (std::size_t i = 0; i < at.size(); ++i) {
    rows.push_back({static_cast<std::int64_t>(at[i])});
    for (const auto& w : weights) rows.back().push_back(w[i]);
  }
  lab.csv("shares.csv", {"steps", "mode 1", "mode 2", "mode 3"}, rows);
}

// N(0, 1): the stationary variance of both conventions and of MALA against the step size.
void draw_bias(Lab& lab) {
  const std::int64_t n = lab.pick<std::int64_t>(40000, 4000);
  const smld::Score score = [](const Tensor& x) { return -x; };
  const auto log_density = [](const Tensor& x) { return sum(square(x), {1}) * -0.5; };
  const std::vector<double> taus =
      lab.pick<Column>({0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8}, {0.2, 0.8, 1.4});
  Column full, half, mala, acceptance, low, high;
  std::vector<Row> rows;
  Generator g = lab.generator().fork(2);
  const double error = std::sqrt(2 / static_cast<double>(n));  // relative, of a variance
  double worst = 0;
  Work work(lab, "step sizes", static_cast<std::int64_t>(taus.size()));
  for (std::size_t i = 0; i < taus.size(); ++i) {
    const double tau = taus[i];
    const auto start = [&] { return normal({n, 1}, g, 0, 0.5, f64, lab.device()); };
    // So many steps that what is left of the start's variance is a ten-thousandth; the half step contracts by 1 - tau/2.
    const auto steps = [](double contraction) {
      return static_cast<std::int64_t>(
          std::ceil(std::log(1e-4) / (2 * std::log(std::max(std::abs(contraction), 0.05)))));
    };
    full.push_back(
        variance_of(smld::langevin(score, start(), tau, steps(1 - tau), g, LangevinStep::full, stoppable(lab))));
    half.push_back(
        variance_of(smld::langevin(score, start(), tau, steps(1 - tau / 2), g, LangevinStep::half, stoppable(lab))));
    const auto m =
        smld::mala(log_density, score, start(), tau, 2 * steps(1 - std::min(tau, 0.5)) + 40, g, stoppable(lab));
    mala.push_back(variance_of(m.x));
    acceptance.push_back(m.acceptance);
    const double truth = 1 / (1 - tau / 2), half_truth = 1 / (1 - tau / 4);
    worst = std::max({worst, std::abs(full[i] / truth - 1) / error, std::abs(half[i] / half_truth - 1) / error});
    rows.push_back({tau, full[i], truth, half[i], half_truth, mala[i], 1.0, acceptance[i]});
    work.update(static_cast<std::int64_t>(i) + 1);
  }
  const Column at = linspace(0.01, 1.9, 200, f64).to_vector<double>();
  Column full_curve, half_curve;
  for (double tau : at) {
    full_curve.push_back(1 / (1 - tau / 2));
    half_curve.push_back(1 / (1 - tau / 4));
  }
  lab.heading("Step size: the discretisation's bias, and two conventions");
  lab.text(
      "A step of finite size does not keep the density. On N(0, S) the full step x ← x + τ s + √(2τ) z is a linear "
      "recursion whose stationary "
      "variance is S / (1 − τ/(2S)): too wide, and without bound at τ = 2S. The half step x ← x + (τ/2) s + √τ z is "
      "the same thing with half "
      "the τ, so its variance is S / (1 − τ/(4S)): who takes a step size from a paper must know which of the two it "
      "belongs to. MALA takes the "
      "full step as a proposal and accepts it with the probability that keeps the density: no bias at any step, paid "
      "with rejections.");
  smld::Chart chart({.columns = 2, .width = 540, .height = 390});
  chart.panel("Stationary variance on N(0, 1)", {.label = "step size τ"}, {.label = "variance", .min = 0.7, .max = 6})
      .line("full step", taus, full, {.color = "#d55e00", .size = 3.5, .markers = true, .line = false})
      .line("1/(1 − τ/2)", at, full_curve, {.color = "#d55e00", .width = 1.2})
      .line("half step", taus, half, {.color = "#0072b2", .size = 3.5, .markers = true, .line = false})
      .line("1/(1 − τ/4)", at, half_curve, {.color = "#0072b2", .width = 1.2})
      .line("MALA", taus, mala, {.color = "#009e73", .size = 3.5, .markers = true, .line = false})
      .horizontal("truth", 1, {.color = "#009e73", .width = 1.2});
  chart
      .panel("MALA pays with rejections", {.label = "step size τ"},
             {.label = "share of proposals accepted", .min = 0, .max = 1.03})
      .line("", taus, acceptance, {.color = "#009e73", .markers = true});
  lab.figure("bias.svg", chart, "Left: measured variances (marks) on the theory's curves. Right: MALA's acceptance.");
  lab.text(
      fmt::format("Over all steps, the measured variances of both conventions lie within {} standard errors of the "
                  "formulas; at τ = {} the full step's is {}, "
                  "the formula says {}; MALA's is {} with {} % of the proposals accepted.",
                  num(worst, 2), num(taus.back()), num(full.back(), 4), num(1 / (1 - taus.back() / 2), 4),
                  num(mala.back(), 4), num(100 * acceptance.back(), 3)));
  for (std::size_t i = 0; i < taus.size(); i += taus.size() - 1) {
    const double tau = taus[i];
    lab.check(fmt::format("variance on N(0, 1), full step, τ = {}", tau), full[i], 1 / (1 - tau / 2),
              4.5 * error / (1 - tau / 2));
    lab.check(fmt::format("variance on N(0, 1), half step, τ = {}", tau), half[i], 1 / (1 - tau / 4),
              4.5 * error / (1 - tau / 4));
    lab.check(fmt::format("variance on N(0, 1), MALA, τ = {}", tau), mala[i], 1, 4.5 * error);
  }
  lab.table("bias.csv", fmt::format("Variance of {} chains on N(0, 1).", n),
            {"τ", "full step", "1/(1 − τ/2)", "half step", "1/(1 − τ/4)", "MALA", "truth", "accepted"}, rows);
}

// The same on the mixture, where no formula is known: distances to it.
void draw_mixture_bias(Lab& lab, const smld::GaussianMixture& p, const smld::MixtureScore& exact) {
  const std::int64_t n = lab.pick<std::int64_t>(4000, 300);
  const Column taus = lab.pick<Column>({0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.35}, {0.05, 0.2});
  const smld::Score score = exact.score_at();
  const auto log_density = [&](const Tensor& x) { return exact.log_density(x, smld::kernel(1, 0, f64)); };
  const Tensor reference = p.sample(n, lab.generator().fork(30).state().seed);
  Generator g = lab.generator().fork(3);
  const double h = smld::median_distance(reference, g) / 4;
  const auto w2 = [&](const Tensor& x) {
    Generator directions = lab.generator().fork(31);
    return smld::sliced_w2(x, reference, directions);
  };
  // Between sets of exact draws: what no sampler can beat.
  Column null_w2, null_mmd;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Tensor other = p.sample(n, lab.generator().fork(100 + i).state().seed);
    null_w2.push_back(w2(other));
    null_mmd.push_back(std::abs(smld::mmd2(other, p, h)));
  }
  std::sort(null_w2.begin(), null_w2.end());
  std::sort(null_mmd.begin(), null_mmd.end());
  Column w2s[2], mmds[2];
  std::vector<Row> rows;
  Work work(lab, "mixture", static_cast<std::int64_t>(taus.size()));
  for (std::size_t i = 0; i < taus.size(); ++i) {
    const auto steps = static_cast<std::int64_t>(std::ceil(lab.pick(6.0, 2.0) / taus[i]));
    const Tensor start = lab.put(p.sample(n, lab.generator().fork(200 + i).state().seed));
    const Tensor ula = smld::langevin(score, start, taus[i], steps, g, LangevinStep::full, stoppable(lab));
    const auto m = smld::mala(log_density, score, start, taus[i], steps, g, stoppable(lab));
    Row row{taus[i], steps};
    for (int k = 0; k < 2; ++k) {
      const Tensor& x = k == 0 ? ula : m.x;
      w2s[k].push_back(w2(x));
      mmds[k].push_back(std::abs(smld::mmd2(x, p, h)));
      row.push_back(w2s[k].back());
      row.push_back(mmds[k].back());
    }
    row.push_back(m.acceptance);
    rows.push_back(row);
    work.update(static_cast<std::int64_t>(i) + 1);
  }
  lab.heading("The same on the mixture");
  lab.text(
      fmt::format("All chains start with exact draws of the mixture, so that only the discretisation's bias moves them "
                  "away; then two distances to it are "
                  "taken. Grey: the range of 20 sets of {} exact draws, below which nothing can be told.",
                  n));
  smld::Chart chart({.columns = 2, .width = 540, .height = 390});
  for (int which = 0; which < 2; ++which) {
    const auto& null = which == 0 ? null_w2 : null_mmd;
    auto panel = chart.panel(which == 0 ? "Sliced Wasserstein distance" : "Maximum mean discrepancy",
                             {.label = "step size τ", .log = true},
                             {.label = which == 0 ? "sliced W₂ to exact draws" : "|MMD²| to the mixture", .log = true});
    panel.band("exact draws", {taus.front(), taus.back()}, {null.front(), null.front()}, {null.back(), null.back()},
               {.color = "#888888"});
    panel.line("full step", taus, which == 0 ? w2s[0] : mmds[0], {.color = "#d55e00", .markers = true});
    panel.line("MALA", taus, which == 0 ? w2s[1] : mmds[1], {.color = "#009e73", .markers = true});
  }
  lab.figure("mixture_bias.svg", chart,
             "The full step's distance grows with τ; MALA's stays with that of exact draws.");
  lab.text(fmt::format(
      "At τ = {} the full step's sliced W<sub>2</sub> is {}, MALA's {}; the largest among exact draws is {}.",
      num(taus.back()), num(w2s[0].back()), num(w2s[1].back()), num(null_w2.back())));
  // MALA started in the stationary law draws from it at each step: as far as exact draws, 1.5 for being one set of many.
  lab.check(fmt::format("sliced W2, MALA, τ = {}: within 1.5 of the largest of exact draws", taus.back()),
            w2s[1].back(), 0, 1.5 * null_w2.back());
  lab.table("mixture_bias.csv", "",
            {"τ", "steps", "sliced W2, full step", "|MMD²|, full step", "sliced W2, MALA", "|MMD²|, MALA",
             "accepted by MALA"},
            rows);
}

// Mean of -sign(x) T(x), T the time until the diffusion dx = s dt + sqrt(2) dw from x first is at 0, for p = 1/2 N(-m, 1) + 1/2 N(m, 1) and x from
// N(-m, 1): T(x) = int_x^0 dy P(y) / p(y) on the left, P the distribution function (mean first passage, Gardiner, section 5.2.7).
double crossing_time(double m) {
  const double step = 1e-3;
  const auto phi = [](double v) { return std::exp(-0.5 * v * v) / std::sqrt(2 * std::numbers::pi); };
  const auto cdf = [](double v) { return 0.5 * std::erfc(-v / std::numbers::sqrt2); };
  double mean = 0, to_zero = 0;
  for (double y = -step / 2; y > -m - 8; y -= step) {
    const double slope = (cdf(y + m) + cdf(y - m)) / (phi(y + m) + phi(y - m));
    mean += (to_zero + slope * step / 2) * (phi(y + m) - phi(y - m)) * step;
    to_zero += slope * step;
  }
  return mean;
}

// Two modes N(-m, 1), N(m, 1): chains that start in one, and how long until they know of the other.
void draw_crossing(Lab& lab) {
  const std::int64_t n = lab.pick<std::int64_t>(8000, 200);
  const double tau = 0.1;
  smld::Chart chart({.columns = 1, .width = 620, .height = 360});
  auto panel = chart.panel("Chains that crossed to the other mode", {.label = "time τ × steps", .log = true},
                           {.label = "share", .min = 0, .max = 0.6});
  std::vector<Row> rows;
  std::uint64_t stream = 50;
  for (double m : lab.pick<Column>({1.5, 2, 2.5, 3}, {1.5, 2})) {
    const smld::GaussianMixture p(ones({2}, f64), from_vector(std::vector<double>{-m, m}, {2, 1}),
                                  ones({2, 1, 1}, f64));
    const smld::Score score = smld::MixtureScore(p).score_at();
    const double theory = crossing_time(m);
    const auto steps = static_cast<std::int64_t>(6 * theory / tau);  // all but exp(-6) have met the middle
    Generator g = lab.generator().fork(stream++);
    Tensor x = normal({n, 1}, g, -m, 1, f64, lab.device());
    Column time, share;
    double mean = 0;  // integral of 1 - 2 share over time
    Work work(lab, fmt::format("modes at ±{}", m), steps);
    for (std::int64_t done = 1, next = 1; done <= steps; ++done) {
      double right = 0;
      for (double v : x.to_vector<double>()) right += v > 0 ? 1 / static_cast<double>(n) : 0;
      mean += tau * (1 - 2 * right);
      x = smld::langevin(score, x, tau, 1, g);
      if (done == next || done == steps) {
        time.push_back(tau * static_cast<double>(done));
        share.push_back(right);
        next = std::max(next + 1, next * 8 / 7);
      }
      work.update(done);
    }
    panel.line(fmt::format("modes at ±{}", m), time, share);
    rows.push_back({m, mean, theory, mean / theory});
    // A chain's sign flips at rate 1 / (2 T), so the integral over 6 T has a deviation below 3.5 T / sqrt(n); and a tenth for the step's bias.
    lab.check(fmt::format("mean time until the middle is reached, modes at ±{}", m), mean, theory,
              theory * (0.1 + 4 * 3.5 / std::sqrt(static_cast<double>(n))));
  }
  panel.horizontal("truth", 0.5, {.color = "#000000", .width = 1, .dashed = true});
  lab.heading("Where Langevin dynamics fails");
  lab.text(fmt::format(
      "Between two modes lies a region of low density, which chains cross rarely: the time until the "
      "shares come right grows exponentially with the square of the "
      "distance (here it is {} for modes at ±{}, {} for ±{}), although the score is exact. This is what "
      "annealing through noise levels mends: see the "
      "experiments low-density and ncsn-2d.",
      num(rows.front()[1].value), num(rows.front()[0].value), num(rows.back()[1].value), num(rows.back()[0].value)));
  lab.figure(
      "crossing.svg", chart,
      fmt::format("All {} chains start in the left mode of two equal ones, unit variance, τ = {}.", n, num(tau)));
  lab.table("crossing.csv",
            fmt::format("Mean time until a chain first reaches the middle: measured at τ = {} as the integral of 1 − 2 "
                        "× share, and the "
                        "diffusion's mean first-passage time ∫ P/p by quadrature, the limit τ → 0.",
                        num(tau)),
            {"modes at ±", "measured", "theory", "ratio"}, rows);
}

}  // namespace

void langevin(Lab& lab) {
  const auto p = smld::GaussianMixture::named("ellipses");
  const smld::MixtureScore exact(p);
  lab.text(
      "Langevin dynamics draws from a density p of which only the score s = ∇ log p is known. Here p is a mixture of "
      "three Gaussians in the plane, whose "
      "score is known exactly: what goes wrong is the sampler's fault, not a network's.");
  draw_steps(lab, p, exact.score_at());
  draw_bias(lab);
  draw_mixture_bias(lab, p, exact);
  draw_crossing(lab);
}

}  // namespace stein::tools
