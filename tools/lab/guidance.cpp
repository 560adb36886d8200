// SPDX-License-Identifier: MIT
// Guidance by a classifier and without one, on a mixture whose conditional score is known.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nn/conditional_mlp.h"
#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/diffusion_samplers.h"
#include "smld/guidance.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;

constexpr std::int64_t kClasses = 3, kParts = 2;  // of each class
constexpr double kLow = 0.04;                     // of p(x | y): the outer line of the pictures
constexpr std::int64_t kTruth = 100000;           // draws that stand for the truth

/// Three classes of two Gaussians each, that overlap around the origin.
struct Problem {
  GaussianMixture all;
  std::vector<GaussianMixture> of_class;
  MixtureScore score;
  std::vector<MixtureScore> score_of_class;
  Sde sde = Sde::vp();

  static GaussianMixture mixture(std::int64_t first, std::int64_t last) {
    std::vector<double> means, covariances;
    for (std::int64_t k = first; k < last; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k / kParts) / 3 + std::numbers::pi / 2;
      const double turn = k % kParts == 0 ? -0.42 : 0.42, radius = k % kParts == 0 ? 1.1 : 1.5;
      means.insert(means.end(), {radius * std::cos(angle + turn), radius * std::sin(angle + turn)});
      // long across the radius
      const double c = std::cos(angle), s = std::sin(angle), a = 0.09, b = 0.22;
      covariances.insert(covariances.end(),
                         {a * c * c + b * s * s, (a - b) * c * s, (a - b) * c * s, a * s * s + b * c * c});
    }
    const std::int64_t n = last - first;
    return {ones({n}, f64), from_vector(means, {n, 2}), from_vector(covariances, {n, 2, 2})};
  }
  static std::vector<GaussianMixture> classes() {
    std::vector<GaussianMixture> out;
    for (std::int64_t c = 0; c < kClasses; ++c) out.push_back(mixture(c * kParts, (c + 1) * kParts));
    return out;
  }
  Problem() : all(mixture(0, kClasses * kParts)), of_class(classes()), score(all) {
    for (const auto& p : of_class) score_of_class.emplace_back(p);
  }

  /// (B, kClasses): p(y | x_t).
  Tensor posterior(const Tensor& x, const Kernel& k) const {
    return sum(reshape(score.responsibilities(x, k), {x.size(0), kClasses, kParts}), {2});
  }
  NoisyClassifier classifier() const {
    return [this](const Tensor& x, const Tensor& t) {
      Tensors logits;  // log p(x_t | y); the classes are equally likely
      for (const auto& p : score_of_class) logits.push_back(unsqueeze(p.log_density(x, sde.kernel(t, 2)), 1));
      return concat(logits, 1);
    };
  }
  /// Label kClasses: of all.
  ConditionalScore conditional() const {
    return [this](const Tensor& x, const Tensor& t, const Tensor& y) {
      const Kernel k = sde.kernel(t, 2);
      Tensor s = score.score(x, k);
      for (std::int64_t c = 0; c < kClasses; ++c)
        s = where(unsqueeze(eq(y, static_cast<double>(c)), 1), score_of_class[static_cast<std::size_t>(c)].score(x, k),
                  s);
      return s;
    };
  }
};

struct Points {
  Tensor x, label;
};

/// Labels are drawn given x, which is the joint law as well.
Points draw(const Lab& lab, const Problem& p, std::int64_t n, Generator g) {
  const Tensor x = lab.put(p.all.sample(n, g.state().seed));
  const Tensor below = narrow(cumsum(p.posterior(x, kernel(1, 1e-6, f64)), 1), 1, 0, kClasses - 1);
  return {x.to(f32), sum((below < uniform({n, 1}, g, 0, 1, f64, lab.device())).to(i64), {1})};
}

struct Nets {
  Nets(const Lab& lab, Generator& g)
      : score(lab.put(
            nn::ConditionalMLP({.hidden = {96, 96, 96},
                                .condition = {.time = nn::TimeFeatures::sinusoidal, .classes = kClasses, .width = 64}},
                               g))),
        classifier(lab.put(nn::ConditionalMLP(
            {.outputs = kClasses, .hidden = {64, 64}, .condition = {.time = nn::TimeFeatures::sinusoidal, .width = 64}},
            g))) {}
  nn::ConditionalMLP score, classifier;

