// SPDX-License-Identifier: MIT
// The gradient penalty E|ds/dx|^2: what it does to the network's Lipschitz constant, to the score and to samples.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/grad.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/objectives.h"
#include "smld/samplers.h"
#include "tensor/recording.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;

/// (n, 2, 2): rows of ds/dx.
Tensor jacobian(const Score& score, const Tensor& x) {
  NoGrad recording(false);
  const Tensor at = x.detach().requires_grad_();
  const Tensor s = score(at);
  const Tensor first = grad(sum(narrow(s, 1, 0, 1)), at, {.retain_graph = true});
  return stack({first, grad(sum(narrow(s, 1, 1, 1)), at)}, 1).detach().to(f64);
}

struct Size {
  double lipschitz, frobenius;  // largest spectral norm, mean of |J|_F^2
};

/// The spectral norm of a 2 x 2 matrix: sigma^2 = (F + sqrt(F^2 - 4 det^2)) / 2, F = |J|_F^2.
Size size_of(const Tensor& j) {
  const auto n = j.size(0);
  const Tensor flat = j.reshape({n, 4});
  const Tensor a = narrow(flat, 1, 0, 1), b = narrow(flat, 1, 1, 1), c = narrow(flat, 1, 2, 1),
               d = narrow(flat, 1, 3, 1);
  const Tensor f = sum(square(flat), {1}, true), det = a * d - b * c;
  const Tensor largest = 0.5 * (f + sqrt(maximum(square(f) - 4.0 * square(det), 0.0)));
  return {std::sqrt(amax(largest).item()), mean(f).item()};
}

struct Run {
  double weight, sigma;  // sigma = sqrt(2 weight): the noise that the weight stands for
  Score score;
  double ms;
  Size size, smoothed;        // of the network, and of the exact score of p * N(0, sigma^2 I)
  double probe, probe_error;  // |J^T v|^2, one probe a point: mean and standard error
  double to_p, to_smoothed;   // Fisher divergences
  Tensor samples;
  double w2, mmd;
};

std::string plain_number(double v) {  // for charts, which know no markup
  std::string s = std::to_string(v);
  while (s.back() == '0') s.pop_back();
  if (s.back() == '.') s.pop_back();
  return s;
}

/// The slopes that a linear score learns on N(0, diag(1, 1/4)), beside 1 / (S + 2 weight).
void linear_case(Lab& lab) {
  const Tensor data =
      randn({lab.pick(100000, 20000), 2}, lab.generator(), f32, lab.device()) * lab.put(tensor({1.0, 0.5}, f32));
  const Tensor moments = mean(square(data.to(f64)), {0});  // of this sample
  std::vector<Row> rows;
  for (const double weight : {0.0, 0.125, 0.5}) {
    const nn::Linear net = lab.put(nn::Linear(2, 2, true, lab.generator()));
    const Objective objective = weighted_sum({{1, objective::implicit()}, {weight, objective::gradient_penalty()}});
    const Score score = [&](const Tensor& x) { return net(x); };
    fit(lab, "linear score", net, {.steps = lab.pick(1500, 500), .lr = lab.pick(2e-2, 5e-2), .decay = 0}, data, 512,
        lab.generator(), [&](const Tensor& x, Generator& g) { return objective(unconditional(score), x, g).value; });
    for (int i = 0; i < 2; ++i) {
      const double slope = -net.weight[i][i].item(), variance = moments[i].item();
      rows.push_back({weight, i == 0 ? 1.0 : 0.25, slope, 1 / (variance + 2 * weight)});
      lab.check("slope at S = " + num(i == 0 ? 1 : 0.25) + ", λ = " + num(weight), slope, 1 / (variance + 2 * weight),
                0.02 / (variance + 2 * weight));
    }
  }
  lab.table("linear.csv", "Slope −∂s/∂x of a linear score on N(0, S), trained with the penalty",
            {"λ", "S", "slope", "1 / (S + 2λ)"}, rows);
}

