// SPDX-License-Identifier: MIT
// Second part of the experiment `equivalence`: the ratio estimator of the marginal score, Stein's identity, Tweedie's formula.
#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "smld/conversions.h"
#include "smld/mixture_score.h"
#include "smld/trace.h"
#include "tools/lab/equivalence.h"
#include "tools/lab/statistics.h"

namespace stein::tools {

using smld::GaussianMixture;

namespace {

/// What is known of the ratio estimator at the point y.
struct RatioTheory {
  Tensor score;      // (1, 2): grad log q(y)
  Tensor direction;  // (1, 2): of the leading bias
  double leading;    // n times the leading bias
  double needed;     // E[w^2] / E[w]^2: the leading order holds for n far above it
  double single;     // the bias at n = 1, along direction
  double mean_weight;
};

/// With w = N(y; x, sigma^2) over x ~ p: E[w] = q_sigma(y); w^2 is (4 pi sigma^2)^(-d/2) N(y; x, sigma^2 / 2), so E[w^2] follows from q at
/// sigma / sqrt 2, and E[w^2 g] = 1/2 of its gradient.
RatioTheory ratio_theory(const GaussianMixture& p, const Tensor& y, double sigma) {
  const double narrow_sigma = sigma / std::numbers::sqrt2;
  const double q = exp(p.log_density(y, sigma)).item();
  const double needed = exp(p.log_density(y, narrow_sigma)).item() / (4 * std::numbers::pi * sigma * sigma) / (q * q);
  const Tensor r = p.score(y, sigma), bias = needed * (r - 0.5 * p.score(y, narrow_sigma));
  const double size = norm(bias).item();
  const Tensor direction = bias / size, centre = sum(reshape(p.weights(), {-1, 1}) * p.means(), {0}, true);
  return {r, direction, size, needed, sum(((centre - y) / (sigma * sigma) - r) * direction).item(), q};
}

/// Its bias along `direction`, measured: `repeats` estimates from n points each. The linear term of the error has mean zero and is
/// subtracted where that lessens the scatter.
struct RatioBias {
  Mean bias;
  double largest;  // mean share of the heaviest point in the sum of the weights
};
RatioBias ratio_bias(const Lab& lab, const GaussianMixture& p, const Tensor& y, double sigma, const RatioTheory& t,
                     std::int64_t n, std::int64_t repeats, std::uint64_t seed) {
  const double s2 = sigma * sigma;
  const Tensor away = reshape(lab.put(p.sample(n * repeats, seed)) - lab.put(y), {repeats, n, 2});
  const Tensor log_w = sum(square(away), {2}) * (-0.5 / s2);
  const Tensor g =
      sum((away / s2 - lab.put(t.score)) * lab.put(t.direction), {2});  // (repeats, n): g - r along the direction
  const Tensor share = softmax(log_w, 1), error = sum(share * g, {1});
  const Tensor linear = mean(exp(log_w) * g, {1}) / (2 * std::numbers::pi * s2 * t.mean_weight);
  const Mean plain = mean_of(error), less = mean_of(error - linear);
  return {less.error < plain.error ? less : plain, mean(amax(share, {1})).item()};
}

}  // namespace

void ratio_estimator(Lab& lab, const GaussianMixture& p) {
  lab.heading("The marginal score as a ratio of two averages");
  lab.text(
      "∇log q(x~) = E[w g] / E[w] with w = q(x~|x), g = ∇log q(x~|x), so one might average both over n data points and "
      "divide. The quotient r<sub>n</sub> is biased: by (1/n) E[w<sup>2</sup>(r − g)] / E[w]<sup>2</sup> in leading "
      "order, once n is far above "
      "n<sub>0</sub> = E[w<sup>2</sup>] / E[w]<sup>2</sup>. Below that, the nearest point has nearly all the weight, "
      "and r<sub>n</sub> points at it.");
  const double sigma = 0.3;
  const std::int64_t budget = lab.pick<std::int64_t>(4000000, 20000), last = lab.pick<std::int64_t>(4096, 256);
  const std::vector<std::pair<std::string, Tensor>> places{{"denser", tensor({{1, -0.4}}, f64)},
                                                           {"sparser", tensor({{-2, -1}}, f64)}};
  smld::Chart chart({.columns = 2, .width = 480});
  std::vector<Row> rows;
  std::string text;
  Generator g = lab.generator().fork(3);
  Work work(lab, "ratio estimator", 2);
  for (std::size_t k = 0; k < places.size(); ++k) {
    const std::string& name = places[k].first;
    const Tensor& y = places[k].second;
    const RatioTheory t = ratio_theory(p, y, sigma);
    std::vector<double> n, bias, low, high, leading;
    double heaviest = 0, near = 0;
    for (std::int64_t m = 1; m <= last; m *= 2) {
      const std::int64_t repeats = std::min(budget / m, budget / 8);
      const std::uint64_t seed = g.fork(k).fork(static_cast<std::uint64_t>(m)).state().seed;
      const auto [b, largest] = ratio_bias(lab, p, y, sigma, t, m, repeats, seed);
      const double theory = t.leading / static_cast<double>(m);
      n.push_back(static_cast<double>(m)), bias.push_back(std::abs(b.value)), leading.push_back(theory);
      low.push_back(bias.back() - b.error), high.push_back(bias.back() + b.error);
      rows.push_back({name, m, b.value, b.error, theory, t.needed, largest});
      if (m == 8) heaviest = largest;
      if (static_cast<double>(m) < 1.5 * t.needed) near = b.value / theory;
      if (m == 1) lab.check("bias of the ratio from one point, " + name + " region", b.value, t.single, 4 * b.error);
      // The next order is smaller by a factor of order n0 / n.
      if (m == last)
        lab.check("bias of the ratio from " + std::to_string(m) + " points, " + name + " region", b.value, theory,
                  4 * b.error + 4 * t.needed / static_cast<double>(m) * theory);
    }
    const double size = norm(t.score).item();
    chart
        .panel("x~ in the " + name + " region: n₀ = " + num(t.needed), {.label = "data points n", .log = true},
               {.label = "|bias|, along its direction", .log = true, .min = k == 0 ? 3e-4 : 1e-3, .max = 60})
        .line("measured", n, bias, {.color = "#000000", .size = 4, .markers = true})
        .errors(n, low, high)
        .line("leading order", n, leading, {.color = smld::chart_color(3), .dashed = true})
        .horizontal("length of the true score", size, {.color = smld::chart_color(2), .width = 1.2})
        .vertical("n₀", t.needed, {.color = smld::chart_color(1), .width = 1.2, .dashed = true});
    text += (k == 0 ? "In the " : " In the ") + name + " region the true score is " + num(size) +
            " long and n<sub>0</sub> = " + num(t.needed) + ". With 8 points the heaviest has " +
            num(100 * heaviest, 2) + "% of the weight, and the bias is " + num(bias[3], 2) + "; with " +
            std::to_string(last) + " it is " + num(bias.back(), 2) + " (leading order " + num(leading.back(), 2) +
            "). About n<sub>0</sub> it is " + num(near, 2) + " times the leading order.";
    work.update(static_cast<std::int64_t>(k) + 1);
  }
  lab.figure("ratio.svg", chart,
             "Size of the bias of r<sub>n</sub> against n at two places, σ = 0.3, with standard errors. The formula of "
             "leading order takes over well to the right of n<sub>0</sub>.");
  lab.text(text);
  lab.table("ratio.csv", "Bias of the ratio estimator",
            {"place", "n", "bias", "std. error", "leading order", "n₀", "heaviest point's share"}, rows);
}

void stein_identity(Lab& lab, const GaussianMixture& p) {
  lab.heading("Stein's identity");
  lab.text(
      "E[f ∂<sub>1</sub>log p] = −E[∂<sub>1</sub>f] whenever f p vanishes at infinity and p is smooth: it is what "
      "turns explicit into implicit score "
      "matching. On the mixture it holds; on the exponential law, whose density jumps at 0, it misses −f(0)p(0).");
  const std::int64_t n = lab.pick<std::int64_t>(1000000, 5000);
  Generator g = lab.generator().fork(4);
  const Tensor x = lab.put(p.sample(n, g.fork(1).state().seed)), x1 = narrow(x, 1, 0, 1), x2 = narrow(x, 1, 1, 1);
  const Tensor s1 = narrow(p.score(x), 1, 0, 1);
  const auto w = p.weights().to_vector<double>(), mu = p.means().to_vector<double>(),
             cov = p.covariances().to_vector<double>();
  double m1 = 0, m2 = 0, cosine = 0, bell = 0;
  for (std::size_t k = 0; k < w.size(); ++k) {
    m1 += w[k] * mu[2 * k], m2 += w[k] * mu[2 * k + 1];
    cosine += w[k] * std::exp(-cov[4 * k] / 2) * std::cos(mu[2 * k]);
    // E[x1 exp(-x1^2/2)] of N(m, v): m (1+v)^(-3/2) exp(-m^2 / (2 (1+v)))
    const double v = 1 + cov[4 * k], m = mu[2 * k];
    bell += w[k] * m * std::pow(v, -1.5) * std::exp(-m * m / (2 * v));
  }
  struct Case {
    const char* name;
    Tensor f;
    double expected;  // -E[df/dx1], in closed form
  };
  const std::vector<Case> cases{{"1", ones_like(x1), 0},      {"x₁", x1, -1},
                                {"x₁²", square(x1), -2 * m1}, {"x₁x₂", x1 * x2, -m2},
                                {"sin x₁", sin(x1), -cosine}, {"exp(−x₁²/2)", exp(-0.5 * square(x1)), bell}};
  std::vector<Row> rows;
  for (const auto& c : cases) {
    const Mean left = mean_of(c.f * s1);
    rows.push_back({"mixture", c.name, left.value, left.error, c.expected, (left.value - c.expected) / left.error});
    lab.check(std::string("Stein: E[f ∂₁log p], f = ") + c.name, left.value, c.expected, 4 * left.error);
  }
  const Tensor e = -log1p(-uniform({n}, g, 0, 1, f64, lab.device()));  // exponential law: log p = -x, score -1
  const Mean left = mean_of(-exp(-e)), right = mean_of(exp(-e));
  rows.push_back(
      {"exponential law", "exp(−x)", left.value, left.error, right.value, (left.value - right.value) / left.error});
  lab.check("Stein on the exponential law: E[f s] + E[f′], f = exp(−x)", left.value - right.value, -1, 8 * left.error);
  lab.table("stein.csv", "Both sides of Stein's identity, " + std::to_string(n) + " draws",
            {"law", "f", "E[f s]", "std. error", "−E[∂f], exact", "difference / std. error"}, rows);
  lab.text("In the last row the right side is measured, too; the two sides differ by " +
           num(left.value - right.value, 4) + ": −f(0)p(0) = −1.");
}

void tweedie(Lab& lab, const GaussianMixture& plane) {
  lab.heading("Tweedie's formula");
  lab.text(
      "E[x|x~] = x~ + σ<sup>2</sup>∇log q(x~): the score is the best denoiser, in one step, and its slope gives the "
      "variance that is left: "
      "Var(x|x~) = σ<sup>2</sup>(1 + σ<sup>2</sup> ∂<sup>2</sup>log q). Below, on a mixture on the line, x is averaged "
      "over all draws with x~ in a narrow bin.");
  const GaussianMixture p(tensor({0.3, 0.7}, f64), from_vector<double>({-1.5, 1.5}, {2, 1}),
                          from_vector<double>({0.25, 0.09}, {2, 1, 1}));
  const double sigma = 0.8, from = -4, width = 0.2;
  const std::size_t bins = 40;
  const std::int64_t n = lab.pick<std::int64_t>(1000000, 20000);
  Generator g = lab.generator().fork(5);
  const Noisy data = perturb(lab.put(p.sample(n, g.fork(1).state().seed)), sigma, g);
  const smld::Kernel level = smld::kernel(1, sigma, f64);
  const smld::Score score = smld::MixtureScore(p).score_at(sigma);
  const auto denoise = [&](const Tensor& at) { return smld::denoised_from_score(at, score(at), level); };
  const auto clean = data.x.to_vector<double>(), noisy = data.noisy.to_vector<double>(),
             denoised = denoise(data.noisy).to_vector<double>();
  struct Bin {
    double n = 0, x = 0, noisy = 0, formula = 0, squares = 0;
  };
  std::vector<Bin> table(bins);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const double at = std::floor((noisy[i] - from) / width);
    if (at < 0 || at >= static_cast<double>(bins)) continue;
    Bin& b = table[static_cast<std::size_t>(at)];
    const double off = clean[i] - denoised[i];
    b.n += 1, b.x += clean[i], b.noisy += noisy[i], b.formula += denoised[i], b.squares += off * off;
  }
  std::vector<double> at, mean_x, low, high, deviation;
  std::vector<Row> rows;
  double chi2 = 0;
  for (const Bin& b : table) {
    if (b.n < 100) continue;
    const double error = std::sqrt(b.squares) / b.n, z = (b.x - b.formula) / b.n / error;
    chi2 += z * z;
    at.push_back(b.noisy / b.n), mean_x.push_back(b.x / b.n), deviation.push_back(std::sqrt(b.squares / b.n));
    low.push_back(mean_x.back() - 2 * error), high.push_back(mean_x.back() + 2 * error);
    rows.push_back({at.back(), b.n, mean_x.back(), error, b.formula / b.n, deviation.back()});
  }
  const double used = static_cast<double>(at.size());
  lab.check("Tweedie: mean square of (mean of x − formula) / std. error over " + num(used) + " bins", chi2 / used, 1,
            4 * std::sqrt(2 / used));