  ConditionalScore conditional(const Sde& sde) const {
    return [net = score, sde](const Tensor& x, const Tensor& t, const Tensor& y) {
      return sde.score_of([&](const Tensor& at, const Tensor& time) { return net(at, time, y); })(x, t);
    };
  }
  NoisyClassifier noisy_classifier() const {
    return [net = classifier](const Tensor& x, const Tensor& t) { return net(x, 999 * t); };
  }
};

void train(Lab& lab, const Problem& p, const Nets& nets, Generator g) {
  NoGrad record(false);
  const Points pool = draw(lab, p, lab.pick<std::int64_t>(50000, 1000), g.fork(0));
  const std::int64_t batch = lab.pick<std::int64_t>(256, 64);
  const auto rows = [&] {
    const Tensor i = lab.put(integers(0, pool.x.size(0), {batch}, g));
    return Points{index_select(pool.x, 0, i), index_select(pool.label, 0, i)};
  };
  const auto score_loss = label_dropped(objective::sde(p.sde), kClasses, 0.15);
  const auto model = nets.conditional(p.sde);
  fit(lab, "training the conditional score", nets.score, {.steps = lab.pick<std::int64_t>(5000, 40)}, [&] {
    const Points b = rows();
    return score_loss(model, b.x, b.label, g).value;
  });
  const auto class_loss = objective::classifier(p.sde);
  fit(lab, "training the classifier", nets.classifier, {.steps = lab.pick<std::int64_t>(2000, 40)}, [&] {
    const Points b = rows();
    return class_loss(nets.noisy_classifier(), b.x, b.label, g).value;
  });
}

/// Of samples that were asked for with labels (n of each class in turn): the mean probability of the class asked for, the share in
/// which it is the likeliest, the trace of the covariance within it, and the share where p(x | y) is below kLow; averaged over the
/// classes.
struct Outcome {
  double probability = 0, share = 0, spread = 0, outside = 0;
};
Outcome outcome(const Problem& p, const Tensor& x) {
  Outcome out;
  const std::int64_t n = x.size(0) / kClasses;
  for (std::int64_t c = 0; c < kClasses; ++c) {
    const Tensor mine = narrow(x, 0, c * n, n).to(f64), r = p.posterior(mine, kernel(1, 1e-6, f64));
    out.probability += mean(narrow(r, 1, c, 1)).item() / kClasses;
    out.share += mean(eq(argmax(r, 1), static_cast<double>(c)).to(f64)).item() / kClasses;
    out.spread += sum(var(mine, {0})).item() / kClasses;
    const Tensor density = exp(p.of_class[static_cast<std::size_t>(c)].log_density(mine));
    out.outside += mean((density < kLow).to(f64)).item() / kClasses;
  }
  return out;
}

/// n exact draws of each class in turn.
Tensor exact_draws(const Problem& p, std::int64_t n, Generator g) {
  Tensors parts;
  for (std::int64_t c = 0; c < kClasses; ++c)
    parts.push_back(
        p.of_class[static_cast<std::size_t>(c)].sample(n, g.fork(static_cast<std::uint64_t>(c)).state().seed));
  return concat(parts, 0);
}

/// Mean over classes of the sliced W2 between x and y.
double w2_within(const Tensor& x, const Tensor& y, Generator g) {
  double total = 0;
  const std::int64_t n = x.size(0) / kClasses;
  for (std::int64_t c = 0; c < kClasses; ++c)
    total += sliced_w2(narrow(x, 0, c * n, n).to(f64), narrow(y, 0, c * n, n), g, 64) / kClasses;
  return total;
}

struct Way {
  std::string name;
  bool exact, flow;
  std::function<TimeScore(double w)> field;
  std::vector<Tensor> samples{};  // one for each weight
  std::vector<Outcome> outcomes{};
};