Score train(Lab& lab, double weight, bool exact, const Tensor& data, double& ms) {
  Generator g(lab.seed() + 20);  // the same start and the same batches for every weight
  const std::int64_t width = lab.pick(96, 16);
  const nn::MLP net = lab.put(nn::MLP({2, width, width, 2}, "silu", g));
  const Score score = [net](const Tensor& x) { return net(x); };
  const Objective penalty =
      exact ? objective::gradient_penalty() : objective::gradient_penalty({.law = ProbeLaw::rademacher});
  const Objective objective =
      weight == 0 ? objective::implicit() : weighted_sum({{1, objective::implicit()}, {weight, penalty}});
  ms = fit(lab, "λ = " + plain_number(weight) + (exact ? "" : ", one probe"), net,
           {.steps = lab.pick(2500, 30), .lr = 5e-3, .decay = 0}, data, 256, g,
           [&](const Tensor& x, Generator& r) { return objective(unconditional(score), x, r).value; })
           .ms;
  return score;
}

void draw_samples(Lab& lab, const GaussianMixture& p, const std::vector<Run>& runs, const Tensor& truth) {
  const Extent plane{-3.2, 3.2, -3.2, 3.2};
  const std::int64_t cells = 80;
  const Tensor density = exp(p.log_density(grid_points(plane, cells, cells))).reshape({cells, cells});
  const double top = amax(density).item();
  Chart clouds({.columns = 3, .width = 310, .height = 310});
  const auto cloud = [&](const std::string& title, const Tensor& x, const std::string& color) {
    clouds
        .panel(title, {.label = "x₁", .min = plane.x0, .max = plane.x1},
               {.label = "x₂", .min = plane.y0, .max = plane.y1})
        .scatter("", narrow(x, 0, 0, std::min<std::int64_t>(1000, x.size(0))),
                 {.color = color, .opacity = 0.5, .size = 2})
        .contours("", density, plane, {0.1 * top}, {.color = "#000000", .width = 0.8})
        .equal_aspect();
  };
  cloud("The data", truth, "#666666");
  for (std::size_t k = 0; k < runs.size(); ++k)
    cloud("λ = " + plain_number(runs[k].weight), runs[k].samples, chart_color(k));
  lab.figure("samples.svg", clouds,
             "Langevin samples of each score, started at data points. Black: where the data's density is a tenth of "
             "its largest value.");
}

}  // namespace