  const Tensor grid = lab.put(linspace(from, 4, 161, f64)), column = reshape(grid, {-1, 1});
  const Tensor slope = smld::trace(score, column);
  const double s2 = sigma * sigma;
  smld::Chart chart({.columns = 2, .width = 480});
  const std::string red = smld::chart_color(3);
  const auto shown = static_cast<std::int64_t>(lab.pick(4000, 1000));
  chart
      .panel("Clean against noisy, σ = 0.8", {.label = "x~", .min = -4, .max = 4},
             {.label = "x", .min = -3.5, .max = 3.5})
      .scatter("draws", narrow(data.noisy, 0, 0, shown), narrow(data.x, 0, 0, shown),
               {.color = smld::chart_color(1), .opacity = 0.25, .size = 2})
      .line("x~ + σ² score", grid, denoise(column), {.color = red, .width = 2.2})
      .line("mean of x in a bin", at, mean_x, {.color = "#000000", .size = 3, .markers = true, .line = false})
      .errors(at, low, high)
      .line("x = x~", {-4, 4}, {-4, 4}, {.color = "#000000", .width = 1, .dashed = true});
  chart
      .panel("What is left to guess", {.label = "x~", .min = -4, .max = 4},
             {.label = "deviation of x given x~", .min = 0})
      .line("σ √(1 + σ² score′)", grid, sigma * sqrt(1 + s2 * slope), {.color = red})
      .line("in a bin", at, deviation, {.color = "#000000", .size = 3, .markers = true, .line = false})
      .horizontal("σ", sigma, {.color = smld::chart_color(2), .width = 1.2, .dashed = true});
  lab.figure("tweedie.svg", chart,
             "Left: means of x in bins of x~ (whiskers: two standard errors) on Tweedie's curve. Right: the deviation "
             "of x about it.");
  lab.csv("tweedie-bins.csv", {"noisy", "draws", "mean of clean", "std. error", "formula", "deviation"}, rows);