Tensor sample(Lab& lab, const Problem& p, const Way& way, double w, const Tensor& start, Generator g) {
  const auto go_on = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
  const Tensor x = way.exact ? start : start.to(f32);
  if (way.flow)
    return probability_flow(way.field(w), p.sde, x,
                            {.steps = lab.pick<std::int64_t>(way.exact ? 0 : 40, 6), .progress = go_on});
  ReverseSdeOptions o;
  o.steps = lab.pick<std::int64_t>(200, 10);
  o.progress = go_on;
  return reverse_sde(way.field(w), p.sde, x, g, o);
}

const Way& named(const std::vector<Way>& ways, const std::string& name) {
  return *std::find_if(ways.begin(), ways.end(), [&](const Way& w) { return w.name == name; });
}

void figures(Lab& lab, const Problem& p, const std::vector<Way>& ways, const std::vector<double>& weights,
             const Outcome& truth) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i] == 0 || weights[i] == 1 || weights[i] == 2 || weights[i] == 8) shown.push_back(i);
  Chart clouds({.columns = static_cast<int>(shown.size()), .width = 290, .height = 300});
  const Axis x_axis{.label = "x", .min = -3.8, .max = 3.8}, y_axis{.label = "y", .min = -3.8, .max = 3.8};
  const Extent extent{-3.8, 3.8, -3.8, 3.8};
  const Tensor at = grid_points(extent, 76, 76);
  for (const auto& way : ways)
    for (const auto i : shown) {
      auto panel = clouds.panel(fmt::format("{}, w = {}", way.name, weights[i]), x_axis, y_axis);
      const std::int64_t n = way.samples[i].size(0) / kClasses;
      for (std::int64_t c = 0; c < kClasses; ++c) {
        const auto k = static_cast<std::size_t>(c);
        panel.scatter("y = " + std::to_string(c), narrow(way.samples[i], 0, c * n, n),
                      {.color = chart_color(k), .opacity = 0.6, .size = 2});
        panel.contours("", reshape(exp(p.of_class[k].log_density(at)), {76, 76}), extent, {kLow, 0.2},
                       {.color = "#000000", .width = 0.7});
      }
      panel.equal_aspect();
    }
  lab.figure("clouds.svg", clouds,
             "Samples, coloured by the class asked for. Lines: p(x | y) = 0.04 and 0.2 of each class."
             " Rows: networks with a classifier and without one, by the flow; exact fields by the flow and by the "
             "reverse SDE.");

  Chart sweep({.columns = 2, .width = 470, .height = 360});
  auto wrong = sweep.panel("Probability of the other classes", {.label = "weight w"},
                           {.label = "mean of 1 − p(y | x), true", .log = true});
  auto spread =
      sweep.panel("Variance within the class", {.label = "weight w"}, {.label = "trace of the covariance", .min = 0});
  for (const auto& way : ways) {
    std::vector<double> a, b;
    for (const auto& o : way.outcomes) a.push_back(1 - o.probability), b.push_back(o.spread);
    wrong.line(way.name, weights, a, {.markers = true, .dashed = !way.exact});
    spread.line(way.name, weights, b, {.markers = true, .dashed = !way.exact});
  }
  wrong.horizontal("exact draws of p(x | y)", 1 - truth.probability, {.color = "#777777", .width = 1});
  spread.horizontal("exact draws of p(x | y)", truth.spread, {.color = "#777777", .width = 1});
  lab.figure("sweep.svg", sweep, "The sweep of the weight. Dashed: networks.");
}