void penalty(Lab& lab) {
  const auto p = GaussianMixture::named("ring");
  const auto draw = [&](std::int64_t count, std::uint64_t offset) {
    return lab.put(p.sample(count, lab.seed() + offset).to(f32));
  };
  const Tensor data = draw(lab.pick(50000, 2000), 0), held_out = draw(lab.pick(10000, 500), 1);
  const std::int64_t chains = lab.pick(2000, 100), steps = lab.pick(500, 20);
  const Tensor start = draw(chains, 2), truth = draw(chains, 3);
  const double tau = 0.004;

  lab.text(
      "The penalty λ E|∂s/∂x|² (sum of the squares of all derivatives) is added to the implicit loss ½|s|² + tr ∂s/∂x. "
      "It holds down the slope of the score, and with it the "
      "network's Lipschitz constant. What does it cost?");
  lab.heading("Where the answer is known");
  lab.text(
      "A linear score s = −ax on N(0, S) has loss ½a²S − a + λa², least at a = 1/(S + 2λ): the score of the data "
      "<b>smoothed by noise of variance 2λ</b>. Trained:");
  linear_case(lab);

  const MixtureScore exact(p);
  std::vector<Run> runs;
  std::vector<Row> sizes, quality, probes;
  const auto w2 = [&](const Tensor& x, const Tensor& y) {
    Generator directions(lab.seed() + 4);
    return sliced_w2(x, y, directions);
  };
  const double null_w2 = w2(start, truth), null_mmd = mmd2(truth, p, 0.2);
  for (const double weight : {0.0, 0.002, 0.01, 0.04, 0.16}) {
    Run r{};
    r.weight = weight;
    r.sigma = std::sqrt(2 * weight);
    r.score = train(lab, weight, true, data, r.ms);
    r.size = size_of(jacobian(r.score, held_out));
    r.smoothed = size_of(jacobian(exact.score_at(r.sigma), held_out));
    const Tensor v = draw_probes(ProbeLaw::rademacher, 1, held_out, lab.generator());
    const Tensor one = total(gradient_penalty_terms(r.score, held_out, v)).detach().to(f64);
    r.probe = mean(one).item();
    r.probe_error = std::sqrt(var(one).item() / static_cast<double>(one.size(0)));
    r.to_p = fisher_divergence(r.score, p, held_out);
    r.to_smoothed = mean(sum(square(r.score(held_out) - p.score(held_out, r.sigma)), {1})).item();
    Generator noise(lab.seed() + 5);
    r.samples = langevin(r.score, start, tau, steps, noise);
    r.w2 = w2(r.samples, truth);
    r.mmd = mmd2(r.samples, p, 0.2);
    lab.check("one-probe E|∂s/∂x|² at λ = " + num(weight), r.probe, r.size.frobenius, 4 * r.probe_error);
    sizes.push_back({weight, r.sigma, r.size.lipschitz, r.smoothed.lipschitz, r.size.frobenius, r.probe, r.probe_error,
                     r.smoothed.frobenius});
    quality.push_back({weight, r.to_p, r.to_smoothed, r.w2, r.mmd});
    if (weight == 0.01 || weight == 0.04) {
      double ms = 0;
      const Score other = train(lab, weight, false, data, ms);
      probes.push_back({weight, size_of(jacobian(other, held_out)).lipschitz, r.size.lipschitz,
                        fisher_divergence(other, p, held_out), r.to_p, ms, r.ms});
    }
    runs.push_back(std::move(r));
  }

  lab.heading("On a ring of eight modes");
  lab.text(
      "Modes of variance S = 0.04, networks of two hidden layers trained with the exact penalty. √(2λ) is the noise "
      "for which λ would stand, were the "
      "score linear; its columns are computed from the exact score of the mixture smoothed by that noise. Everything "
      "is measured on " +
      std::to_string(held_out.size(0)) +
      " held-out points; the Lipschitz constant is the largest spectral norm of ∂s/∂x over them, a lower bound.");
  lab.table("sizes.csv", "Slopes of the score",
            {"λ", "√(2λ)", "Lipschitz", "Lipschitz, smoothed mixture", "E|∂s/∂x|²", "the same by one probe a point",
             "± (standard error)", "E|∂s/∂x|², smoothed mixture"},
            sizes);
  std::vector<double> weights, lipschitz, exact_lipschitz, frobenius, exact_frobenius, one, low, high, to_p,
      to_smoothed;
  for (const auto& r : runs) {
    if (r.weight == 0) continue;
    weights.push_back(r.weight);
    lipschitz.push_back(r.size.lipschitz), exact_lipschitz.push_back(r.smoothed.lipschitz);
    frobenius.push_back(r.size.frobenius), exact_frobenius.push_back(r.smoothed.frobenius);
    one.push_back(r.probe), low.push_back(r.probe - 4 * r.probe_error), high.push_back(r.probe + 4 * r.probe_error);
    to_p.push_back(r.to_p), to_smoothed.push_back(r.to_smoothed);
  }
  const Run& none = runs.front();
  const Style plain{.color = "#000000", .dashed = true},
      reference{.color = chart_color(1), .markers = true, .dashed = true};
  Chart curves({.columns = 3, .width = 370, .height = 320});
  const Axis x{.label = "λ", .log = true};
  curves.panel("Lipschitz constant", x, {.label = "largest |∂s/∂x|₂", .log = true})
      .line("network", weights, lipschitz, {.color = chart_color(0), .markers = true})
      .line("smoothed mixture", weights, exact_lipschitz, reference)
      .horizontal("network, λ = 0", none.size.lipschitz, plain);
  curves.panel("Mean square", x, {.label = "E|∂s/∂x|²", .log = true})
      .line("exact", weights, frobenius, {.color = chart_color(0), .markers = true})
      .errors(weights, low, high, {.color = chart_color(0)})
      .line("smoothed mixture", weights, exact_frobenius, reference)
      .horizontal("network, λ = 0", none.size.frobenius, plain);
  curves.panel("Distance from two truths", x, {.label = "E|s − truth|²", .log = true})
      .line("the data's score", weights, to_p, {.color = chart_color(0), .markers = true})
      .line("that smoothed by √(2λ)", weights, to_smoothed, reference)
      .horizontal("the data's, λ = 0", none.to_p, plain);
  lab.figure("curves.svg", curves, "Whiskers in the middle: the one-probe estimate, four standard errors up and down.");

  const std::int64_t points = 200;
  std::vector<double> radius;
  for (std::int64_t i = 0; i < points; ++i)
    radius.push_back(1 + 2 * static_cast<double>(i) / static_cast<double>(points - 1));
  const Tensor r1 = from_vector<double>(radius, {points, 1});
  const Tensor ray = lab.put(concat({r1, zeros_like(r1)}, 1).to(f32));
  Chart profile({.columns = 2, .width = 460, .height = 340});
  auto learned = profile.panel("Learned", {.label = "x₁, at x₂ = 0"}, {.label = "s₁", .min = -26, .max = 26});
  auto smoothed =
      profile.panel("Mixture smoothed by √(2λ)", {.label = "x₁, at x₂ = 0"}, {.label = "s₁", .min = -26, .max = 26});
  NoGrad guard;
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const std::string label = "λ = " + plain_number(runs[k].weight);
    learned.line(label, radius, narrow(runs[k].score(ray), 1, 0, 1), {.color = chart_color(k)});
    smoothed.line(label, radius, narrow(p.score(ray, runs[k].sigma), 1, 0, 1), {.color = chart_color(k)});
  }
  lab.figure("profile.svg", profile, "The first component of the score on a ray through the mode at (2, 0).");

  const Run& most = runs.back();
  lab.text("From λ = 0 to λ = " + num(most.weight) + " the Lipschitz constant falls from " + num(none.size.lipschitz) +
           " to " + num(most.size.lipschitz) + ", and E|∂s/∂x|² from " + num(none.size.frobenius) + " to " +
           num(most.size.frobenius) + ". The Fisher divergence from the data's score rises from " + num(none.to_p, 2) +
           " to " + num(most.to_p) + ".");

  lab.heading("Samples");
  lab.table(
      "samples.csv",
      "Langevin, " + std::to_string(steps) + " steps of " + num(tau) + " from data points; two exact sets of " +
          std::to_string(chains) + " points have a sliced W2 of " + num(null_w2, 2) + ", an exact one MMD² " +
          num(null_mmd, 2),
      {"λ", "Fisher divergence from the data", "from the data smoothed by √(2λ)", "sliced W2", "MMD² (bandwidth 0.2)"},
      quality);
  draw_samples(lab, p, runs, truth);

  lab.heading("One probe instead of the whole Jacobian");
  lab.text(
      "E|v<sup>T</sup>∂s/∂x|² over random signs v has the same mean and takes one product, whatever the dimension; the "
      "exact penalty takes d of them, two here.");
  lab.table("one_probe.csv", "Trained with one probe a point, and with the exact penalty",
            {"λ", "Lipschitz, one probe", "Lipschitz, exact", "Fisher divergence, one probe",
             "Fisher divergence, exact", "ms a step, one probe", "ms a step, exact"},
            probes);
}

}  // namespace stein::tools
