// SPDX-License-Identifier: MIT
// Samples and likelihoods by the reverse SDE and by the flow.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "smld/likelihood.h"
#include "tools/lab/diffusion.h"

namespace stein::tools::diffusions {

using namespace smld;

Sampled by_sde(const Lab& lab, const TimeScore& s, const Sde& sde, const Tensor& start, Generator g,
               Predictor predictor, std::int64_t steps, std::int64_t corrector) {
  ReverseSdeOptions o;
  o.steps = steps;
  o.predictor = predictor;
  o.corrector_steps = corrector;
  o.progress = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
  return {reverse_sde(s, sde, start, g, o), steps * (1 + corrector)};
}

Sampled by_flow(const Lab& lab, const TimeScore& s, const Sde& sde, const Tensor& start, std::int64_t steps) {
  const auto go_on = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
  const OdeResult r = probability_flow(s, sde, start, 1, sde.sampling_end(), {.steps = steps, .progress = go_on});
  return {r.y, r.evaluations};
}

void paths(Lab& lab, const Family& vp, const GaussianMixture& p, Generator g) {
  constexpr std::int64_t kParticles = 12, nt = 80, nx = 80;
  const std::int64_t steps = lab.pick<std::int64_t>(400, 40);
  const GaussianMixture first(p.weights(), narrow(p.means(), 1, 0, 1),
                              narrow(narrow(p.covariances(), 1, 0, 1), 2, 0, 1).contiguous());
  const Extent extent{0, 1, -3.5, 3.5};
  Tensors columns;
  Tensor xs = empty({nx, 1}, f64);
  for (std::int64_t i = 0; i < nx; ++i) xs.mutable_data<double>()[i] = -3.5 + 7 * (static_cast<double>(i) + 0.5) / nx;
  for (std::int64_t i = 0; i < nt; ++i) {
    const double t = (static_cast<double>(i) + 0.5) / nt;
    columns.push_back(unsqueeze(exp(first.perturbed(vp.sde.alpha(t), vp.sde.sigma(t)).log_density(xs)), 1));
  }
  const Tensor density = concat(columns, 1), start = randn({kParticles, 2}, g, f64, lab.device());
  Chart chart({.columns = 2, .width = 480, .height = 360});
  const auto draw = [&](const std::string& title, const std::vector<double>& t, const std::vector<Tensor>& x) {
    auto panel = chart.panel(title, {.label = "t (data at 0, noise at 1)", .min = 0, .max = 1},
                             {.label = "first coordinate", .min = -3.5, .max = 3.5});
    panel.heatmap("density", density, extent, {.min = 0, .max = 0.5});
    for (std::int64_t i = 0; i < kParticles; ++i) {
      std::vector<double> y;
      for (const auto& at : x) y.push_back(at[i][0].item());
      panel.line("", t, y, {.color = "#ffffff", .width = 1.1});
    }
  };
  std::vector<double> t;
  std::vector<Tensor> x;
  ReverseSdeOptions o;
  o.steps = steps;
  o.constraint = [&](const Tensor& now, double, double) {
    const double end = vp.sde.sampling_end(), i = static_cast<double>(t.size());
    t.push_back(t.size() < static_cast<std::size_t>(steps) ? 1 - (1 - end) * i / static_cast<double>(steps - 1) : 0);
    x.push_back(now.clone());
    return now;
  };
  Generator noise = g.fork(1);
  reverse_sde(vp.exact, vp.sde, start, noise, o);
  draw("Reverse SDE", t, x);
  t = {1};
  x = {start};
  for (int i = 1; i <= 60; ++i) {
    const double next = 1 - (1 - vp.sde.sampling_end()) * i / 60;
    x.push_back(probability_flow(vp.exact, vp.sde, x.back(), t.back(), next, {.steps = 1}).y);
    t.push_back(next);
  }
  draw("Probability flow", t, x);
  lab.figure("paths.svg", chart,
             "The same starts at t = 1, right in both panels, by the reverse SDE and by the flow, VP, exact score: "
             "particles wander with the one, and "
             "move on smooth lines that never cross in the plane with the other; the density at every time, in "
             "colours, is the same.");
}

namespace {

std::string first_below(const std::vector<Row>& rows, const std::string& sampler, double mmd) {
  for (const auto& row : rows)
    if (row[0].text == "exact" && row[1].text == sampler && row[4].value < mmd) return row[2].text;
  return "none of those tried";
}

}  // namespace

void budget(Lab& lab, const Family& vp, const Yardstick& far, std::int64_t n, Generator g) {
  const Tensor start = randn({n, 2}, g, f64, lab.device());
  const std::vector<std::int64_t> counts =
      lab.quick() ? std::vector<std::int64_t>{8, 16} : std::vector<std::int64_t>{8, 16, 32, 64, 128, 256};
  Chart chart({.columns = 2, .width = 470, .height = 360});
  std::vector<Row> rows;
  Work work(lab, "by number of evaluations", static_cast<std::int64_t>(6 * counts.size()));
  std::int64_t done = 0;
  for (const bool trained : {false, true}) {
    auto panel =
        chart.panel(trained ? "VP, trained score" : "VP, exact score",
                    {.label = "evaluations of the score", .log = true}, {.label = "MMD with the mixture", .min = 0});
    for (const std::string sampler : {"Euler-Maruyama", "reverse diffusion", "flow, Heun"}) {
      std::vector<double> x, y;
      for (const auto count : counts) {
        const TimeScore& s = trained ? vp.trained : vp.exact;
        const Tensor from = trained ? start.to(f32) : start;
        const Sampled r =
            sampler == "flow, Heun"
                ? by_flow(lab, s, vp.sde, from, count / 2)
                : by_sde(lab, s, vp.sde, from, g.fork(1),
                         sampler == "Euler-Maruyama" ? Predictor::euler_maruyama : Predictor::reverse_diffusion, count);
        const Distances d = far(r.x);
        x.push_back(static_cast<double>(r.evaluations));
        y.push_back(d.mmd);
        rows.push_back({trained ? "trained" : "exact", sampler, r.evaluations, d.w2, d.mmd, d.weights});
        work.update(++done);
      }
      panel.line(sampler, x, y, {.markers = true});
    }
    panel.horizontal("two exact sets, 99th percentile", far.null().mmd,
                     {.color = "#777777", .width = 1.2, .dashed = true});
  }
  lab.figure("budget.svg", chart,
             "MMD of " + std::to_string(n) +
                 " samples against the number of evaluations of the score. Below the dashed line "
                 "they cannot be told from exact draws by this distance.");
  lab.text("The first count at which the distance is below the line, exact score: " +
           first_below(rows, "Euler-Maruyama", far.null().mmd) + " with Euler-Maruyama, " +
           first_below(rows, "reverse diffusion", far.null().mmd) + " with reverse diffusion, " +
           first_below(rows, "flow, Heun", far.null().mmd) + " with Heun's method on the flow.");
  lab.csv("budget.csv", {"score", "sampler", "evaluations", "sliced W2", "MMD", "largest error of a weight"}, rows);
}

void likelihoods(Lab& lab, const std::vector<Family>& families, const GaussianMixture& p, Generator g) {
  lab.heading("Likelihood");
  Chart chart({.columns = 3, .width = 360, .height = 330});
  std::vector<Row> rows;
  const Tensor x = lab.put(p.sample(lab.pick<std::int64_t>(400, 10), g.state().seed));
  for (const auto& f : families) {
    const Tensor truth = p.log_density(x, f.sde.kind() == Sde::Kind::ve ? f.sde.sigma(1e-5) : 0);
    LikelihoodOptions o;
    if (lab.quick()) o.rtol = o.atol = 1e-2;
    o.progress = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
    LikelihoodOptions tight = o;
    tight.rtol = tight.atol = lab.pick(1e-6, 1e-4);
    const Likelihood exact = log_likelihood(f.exact, f.sde, x, tight),
                     trained = log_likelihood(f.trained, f.sde, x.to(f32), o);
    const Tensor off_exact = exact.log_p - truth, off = trained.log_p.to(f64) - truth;
    const double largest = max(abs(off_exact)).item(), allowed = f.sde.kind() == Sde::Kind::ve ? 0.035 : 0.005;
    if (!lab.quick())
      lab.check(f.name + ": largest error of log p by the flow of the exact score", largest, 0, allowed);
    rows.push_back({f.name, exact.evaluations, mean(abs(off_exact)).item(), largest, trained.evaluations,
                    mean(abs(off)).item(), -mean(off).item(),
                    std::sqrt(var(off).item() / static_cast<double>(x.size(0))), mean(truth).item()});
    chart.panel(f.name, {.label = "true log p"}, {.label = "log p by the flow"})
        .line("equal", {min(truth).item(), max(truth).item()}, {min(truth).item(), max(truth).item()},
              {.color = "#777777", .width = 1})
        .scatter("trained score", truth, trained.log_p, {.color = chart_color(1), .size = 3})
        .scatter("exact score", truth, exact.log_p, {.color = "#000000", .size = 3});
  }
  lab.figure("likelihood.svg", chart,
             "log p of " + std::to_string(x.size(0)) + " draws by the flow, against the mixture's own.");
  lab.table("likelihood.csv",
            "Error of log p by the flow; Kullback-Leibler divergence of the flow's law from the truth, as the mean of "
            "true log p − log p by the flow, with "
            "its standard error. VE's truth is the mixture smoothed by its smallest noise.",
            {"diffusion", "evaluations, exact score", "mean |error|", "largest |error|", "evaluations, trained",
             "mean |error|, trained", "KL, trained", "± of KL", "mean of log p"},
            rows);
  lab.text(
      "With the exact score the flow is an exact formula for log p, up to the solver's tolerance and the prior, which "
      "stands for the law at t = 1: "
      "VE's N(0, 20<sup>2</sup> I) leaves the data's own variance out. With a network the density is exact, too, but "
      "that of the network's flow, another law than "
      "the data's: the mean error of log p says how far, point by point; the mean difference is a divergence and, but "
      "for chance, not below 0.");
}

}  // namespace stein::tools::diffusions