void report(Lab& lab, const Problem& p, const std::vector<Way>& ways, const std::vector<double>& weights,
            const Outcome& truth, const std::vector<Row>& rows, std::int64_t n, std::int64_t pairs) {
  const double largest = weights.back();
  const auto last = [&](const std::string& name) { return named(ways, name).outcomes.back(); };
  const auto at_one = static_cast<std::size_t>(std::find(weights.begin(), weights.end(), 1.0) - weights.begin());
  const auto flow = named(ways, "exact, flow"), sde = named(ways, "exact, reverse SDE");
  lab.text(
      "Three classes, equally likely, of two Gaussians each; a network for the score of the VP SDE that is told the "
      "class, or, for "
      "0.15 of the samples in training, that there is none; and a classifier of noisy points. Guidance by the "
      "classifier adds "
      "w ∇ log p(y | x<sub>t</sub>) to the score of all classes; guidance without one goes from that score towards the "
      "one of the class, "
      "s + w (s<sub>y</sub> − s). With exact fields the two are the same, for ∇ log p(y | x<sub>t</sub>) = "
      "s<sub>y</sub> − s (checked at "
      "the end of the page); w = 0 ignores the class and w = 1 is the plain conditional score.");
  figures(lab, p, ways, weights, truth);
  lab.table("sweep.csv",
            "Samples by weight, " + std::to_string(n) +
                " of each class. Share: of samples whose likeliest class is the one asked for; probability: the mean "
                "of the true p(y | x) of "
                "that class; variance: trace of the covariance within the class; outside: share with p(x | y) below "
                "0.04; sliced W2 to exact draws of p(x | y), "
                "only at w = 1 "
                "(mean over the classes; in the last row the 99th percentile of " +
                std::to_string(pairs) + " pairs of exact sets). Networks: the flow, 40 steps of Heun.",
            {"field, sampler", "w", "share", "probability", "variance", "outside", "sliced W2"}, rows);
  lab.text("At w = 1 the exact fields give the conditional law: probability " +
           num(flow.outcomes[at_one].probability, 4) + " by the flow and " + num(sde.outcomes[at_one].probability, 4) +
           " by the reverse SDE, variance " + num(flow.outcomes[at_one].spread) + " and " +
           num(sde.outcomes[at_one].spread) + "; exact draws have " + num(truth.probability, 4) + " and " +
           num(truth.spread) + ". Larger weights buy certainty with variety: at w = " + num(largest) +
           " the variance is " + num(flow.outcomes.back().spread) + " by the exact flow, with probability " +
           num(flow.outcomes.back().probability, 6) + "; and " + num(100 * flow.outcomes.back().outside, 3) +
           " % of the samples lie where p(x | y) is below " + num(kLow) + ", where exact draws have " +
           num(100 * truth.outside, 2) + " %.");
  lab.text("The networks' guided fields err by w times the errors of what w multiplies. At w = " + num(largest) +
           " the variance is " + num(last("classifier, trained").spread) + " with the classifier and " +
           num(last("classifier-free, trained").spread) + " without, where the exact flow's is " +
           num(flow.outcomes.back().spread) + ", and " + num(100 * last("classifier, trained").outside, 3) + " % and " +
           num(100 * last("classifier-free, trained").outside, 3) +
           " % lie outside, where there were few data or none in training.");
  lab.text(
      "<b>What is sampled with w &ne; 1?</b> Not p(x) p(y | x)<sup>w</sup>: that density, perturbed by the diffusion's "
      "noise, does not have "
      "the guided field as its score at any time but t = 0. Compare no samples with it. One sees so without knowing "
      "the law: the flow and "
      "the reverse SDE, which agree at w = 1, part. With the same exact field the variance at w = " +
      num(largest) + " is " + num(flow.outcomes.back().spread) + " by the one and " + num(sde.outcomes.back().spread) +
      " by the other.");
}

}  // namespace

