// SPDX-License-Identifier: MIT
// Where data are thin a score learned at one noise level is wrong, and Langevin dynamics cannot weigh modes against each other; a ladder of
// levels mends both (Song and Ermon, arXiv 1907.05600, sections 3.2 and 4; their mixture and their figures 2 and 3).
#include "tools/lab/low_density.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "nn/conditional_mlp.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "smld/ladder.h"
#include "smld/metrics.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tools/lab/equivalence.h"
#include "tools/lab/fit.h"
#include "tools/lab/statistics.h"

namespace stein::tools {
smld::Score at_level(const smld::LevelScore& s, std::int64_t level) {
  return [s, level](const Tensor& x) { return s(x, full({x.size(0)}, static_cast<double>(level), i64, x.device())); };
}

namespace {

using smld::GaussianMixture;
using smld::LevelScore;
using smld::Score;

/// s(x, i) = net(x / sqrt(17 + sigma^2), i) / sigma_i, 17 the mixture's variance in each coordinate. Kept alive by its score.
struct Network {
  Network(const Lab& lab, const Tensor& levels, Generator& g)
      : ladder(levels),
        net(lab.put(nn::ConditionalMLP({.hidden = std::vector<std::int64_t>(2, lab.pick<std::int64_t>(128, 32)),
                                        .condition = {.levels = levels.size(0)}},
                                       g))) {}
  Tensor operator()(const Tensor& x, const Tensor& level) const {
    const Tensor sigma = smld::sigma_of(ladder, level, 2);
    return net(x / sqrt(17 + square(sigma)), level) / sigma;
  }
  Tensor ladder;
  nn::ConditionalMLP net;
};

/// Trained by NCSN's loss on `data`; a ladder of one level is denoising score matching at that level.
LevelScore train(Lab& lab, const char* label, const Tensor& ladder, const Tensor& data, std::int64_t steps,
                 Generator g) {
  const auto model = std::make_shared<Network>(lab, ladder, g);
  const LevelScore score = [model](const Tensor& x, const Tensor& level) { return (*model)(x, level); };
  const smld::Objective objective = smld::objective::ncsn(ladder);
  nn::Adam adam(model->net, {.lr = 3e-3});
  const nn::Schedule schedule = nn::Schedule::cosine(steps, 0, 0.01);
  const std::int64_t batch = lab.pick<std::int64_t>(256, 64);
  Work work(lab, label, steps);
  for (std::int64_t i = 0; i < steps; ++i) {
    const smld::Loss loss = objective(score, draw_rows(data, batch, g), g);
    adam.set_lr_factor(schedule(i));
    adam.step(grad({loss.value}, model->net.parameters()));
    work.update(i + 1);
  }
  return score;
}

/// |s - truth| on a grid, and the truth's density, (n, n) each.
struct Map {
  Tensor error, density;
};
Map map_of(const Lab& lab, const Score& s, const GaussianMixture& q, const smld::Extent& area, std::int64_t n) {
  const Tensor at = lab.put(smld::grid_points(area, n, n));
  return {reshape(sqrt(squared_norm(s(at.to(f32)).to(f64) - q.score(at))), {n, n}),
          reshape(exp(q.log_density(at)), {n, n})};
}

std::vector<double> levels_of(const Tensor& density) {
  const double peak = max(density).item();
  return {0.001 * peak, 0.02 * peak, 0.2 * peak};
}

void maps(Lab& lab, const GaussianMixture& p, const Tensor& data, const Tensor& ladder, const LevelScore& one,
          const LevelScore& many) {
  lab.heading("The learned score");
  const GaussianMixture q = p.perturbed(1, kSmallest);
  const Score single = at_level(one, 0), last = at_level(many, kLevels - 1);
  const smld::Extent area{-10, 10, -10, 10};
  const std::int64_t n = lab.pick(80, 16), arrows = 13;
  const Tensor at = lab.put(smld::grid_points({-9, 9, -9, 9}, arrows, arrows, false));
  const smld::Axis x{.label = "x", .min = -10, .max = 10}, y{.label = "y", .min = -10, .max = 10};
  const Tensor shown = narrow(data, 0, 0, std::min<std::int64_t>(data.size(0), 1500));
  const std::string blue = smld::chart_color(1);
  const Map m1 = map_of(lab, single, q, area, n), m2 = map_of(lab, last, q, area, n);
  smld::Chart chart({.columns = 2, .width = 430, .height = 400});
  const auto field = [&](const char* title, const Tensor& vectors) {
    chart.panel(title, x, y)
        .scatter("data", shown, {.color = blue, .opacity = 0.3, .size = 2})
        .arrows("direction of the score", at, vectors, {.color = "#000000", .length = 16, .unit = true})
        .equal_aspect();
  };
  field("True score", q.score(at));
  field("Learned at one level", single(at.to(f32)));
  const auto heat = [&](const char* title, const Map& m) {
    chart.panel(title, x, y)
        .heatmap("|s − ∇log q|", m.error, area, {.log = true, .min = 0.03, .max = 30})
        .contours("", m.density, area, levels_of(m.density), {.color = "#ffffff"})
        .equal_aspect();
  };
  heat("Error, learned at one level", m1);
  heat("Error, ladder's last level", m2);
  lab.figure(
      "score.svg", chart,
      "Above: directions of the score of the mixture with noise σ = 0.3; the points are training data. Below: "
      "size of the error of the learned score, on one scale; white lines: 20%, 2% and 0.1% of the density's peak.");

  // The same in numbers.
  Generator g = lab.generator().fork(20);
  const Tensor on = lab.put(q.sample(lab.pick<std::int64_t>(20000, 2000), g.fork(1).state().seed));
  const auto mean_error = [&](const Score& s, const Tensor& points) {
    return mean(squared_norm(s(points.to(f32)).to(f64) - q.score(points))).item();
  };
  const std::int64_t side = lab.pick<std::int64_t>(100, 30);
  const Tensor square_points = lab.put(smld::grid_points(area, side, side)),
               gap = lab.put(smld::grid_points({-2, 2, -2, 2}, 40, 40));
  std::vector<Row> rows;
  for (const auto& [name, s] : {std::pair<const char*, Score>{"one level", single}, {"ladder, last level", last}})
    rows.push_back(
        {name, smld::fisher_divergence([s = s](const Tensor& t) { return s(t.to(f32)).to(f64); }, p, on, kSmallest),
         mean_error(s, gap), mean_error(s, square_points)});
  lab.table("score.csv", "Mean square error of the score, |s − ∇log q|<sup>2</sup>, at σ = 0.3",
            {"trained with", "over the data's law", "between the modes, |x|, |y| < 2", "over the square |x|, |y| < 10"},
            rows);
  lab.text("Trained at one level, the score has a mean square error of " + num(rows[0][1].value) +
           " where data are (its Fisher divergence), " + num(rows[0][2].value) + " between the modes and " +
           num(rows[0][3].value) + " over the square (mean square of the true score there: " +
           num(mean(squared_norm(q.score(square_points))).item()) +
           "). Training at the other levels, too, does not mend that: at its last level the ladder's network has " +
           num(rows[1][2].value) +
           " between the modes. It need not: annealed chains cross that region at levels where data are.");

  smld::Chart level_chart({.columns = 3, .width = 400, .height = 330});
  std::vector<Row> errors;
  const auto sigmas = ladder.to_vector<float>();
  for (std::int64_t i = 0; i < kLevels; ++i) {
    const double sigma = sigmas[static_cast<std::size_t>(i)], edge = 7 + 3 * std::sqrt(1 + sigma * sigma);
    const GaussianMixture smooth = p.perturbed(1, sigma);
    const Score s = at_level(many, i);
    const auto seed = g.fork(static_cast<std::uint64_t>(100 + i)).state().seed;
    const Tensor noisy = lab.put(smooth.sample(lab.pick<std::int64_t>(20000, 1000), seed));
    const auto scaled = [&](const Tensor& f) { return sigma * sigma * mean(squared_norm(f)).item(); };
    errors.push_back({sigma, scaled(s(noisy.to(f32)).to(f64) - smooth.score(noisy)), scaled(smooth.score(noisy))});
    if (i != 0 && i != 4 && i != kLevels - 1) continue;
    const smld::Extent around{-edge, edge, -edge, edge};
    const Map m = map_of(lab, s, smooth, around, n);
    level_chart
        .panel("σ = " + num(sigma), {.label = "x", .min = -edge, .max = edge},
               {.label = "y", .min = -edge, .max = edge})
        .heatmap("σ |s − ∇log q|", sigma * m.error, around, {.log = true, .min = 0.003, .max = 3})
        .contours("", m.density, around, levels_of(m.density), {.color = "#ffffff"})
        .equal_aspect();
  }
  lab.figure(
      "levels.svg", level_chart,
      "The ladder's error in units of 1/σ at its first, fifth and last level; white lines as above, of the density "
      "with that noise. Large noise covers the whole plane that a chain has to cross with data.");
  lab.table("levels.csv", "Error of the ladder's score at each level, over the law of that level",
            {"σ", "σ² E|s − ∇log q|²", "σ² E|∇log q|²"}, errors);
}

}  // namespace

void low_density(Lab& lab) {
  const GaussianMixture p = GaussianMixture::named("two");
  lab.text(
      "The mixture 0.8 N((5, 5), I) + 0.2 N((−5, −5), I), 10000 points of it as training data, and two networks of one "
      "kind: one trained by denoising score matching at "
      "σ = 0.3, the other, by the same loss, at a ladder of ten levels from 20 to 0.3. The true score is known at "
      "every level.");
  const Generator g = lab.generator();
  const Tensor data = lab.put(p.sample(10000, g.fork(1).state().seed).to(f32));
  const Tensor ladder = lab.put(smld::geometric_ladder(kLargest, kSmallest, kLevels)),
               last = lab.put(tensor({kSmallest}));
  const LevelScore one = train(lab, "training, one level", last, data, lab.pick<std::int64_t>(4000, 100), g.fork(2));
  const LevelScore many = train(lab, "training, ladder", ladder, data, lab.pick<std::int64_t>(8000, 150), g.fork(3));
  NoGrad guard;
  maps(lab, p, data, ladder, one, many);
  low_density_samples(lab, p, ladder, one, many);
  low_density_schedules(lab, p);
}

}  // namespace stein::tools
