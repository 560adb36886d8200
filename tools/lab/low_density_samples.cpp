// SPDX-License-Identifier: MIT
// Second part of the experiment `low-density`: samples.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "smld/ladder.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/samplers.h"
#include "tools/lab/equivalence.h"
#include "tools/lab/fit.h"
#include "tools/lab/low_density.h"
#include "tools/lab/statistics.h"

namespace stein::tools {

using smld::GaussianMixture;
using smld::LevelScore;
using smld::Score;

namespace {

constexpr double kStep = 0.05;
const char* const kBlack = "#000000";

/// Share of the samples on the side of the large mode, x + y > 0.
double share(const Tensor& x) { return mean((sum(x, {1}) > 0).to(f64)).item(); }
/// The same of the mixture with noise sigma: (x + y) / sqrt 2 is 0.8 N(sqrt 50, 1 + sigma^2) + 0.2 N(-sqrt 50, 1 + sigma^2).
double true_share(double sigma) {
  const double above = 0.5 * std::erfc(-std::sqrt(50 / (1 + sigma * sigma)) / std::sqrt(2.0));
  return 0.8 * above + 0.2 * (1 - above);
}

struct Cloud {
  std::string label;
  Tensor x;
};

struct Distances {
  double weight, strays, mmd2, sliced_w2;
};
/// Against q; y: exact draws, as many. Strays: farther than five deviations from both modes.
Distances distances(const Tensor& x, const Tensor& y, const GaussianMixture& q, double bandwidth, Generator& g) {
  const Tensor a = x.to(cpu).to(f64), v = q.covariances()[0];
  const auto off = [&](std::int64_t k) { return sum(square(a - q.means()[k]), {1}) > 25 * v[0][0]; };
  return {smld::mode_weights(a, q).to_vector<double>()[0], mean(logical_and(off(0), off(1)).to(f64)).item(),
          smld::mmd2(a, q, bandwidth), smld::sliced_w2(a, y, g)};
}

/// Fisher divergence does not see the weights of modes that lie apart; with noise it does.
std::string weights_unseen(Lab& lab, const GaussianMixture& p, smld::Chart& chart) {
  const GaussianMixture even(tensor({0.5, 0.5}, f64), p.means(), p.covariances());
  const auto divergence = [&](double sigma) {
    const GaussianMixture a = p.perturbed(1, sigma), b = even.perturbed(1, sigma);
    return over_plane(a, [&](const Tensor& x) { return squared_norm(a.score(x) - b.score(x)); });
  };
  std::vector<double> sigma = geometric(0.3, 20, lab.pick(40, 8)), loss;
  for (double s : sigma) loss.push_back(s * s / 2 * divergence(s));
  const auto most = std::max_element(loss.begin(), loss.end());
  chart
      .panel("What wrong weights cost", {.label = "σ", .log = true},
             {.label = "σ²/2 · Fisher divergence", .log = true, .min = 1e-12, .max = 1})
      .line("score of 50 : 50 instead of 80 : 20", sigma, loss, {.color = kBlack});
  std::vector<Row> rows;
  for (std::size_t i = 0; i < sigma.size(); ++i) rows.push_back({sigma[i], loss[i]});
  lab.csv("wrong-weights.csv", {"σ", "σ²/2 · Fisher divergence"}, rows);
  return " The right panel says why: the score that belongs to equal weights differs from the true one only between "
         "the "
         "modes. At σ = 0.3 it raises the loss by " +
         num(loss.front(), 2) +
         ", which no training can notice; at σ = " + num(sigma[static_cast<std::size_t>(most - loss.begin())], 2) +
         " by " + num(*most, 2) + ".";
}

}  // namespace

void low_density_samples(Lab& lab, const GaussianMixture& p, const Tensor& ladder, const LevelScore& one,
                         const LevelScore& many) {
  lab.heading("Samples");
  const GaussianMixture q = p.perturbed(1, kSmallest);
  const auto sigmas = ladder.to_vector<float>();
  const std::int64_t n = lab.pick<std::int64_t>(1000, 200), steps = lab.pick<std::int64_t>(1000, 60),
                     per_level = lab.pick<std::int64_t>(100, 15);
  Generator g = lab.generator().fork(30);
  const Score exact = smld::MixtureScore(q).score_at(), learned = at_level(one, 0);
  const LevelScore exact_levels = smld::MixtureScore(p).score_of(ladder);
  const Tensor near = uniform({n, 2}, g, -8, 8, f32, lab.device()), far = 20 * randn({n, 2}, g, f32, lab.device());
  smld::SamplerHooks hooks;
  hooks.progress = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
  std::vector<Cloud> clouds{{"exact draws", q.sample(n, g.fork(1).state().seed).to(f32)}};

  // One level, in stages, to see the share on either side.
  std::vector<double> done{0.5};
  std::vector<std::vector<double>> shares{{share(near)}, {share(near)}};
  const auto single = [&](const char* label, const Score& s, Tensor x, int trace) {
    for (std::int64_t at = 0, next = 1; at < steps; at = next, next = std::min(steps, 2 * next)) {
      x = smld::langevin(s, x, kStep, next - at, g, smld::LangevinStep::full, hooks);
      if (trace == 0) done.push_back(static_cast<double>(next));
      if (trace >= 0) shares[static_cast<std::size_t>(trace)].push_back(share(x));
      if (next == steps) break;
    }
    clouds.push_back({label, x});
  };
  single("one level, exact score", exact, near, 0);
  single("one level, learned score", learned, near, 1);
  single("one level, exact score, far start", exact, far, -1);
  single("one level, learned score, far start", learned, far, -1);

  std::vector<std::vector<double>> level_shares(2);
  const auto annealed = [&](const char* label, const LevelScore& s, std::size_t trace) {
    smld::AnnealedOptions options;
    options.steps_per_level = per_level;
    options.denoise = false;
    options.progress = hooks.progress;
    double before = sigmas[0];
    options.constraint = [&](const Tensor& x, double, double sigma) {
      if (sigma != before) level_shares[trace].push_back(share(x));  // at the end of a level
      before = sigma;
      return x;
    };
    clouds.push_back({label, smld::annealed_langevin(s, ladder, far, g, options)});
  };
  annealed("annealed, exact score", exact_levels, 0);
  annealed("annealed, learned score", many, 1);

  // Distances, with what exact draws show of themselves.
  const double bandwidth = smld::median_distance(clouds[0].x, g);
  std::vector<double> null_mmd, null_w2;
  const std::int64_t draws = lab.pick<std::int64_t>(200, 10);
  Work work(lab, "exact draws among themselves", draws);
  for (std::int64_t i = 0; i < draws; ++i) {
    const auto seed = static_cast<std::uint64_t>(1000 + 2 * i);
    const Distances d =
        distances(q.sample(n, g.fork(seed).state().seed), q.sample(n, g.fork(seed + 1).state().seed), q, bandwidth, g);
    null_mmd.push_back(d.mmd2), null_w2.push_back(d.sliced_w2);
    work.update(i + 1);
  }
  const double mmd99 = percentile(null_mmd, 0.99), w99 = percentile(null_w2, 0.99);
  const double error = std::sqrt(0.16 / static_cast<double>(n));
  std::vector<Row> rows;
  std::vector<Distances> found;
  for (const auto& c : clouds) {
    const Tensor x = c.x.to(cpu), finite = where(isfinite(x), x, full({1}, 1e3, f32));
    const Tensor bounded = clamp(finite, -1e3, 1e3);
    found.push_back(distances(bounded, q.sample(n, g.fork(2).state().seed), q, bandwidth, g));
    const Distances& d = found.back();
    rows.push_back({c.label, d.weight, d.strays, d.mmd2, d.sliced_w2});
  }
  rows.push_back({"truth; 99th percentile of exact draws", 0.8, 0, mmd99, w99});

  smld::Chart scatter({.columns = 3, .width = 330, .height = 330});
  const std::size_t order[] = {0, 1, 2, 4, 5, 6};
  for (std::size_t k : order)
    scatter.panel(clouds[k].label, {.label = "x", .min = -12, .max = 12}, {.label = "y", .min = -12, .max = 12})
        .scatter("", clouds[k].x, {.color = smld::chart_color(1), .opacity = 0.35, .size = 2.5})
        .note(num(100 * found[k].weight, 3) + "% upper right")
        .equal_aspect();
  lab.figure("samples.svg", scatter,
             std::to_string(n) + " samples each. One level: " + std::to_string(steps) + " steps of " + num(kStep) +
                 " from uniform points in the square |x|, |y| < 8, or (far start) from N(0, 20<sup>2</sup> I), as the "
                 "annealed chains.");
  lab.table("samples.csv", "Distances to the mixture with noise σ = 0.3; MMD with bandwidth " + num(bandwidth),
            {"sampler", "weight of the mode at (5, 5)", "strays", "MMD²", "sliced W₂"}, rows);

  smld::Chart chart({.columns = 3});
  chart
      .panel("One level: share of x + y > 0", {.label = "Langevin steps", .log = true},
             {.label = "share", .min = 0.3, .max = 1})
      .line("exact score", done, shares[0], {.color = kBlack, .size = 3, .markers = true})
      .line("learned score", done, shares[1], {.color = smld::chart_color(3), .size = 3, .markers = true})
      .horizontal("truth", true_share(kSmallest), {.color = smld::chart_color(2), .dashed = true});
  const std::vector<double> levels(sigmas.begin(), sigmas.end());
  std::vector<double> truth, fine = geometric(kSmallest, kLargest, 60);
  for (double s : fine) truth.push_back(true_share(s));
  chart
      .panel("Annealed: share of x + y > 0", {.label = "σ of the level (time runs to the left)", .log = true},
             {.label = "share at its end", .min = 0.3, .max = 1})
      .line("exact score", levels, level_shares[0], {.color = kBlack, .size = 4, .markers = true, .line = false})
      .line("learned score", levels, level_shares[1],
            {.color = smld::chart_color(3), .size = 4, .markers = true, .line = false})
      .line("truth", fine, truth, {.color = smld::chart_color(2), .dashed = true});
  std::vector<Row> by_level;
  for (std::size_t i = 0; i < levels.size(); ++i)
    by_level.push_back({levels[i], level_shares[0][i], level_shares[1][i], true_share(levels[i])});
  lab.csv("shares.csv", {"σ", "exact score", "learned score", "truth"}, by_level);
  std::vector<Row> by_step;
  for (std::size_t i = 0; i < done.size(); ++i) by_step.push_back({i == 0 ? 0 : done[i], shares[0][i], shares[1][i]});
  lab.csv("steps.csv", {"steps", "exact score", "learned score"}, by_step);
  const std::string why = weights_unseen(lab, p, chart);
  lab.figure(
      "weights.svg", chart,
      "Share of the samples on the side of the large mode; the first point of the left panel is the start. Left: at "
      "one level nothing pulls it to the truth. Middle: along the ladder it follows the law of each level. "
      "Right: how much the loss rises when a score belongs to wrong weights.");
  const auto weight = [&](std::size_t k) { return num(found[k].weight, 3); };
  lab.text("Truth: 0.8 (standard error of " + std::to_string(n) + " samples: " + num(error, 2) +
           "). One level ends with " + weight(1) + " (exact score) and " + weight(2) + " (learned), annealing with " +
           weight(5) + " (exact) and " + weight(6) + " (learned). From the far start one level ends with " + weight(3) +
           " (exact) and " + weight(4) + " (learned); " + num(100 * found[3].strays, 3) + "% and " +
           num(100 * found[4].strays, 3) + "% of the samples are farther than five deviations from both modes." + why);
  // The watershed x + y = -(ln 4) (1 + sigma^2) / 10 is crossed by nearly none.
  const double start_share = mean((sum(near, {1}) > -std::log(4.0) * (1 + kSmallest * kSmallest) / 10).to(f64)).item();
  lab.check("one level, exact score: weight beside the share of starts on that side of the watershed", found[1].weight,
            start_share, 0.03);
}

void low_density_schedules(Lab& lab, const GaussianMixture& p) {
  struct Schedule {
    std::int64_t levels, steps;
  };
  const std::int64_t n = lab.pick<std::int64_t>(8000, 400);
  const GaussianMixture q = p.perturbed(1, kSmallest);
  const smld::MixtureScore exact(p);
  std::vector<Row> rows;
  Generator g = lab.generator().fork(40);
  for (const Schedule& c : {Schedule{5, 100}, {10, 25}, {10, 100}, {20, 200}}) {
    const Tensor ladder = lab.put(smld::geometric_ladder(kLargest, kSmallest, c.levels));
    smld::AnnealedOptions options;
    options.steps_per_level = lab.pick(c.steps, c.steps / 5);
    options.denoise = false;
    options.progress = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
    const Tensor start = kLargest * randn({n, 2}, g, f32, lab.device());
    const Tensor x = smld::annealed_langevin(exact.score_of(ladder), ladder, start, g, options);
    const Mean w = mean_of(narrow(q.responsibilities(x.to(f64)), 1, 0, 1));
    rows.push_back({c.levels, options.steps_per_level, w.value, w.error});
    if (c.levels == 20) {
      lab.check("weight of the large mode, annealed, exact score, 20 levels", w.value, 0.8,
                4 * w.error + lab.pick(0.01, 0.04));
      // Within the mode: variance V / (1 - tau / (2 V)), V = 1 + sigma_L^2, tau = sigma_L^2 / 5.
      const double v = 1 + kSmallest * kSmallest, tau = 0.2 * kSmallest * kSmallest;
      const Tensor upper = (sum(x, {1}, true) > 0).to(f64), off = upper * (x.to(f64) - lab.put(p.means()[0]));
      const double count = sum(upper).item();
      lab.check("variance of the large mode, 20 levels", sum(square(off)).item() / (2 * count), v / (1 - tau / (2 * v)),
                4 * v / std::sqrt(count) + 0.01);
    }
  }
  lab.table("schedules.csv", "Annealing with the exact score: weight of the mode at (5, 5), truth 0.8",
            {"levels", "steps a level", "weight", "std. error"}, rows);
  lab.text(
      "Annealing is not exact either: where modes part, chains fall out of equilibrium. With 5 levels the weight is " +
      num(rows[0][2].value, 3) + ", with the ten levels of above " + num(rows[2][2].value, 3) +
      ", with 20 levels and " + std::to_string(lab.pick(200, 40)) + " steps it is " + num(rows[3][2].value, 3) +
      " (standard error " + num(rows[3][3].value, 2) + ").");
}

}  // namespace stein::tools