void guidance(Lab& lab) {
  NoGrad guard;
  const Problem p;
  const std::int64_t n = lab.pick<std::int64_t>(500, 60), pairs = lab.pick<std::int64_t>(100, 10);
  Generator& g = lab.generator();
  Generator initial = g.fork(0);
  const Nets nets(lab, initial);
  train(lab, p, nets, g.fork(1));

  std::vector<std::int64_t> asked;
  for (std::int64_t i = 0; i < kClasses * n; ++i) asked.push_back(i / n);
  const Tensor labels = lab.put(from_vector(asked, {kClasses * n})),
               null_label = full(labels.shape(), kClasses, i64, lab.device());
  const auto by_classifier = [&](const ConditionalScore& s, const NoisyClassifier& c) {
    return [&, s, c](double w) {
      return classifier_guidance([s, null_label](const Tensor& x, const Tensor& t) { return s(x, t, null_label); }, c,
                                 labels, w);
    };
  };
  const auto without = [&](const ConditionalScore& s) {
    return [&, s](double w) { return classifier_free_guidance(s, labels, kClasses, w); };
  };
  const auto exact = p.conditional(), learned = nets.conditional(p.sde);
  std::vector<Way> ways{{"classifier, trained", false, true, by_classifier(learned, nets.noisy_classifier())},
                        {"classifier-free, trained", false, true, without(learned)},
                        {"exact, flow", true, true, without(exact)},
                        {"exact, reverse SDE", true, false, without(exact)}};
  const std::vector<double> weights =
      lab.quick() ? std::vector<double>{0, 1, 4} : std::vector<double>{0, 0.5, 1, 2, 4, 8};

  // The two guidances are one: grad log p(y | x_t) = s(x_t | y) - s(x_t).
  Generator random = g.fork(2);
  const Tensor start = randn({kClasses * n, 2}, random, f64, lab.device()),
               t = uniform({kClasses * n}, random, 0.001, 1, f64, lab.device());
  const auto difference = [&](const std::function<TimeScore(double)>& a, const std::function<TimeScore(double)>& b) {
    const Tensor x = 1.5 * start, u = a(3)(x, t), v = b(3)(x, t);
    return max(abs(u - v)).item() / max(abs(u)).item();
  };
  lab.check("exact fields, w = 3: largest difference of the two guidances over the largest value",
            difference(by_classifier(exact, p.classifier()), without(exact)), 0, 1e-10);

  std::vector<Outcome> exact_sets;
  std::vector<double> null;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const Tensor a = exact_draws(p, n, g.fork(100 + static_cast<std::uint64_t>(2 * i))),
                 b = exact_draws(p, n, g.fork(101 + static_cast<std::uint64_t>(2 * i)));
    exact_sets.push_back(outcome(p, a));
    null.push_back(w2_within(a, b, g.fork(3)));
  }
  const double null_w2 = percentile(null, 0.99);
  const Outcome truth = outcome(p, exact_draws(p, lab.pick<std::int64_t>(kTruth, 5000), g.fork(4)));
  std::vector<double> off_probability, off_spread;
  for (const auto& o : exact_sets) {
    off_probability.push_back(std::abs(o.probability - truth.probability));
    off_spread.push_back(std::abs(o.spread - truth.spread));
  }

  const Tensor reference = exact_draws(p, n, g.fork(5));
  std::vector<Row> rows;
  Work work(lab, "sampling", static_cast<std::int64_t>(ways.size() * weights.size()));
  std::int64_t done = 0;
  for (auto& way : ways)
    for (const double w : weights) {
      way.samples.push_back(sample(lab, p, way, w, start, g.fork(6)));
      way.outcomes.push_back(outcome(p, way.samples.back()));
      const Outcome& o = way.outcomes.back();
      rows.push_back({way.name, w, o.share, o.probability, o.spread, o.outside,
                      w == 1 ? Cell(w2_within(way.samples.back(), reference, g.fork(3))) : Cell("–")});
      work.update(++done);
    }
  rows.push_back(
      {"exact draws of p(x | y)", "–", truth.share, truth.probability, truth.spread, truth.outside, null_w2});

  report(lab, p, ways, weights, truth, rows, n, pairs);
  if (lab.quick()) return;
  const auto at_one = static_cast<std::size_t>(std::find(weights.begin(), weights.end(), 1.0) - weights.begin());
  for (const auto& way : ways)
    if (way.exact) {
      const Outcome& o = way.outcomes[at_one];
      lab.check(way.name + ", w = 1: mean probability of the class asked for; truth: " + std::to_string(kTruth) +
                    " exact draws of each class; allowed: 1.5 times the 99th percentile of exact sets",
                o.probability, truth.probability, 1.5 * percentile(off_probability, 0.99));
      lab.check(way.name + ", w = 1: variance within the class, as above", o.spread, truth.spread,
                1.5 * percentile(off_spread, 0.99));
    }
}

}  // namespace stein::tools
