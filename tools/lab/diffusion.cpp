// SPDX-License-Identifier: MIT
// Diffusions on a mixture whose score and likelihood are known: DDPM and the SDEs are one; SDE against ODE; likelihoods.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/mixture_score.h"
#include "smld/objectives.h"
#include "tensor/recording.h"
#include "tools/lab/diffusion.h"
#include "tools/lab/fit.h"

namespace stein::tools {
namespace {

using namespace smld;
using namespace diffusions;

/// Four Gaussians of unlike weights and shapes; mean 0, so that VE's prior N(0, sigma_max^2 I) fits best.
GaussianMixture data_law() {
  const Tensor w = tensor({0.4, 0.3, 0.2, 0.1}, f64),
               m = tensor({{-1.3, -0.8}, {1.5, 0.6}, {-0.6, 1.6}, {1.9, -1.8}}, f64);
  return {w, m - sum(reshape(w, {4, 1}) * m, {0}),
          from_vector<double>({0.16, 0.1, 0.1, 0.16, 0.09, -0.06, -0.06, 0.16, 0.25, 0, 0, 0.04, 0.04, 0, 0, 0.04},
                              {4, 2, 2})};
}

nn::ConditionalMLP small_net(const Lab& lab, nn::TimeFeatures time, Generator& g) {
  return lab.put(nn::ConditionalMLP({.hidden = {96, 96, 96}, .condition = {.time = time, .width = 64}}, g));
}

Family family(const Lab& lab, const std::string& name, const Sde& sde, const MixtureScore& exact, Generator& g) {
  const bool ve = sde.kind() == Sde::Kind::ve;
  const auto net = small_net(lab, ve ? nn::TimeFeatures::log_fourier : nn::TimeFeatures::sinusoidal, g);
  // VE's inputs grow with sigma: brought back to order 1.
  const TimeScore raw = [net, ve](const Tensor& x, const Tensor& t) {
    return ve ? net(x / sqrt(unsqueeze(1 + square(t), 1)), t) : net(x, t);
  };
  return {name, sde, net, sde.score_of(raw), exact.score_of(sde)};
}

FitOptions fit_options(const Lab& lab) { return {.steps = lab.pick<std::int64_t>(4000, 40), .lr = 5e-3}; }

/// The time at which VP's kernel is that of the chain's step i: B(t) = -ln abar_i, B(t) = 0.1 t + 9.95 t^2.
// At most 1 up to step 996: the last steps of the chain add up to a little more noise than the SDE has at t = 1.
double vp_time(const DdpmSchedule& chain, std::int64_t i) {
  return (-0.1 + std::sqrt(0.01 - 39.8 * std::log(chain.alpha_bar(i)))) / 19.9;
}

// ---- DDPM is a score ----

struct Ddpm {
  DdpmSchedule chain;
  nn::ConditionalMLP net;
  NoiseModel trained() const {
    return [net = net](const Tensor& x, const Tensor& t) { return net(x, t); };
  }
};

void ddpm_is_a_score(Lab& lab, const MixtureScore& exact, const GaussianMixture& p, const Ddpm& ddpm, const Family& vp,
                     Generator g) {
  lab.heading("DDPM is a score");
  const NoiseModel eps = exact.noise_of(ddpm.chain);
  const TimeScore s = exact.score_of(vp.sde);
  const Tensor x0 = lab.put(p.sample(lab.pick<std::int64_t>(2000, 200), g.state().seed));
  const auto all = [&](double value, DType dtype) { return full({x0.size(0)}, value, dtype, lab.device()); };
  std::vector<Row> rows;
  double matched = 0, between = 0, own = 0;
  for (const std::int64_t i : {1, 10, 100, 300, 600, 990}) {
    const double t = vp_time(ddpm.chain, i), sigma = vp.sde.sigma(t);
    const Tensor x = vp.sde.alpha(t) * x0 + sigma * randn_like(x0, g);
    const Tensor noise = eps(x, all(static_cast<double>(i), i64));
    const auto off = [&](double time) { return max(abs(noise + vp.sde.sigma(time) * s(x, all(time, f64)))).item(); };
    // two networks, trained apart
    const Tensor by_ddpm = ddpm.trained()(x.to(f32), all(static_cast<double>(i), i64));
    const Tensor by_vp = -sigma * vp.trained(x.to(f32), all(t, f32));
    const double nets = std::sqrt(mean(per_sample(square(by_ddpm - by_vp))).item());
    const double truth = std::sqrt(mean(per_sample(square(by_ddpm.to(f64) - noise))).item());
    matched = std::max(matched, off(t));
    between = std::max(between, nets);
    own = std::max(own, truth);
    rows.push_back({i, ddpm.chain.alpha_bar(i), t, off(t), off(static_cast<double>(i) / 1000), nets, truth});
  }
  lab.text(
      "DDPM's network returns the noise, ε(x, i) = −σ<sub>i</sub> s(x, i). Its chain has the kernels of the VP SDE: "
      "step i is the "
      "time t at which ᾱ<sub>i</sub> = exp(−∫<sub>0</sub><sup>t</sup>β). There the exact noise model and −σ times the "
      "exact score of "
      "the SDE differ by at most " +
      num(matched, 2) +
      ", which is rounding; at t = i/1000 only nearly, for ∏(1−β<sub>i</sub>) "
      "is not the exponential of a sum. Two networks, one trained by |z − ε|<sup>2</sup> and one by ½σ<sup>2</sup>|s + "
      "z/σ|<sup>2</sup>, "
      "learn the same function up to their errors: they differ by at most " +
      num(between, 2) + " (root mean square; z itself has 1.4), where DDPM's is off the exact noise by at most " +
      num(own, 2) + ".");
  lab.check("exact mixture: largest |ε + σ s| of the DDPM noise and the VP score at matching times", matched, 0, 1e-9);
  lab.table("ddpm-score.csv", "At DDPM's step i and VP's time t.",
            {"i", "ᾱ", "t of the same kernel", "exact: max |ε + σs| at t", "at i/1000", "networks: rms |ε + σs| at t",
             "DDPM's network: rms |ε − ε*|"},
            rows);

  // The losses, term by term: the same points, times and noise.
  const std::int64_t n = 256;
  const Tensor x = narrow(x0, 0, 0, std::min(n, x0.size(0))), i = lab.put(integers(1, 997, {x.size(0)}, g)),
               z = randn_like(x, g);
  std::vector<double> t;
  for (auto k : i.to_vector<std::int64_t>()) t.push_back(vp_time(ddpm.chain, k));
  const Tensor as_noise = total(ddpm_terms(eps, x, i, z, ddpm.chain));
  const Tensor as_score = total(sde_terms(s, x, lab.put(from_vector(t, {x.size(0)})), z, vp.sde, Weighting::sigma2));
  lab.check(
      "DDPM's loss over twice the SDE's with λ = σ<sup>2</sup>, same points, times and noise: largest difference from "
      "1, with "
      "the exact score",
      max(abs(as_noise / (2 * as_score) - 1)).item(), 0, 1e-6);
}

// ---- the networks ----

/// E 1/2 |sigma (s - s*)|^2 over perturbed draws, along sigma / alpha, on which all families agree.
void network_errors(Lab& lab, const std::vector<Family>& families, const GaussianMixture& p, Generator g) {
  const Tensor x0 = lab.put(p.sample(lab.pick<std::int64_t>(2000, 100), g.state().seed));
  const auto all = [&](double t, DType dtype) { return full({x0.size(0)}, t, dtype, lab.device()); };
  Chart chart({.columns = 1, .width = 620, .height = 340});
  auto panel = chart.panel("Error of the networks", {.label = "noise over signal, σ(t)/α(t)", .log = true},
                           {.label = "½ E|σ(s − s*)|²", .log = true});
  std::vector<Row> rows;
  for (const auto& f : families) {
    std::vector<double> ratio, error;
    for (int i = 0; i < 25; ++i) {
      // even in the logarithm of t; VE's sigma is geometric in t itself
      const double u = i / 24.0, t = f.sde.kind() == Sde::Kind::ve ? std::max(u, 1e-5) : std::pow(10, -3.5 * (1 - u));
      const double sigma = f.sde.sigma(t);
      const Tensor x = f.sde.alpha(t) * x0 + sigma * randn_like(x0, g), exact = f.exact(x, all(t, f64));
      const Tensor trained = f.trained(x.to(f32), all(t, f32)).to(f64);
      ratio.push_back(sigma / f.sde.alpha(t));
      error.push_back(0.5 * mean(per_sample(square(sigma * (trained - exact)))).item());
      rows.push_back({f.name, t, ratio.back(), error.back()});
    }
    panel.line(f.name, ratio, error, {.markers = true});
  }
  lab.figure("networks.svg", chart,
             "What the loss with λ = σ<sup>2</sup> is above the lowest possible, by noise level: σ<sup>2</sup>/2 times "
             "the Fisher divergence from the "
             "exact score.");
  lab.csv("networks.csv", {"diffusion", "t", "sigma over alpha", "excess"}, rows);
}

// ---- sampling ----

Row row_of(const std::string& family, const std::string& sampler, const std::string& score, const Sampled& s,
           const Yardstick& far) {
  const Distances d = far(s.x);
  return {family, sampler, score, s.evaluations, d.w2, d.mmd, d.weights};
}

void sampling(Lab& lab, const std::vector<Family>& families, const Ddpm& ddpm, const MixtureScore& exact,
              const Yardstick& far, std::int64_t n, Generator g) {
  lab.heading("SDE against ODE");
  const std::int64_t many = lab.pick<std::int64_t>(300, 20), few = lab.pick<std::int64_t>(20, 5);
  std::vector<Row> rows;
  Work work(lab, "sampling", static_cast<std::int64_t>(10 * families.size()) + 4);
  std::int64_t done = 0;

  Chart clouds({.columns = 4, .width = 300, .height = 300});
  const Axis x_axis{.label = "x", .min = -3.2, .max = 3.2}, y_axis{.label = "y", .min = -3.2, .max = 3.2};
  const auto cloud = [&](const std::string& title, const Tensor& x, const std::string& color) {
    clouds.panel(title, x_axis, y_axis).scatter("", x, {.color = color, .opacity = 0.5, .size = 2}).equal_aspect();
  };
  cloud("exact draws", far.exact(), "#000000");
  for (const auto& f : families) {
    const Tensor start = prior_sample(f.sde, {n, 2}, g, f32, lab.device());
    for (const bool trained : {true, false}) {
      const TimeScore& s = trained ? f.trained : f.exact;
      const std::string score = trained ? "trained" : "exact";
      const auto add = [&](const std::string& sampler, const Sampled& x) {
        rows.push_back(row_of(f.name, sampler, score, x, far));
        if (trained && sampler == "flow, adaptive") cloud(f.name + ", trained, flow", x.x, chart_color(0));
        work.update(++done);
      };
      add("Euler-Maruyama", by_sde(lab, s, f.sde, start, g.fork(1), Predictor::euler_maruyama, many));
      add("reverse diffusion", by_sde(lab, s, f.sde, start, g.fork(2), Predictor::reverse_diffusion, many));
      add("with corrector", by_sde(lab, s, f.sde, start, g.fork(3), Predictor::reverse_diffusion, many / 2, 1));
      add("flow, Heun", by_flow(lab, s, f.sde, start, few));
      add("flow, adaptive", by_flow(lab, s, f.sde, start, lab.pick<std::int64_t>(0, few)));
    }
  }
  for (const bool trained : {true, false}) {
    const NoiseModel eps = trained ? ddpm.trained() : exact.noise_of(ddpm.chain);
    const std::string score = trained ? "trained" : "exact";
    const Tensor start = randn({n, 2}, g, f32, lab.device());
    Generator noise = g.fork(4);
    DdpmOptions o;
    o.progress = [&](std::int64_t, std::int64_t) { return lab.go_on(); };
    const DdpmSchedule& chain = ddpm.chain;
    if (!lab.quick())
      rows.push_back(row_of("DDPM", "ancestral", score, {smld::ddpm(eps, chain, start, noise, o), 1000}, far));
    work.update(++done);
    DdimOptions d;
    d.steps = 2 * few;
    rows.push_back(row_of("DDPM", "DDIM", score, {ddim(eps, chain, start, noise, d), d.steps}, far));
    work.update(++done);
  }
  const Distances& null = far.null();
  std::array<long long, 2> adaptive{};
  std::array<std::array<std::int64_t, 4>, 2> above{};  // [trained][all, W2, MMD, weights]
  for (const auto& row : rows) {
    const bool trained = row[2].text == "trained";
    auto& count = above[trained];
    if (row[1].text == "flow, adaptive") adaptive[trained] = std::max(adaptive[trained], std::stoll(row[3].text));
    ++count[0];
    count[1] += row[4].value > null.w2;
    count[2] += row[5].value > null.mmd;
    count[3] += row[6].value > null.weights;
    if (!lab.quick() && row[2].text == "exact" &&
        (row[1].text == "flow, adaptive" || row[1].text == "reverse diffusion"))
      lab.check(row[0].text + ", " + row[1].text +
                    ", exact score: sliced W<sub>2</sub>; allowed: the 99th percentile of two exact sets",
                row[4].value, 0, null.w2);
  }
  const auto counts = [&](std::size_t k) {
    const auto& c = above[k];
    return fmt::format("{} of {} by sliced W<sub>2</sub>, {} by MMD and {} by the weights", c[1], c[0], c[2], c[3]);
  };
  rows.push_back({"–", "two exact sets, 99th percentile", "–", "–", null.w2, null.mmd, null.weights});
  lab.figure("clouds.svg", clouds,
             std::to_string(n) +
                 " exact draws, and as many samples of the three trained networks by the adaptive probability flow.");
  lab.table(
      "samplers.csv",
      "Every sampler with the trained and with the exact score, " + std::to_string(n) +
          " samples. Sliced W2: to one set of exact draws. MMD: the square root, with the mixture itself, bandwidth " +
          num(far.bandwidth()) +
          ", 0 where the unbiased estimate of the square is below 0. Weights: the largest error of a component's "
          "share.",
      {"diffusion", "sampler", "score", "evaluations", "sliced W2", "MMD", "weights"}, rows);
  lab.text(
      "The last row is what exact draws have: samples below it cannot be told from exact ones by that distance. Above "
      "it are, with the exact "
      "score, " +
      counts(0) + "; with the trained ones, " + counts(1) + ". Compare the evaluations: the SDEs were given " +
      std::to_string(many) + "; the adaptive flow took up to " + std::to_string(adaptive[0]) +
      " with the exact score and up to " + std::to_string(adaptive[1]) + " with networks, whose fields are rougher.");
}

}  // namespace

void diffusion(Lab& lab) {
  NoGrad guard;
  const GaussianMixture p = data_law();
  lab.text(
      "The data come from four Gaussians in the plane, whose score is known at every noise level and every time. Four "
      "networks of one size are "
      "trained: one as DDPM predicts noise, and one each for the VP, sub-VP and VE SDE, with the weighting λ = "
      "σ<sup>2</sup>. Whatever is measured "
      "of them is measured with the exact score as well.");
  const MixtureScore exact(p);
  Generator& g = lab.generator();
  Generator initial = g.fork(0), batches = g.fork(1);
  const std::int64_t n = lab.pick<std::int64_t>(2000, 200), batch = lab.pick<std::int64_t>(256, 64);
  std::vector<Family> families;
  families.push_back(family(lab, "VP", Sde::vp(), exact, initial));
  families.push_back(family(lab, "sub-VP", Sde::sub_vp(), exact, initial));
  families.push_back(family(lab, "VE", Sde::ve(0.01, 20), exact, initial));
  const Ddpm ddpm{DdpmSchedule(), small_net(lab, nn::TimeFeatures::sinusoidal, initial)};

  const Tensor pool = lab.put(p.sample(lab.pick<std::int64_t>(50000, 1000), g.fork(2).state().seed).to(f32));
  const auto train = [&](const std::string& name, const nn::Module& net, const Objective& objective,
                         const LevelScore& model) {
    NoGrad record(false);
    fit(lab, "training " + name, net, fit_options(lab),
        [&] { return objective(model, draw_rows(pool, batch, batches), batches).value; });
  };
  for (const auto& f : families) train(f.name, f.net, objective::sde(f.sde), f.trained);
  train("DDPM", ddpm.net, objective::ddpm(ddpm.chain), ddpm.trained());

  const Yardstick far(p, n, lab.pick<std::int64_t>(100, 5), g.fork(3));
  lab.heading("The networks");
  network_errors(lab, families, p, g.fork(9));
  ddpm_is_a_score(lab, exact, p, ddpm, families[0], g.fork(4));
  sampling(lab, families, ddpm, exact, far, n, g.fork(5));
  paths(lab, families[0], p, g.fork(7));
  budget(lab, families[0], far, n, g.fork(8));
  likelihoods(lab, families, p, g.fork(6));
}

}  // namespace stein::tools