  // In the plane, the mean square error of the denoiser: 2 sigma^4 C.
  std::vector<Row> errors;
  const std::int64_t m = lab.pick<std::int64_t>(200000, 5000);
  const smld::MixtureScore exact(plane);
  for (double s : {0.1, 0.3, 1.0, 3.0}) {
    const auto seed = g.fork(static_cast<std::uint64_t>(100 * s)).state().seed;
    const Noisy d = perturb(lab.put(plane.sample(m, seed)), s, g);
    const Tensor x0 = smld::denoised_from_score(d.noisy, exact.score_at(s)(d.noisy), smld::kernel(1, s, f64));
    const Mean left = mean_of(squared_norm(x0 - d.x)), none = mean_of(squared_norm(d.noisy - d.x));
    const double theory = 2 * std::pow(s, 4) * constant_of(plane, s);
    errors.push_back({s, none.value, left.value, left.error, theory});
    lab.check("mean square error of Tweedie's denoiser, σ = " + num(s), left.value, theory, 4 * left.error);
  }
  lab.table("tweedie.csv", "Mean square error of the denoiser on the mixture in the plane: 2σ⁴C(σ)",
            {"σ", "noisy", "denoised", "std. error", "2σ⁴C, closed form"}, errors);
}

}  // namespace stein::tools
