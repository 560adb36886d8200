// SPDX-License-Identifier: MIT
// Every objective against its closed form, and its minimiser against the true score (math of the mixtures is exact).
#include "smld/objectives.h"

#include <catch2/catch.hpp>

#include "smld/ladder.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;

namespace {

const double kEps = 1e-3;  // of finite differences: their bias is far below the errors of the means

struct Row {
  std::string name;
  Objective objective;
  double expected;
};

double trace_of(const Tensor& m) { return sum(diagonal(m)).item(); }

// x ~ N(0, S), the model s = -A x, A neither symmetric nor normal.
struct Linear {
  Tensor a = tensor({{1.2, 0.5, -0.2}, {-0.3, 0.8, 0.1}, {0.4, 0.2, 0.6}}, f64);
  Tensor s = tensor({{1.0, 0.3, 0.0}, {0.3, 0.7, -0.2}, {0.0, -0.2, 1.5}}, f64);
  static constexpr double d = 3;

  Tensor operator()(const Tensor& x) const { return neg(matmul(x, transpose(a))); }
  Tensor data(std::int64_t n, std::uint64_t seed) const {
    Generator g(seed);
    return matmul(randn({n, 3}, g, f64), transpose(cholesky(s)));
  }
  /// 1/2 E |A y|^2 - tr A, E y y^T = alpha^2 S + T.
  double implicit(double alpha, const Tensor& t) const {
    return 0.5 * trace_of(matmul(a, matmul(alpha * alpha * s + t, transpose(a)))) - trace_of(a);
  }
  double implicit(double alpha = 1, double variance = 0) const { return implicit(alpha, variance * eye(3, f64)); }
};

/// Mean over t ~ U(start, 1) by Simpson's rule in log t, where the weights are smooth.
double mean_over_times(double start, const std::function<double(double)>& f) {
  const int n = 4000;
  double sum = 0;
  for (int i = 0; i <= n; ++i) {
    const double t = start * std::pow(1 / start, static_cast<double>(i) / n);
    sum += (i == 0 || i == n ? 1 : i % 2 ? 4 : 2) * f(t) * t;
  }
  return sum * std::log(1 / start) / (3.0 * n) / (1 - start);
}

double sde_expected(const Linear& m, const Sde& sde, Weighting w, double start) {
  return mean_over_times(start, [&](double t) {
    const double al = sde.alpha(t), si = sde.sigma(t), s2 = si * si;
    const double lambda = w == Weighting::one                  ? 1
                          : w == Weighting::sigma2             ? s2
                          : w == Weighting::sigma2_over_alpha2 ? s2 / (al * al)
                          : w == Weighting::sigma4_over_alpha2 ? s2 * s2 / (al * al)
                                                               : sde.diffusion2(t);
    return lambda * (m.implicit(al, s2) + Linear::d / (2 * s2));
  });
}

std::vector<Row> rows(const Linear& m) {
  const double ism = m.implicit();
  std::vector<Row> r{
      {"explicit", objective::explicit_score_matching([](const Tensor& x) { return neg(x); }),
       0.5 * trace_of(matmul(matmul(m.a - eye(3, f64), m.s), transpose(m.a - eye(3, f64))))},
      {"implicit", objective::implicit(), ism},
      {"implicit, naive", objective::implicit({.method = TraceMethod::naive}), ism},
      {"implicit, hutch++", objective::implicit({.method = TraceMethod::hutchpp, .probes = 3}), ism},
      {"implicit, xtrace", objective::implicit({.method = TraceMethod::xtrace, .probes = 4}), ism},
      {"implicit, fd", objective::implicit({.method = TraceMethod::fd}), ism},
      {"ssm, gaussian", objective::ssm({ProbeLaw::gaussian}), ism},
      {"ssm, rademacher, 3", objective::ssm({ProbeLaw::rademacher, 3}), ism},
      {"ssm, sphere", objective::ssm({ProbeLaw::sphere}), ism},
      {"ssm, orthogonal, 2", objective::ssm({ProbeLaw::orthogonal, 2}), ism},
      {"antithetic", objective::antithetic_dsm(0.3), m.implicit(1, 0.09)},
      {"gradient penalty", objective::gradient_penalty(), sum(square(m.a)).item()},
      {"gradient penalty, 2 probes", objective::gradient_penalty({ProbeLaw::gaussian, 2}), sum(square(m.a)).item()}};
  for (const auto law : {ProbeLaw::gaussian, ProbeLaw::rademacher, ProbeLaw::sphere, ProbeLaw::orthogonal}) {
    r.push_back({"ssm-vr", objective::ssm_vr({law}), ism});
    r.push_back({"hutchinson", objective::hutchinson(law, 2), ism});
    r.push_back({"fd-ssm", objective::fd_ssm(0.1, {law, 2}), ism});  // exact in eps for a linear model
  }
  for (const double sigma : {0.1, 0.5, 2.0}) {
    const double loss = m.implicit(1, sigma * sigma) + Linear::d / (2 * sigma * sigma);
    r.push_back({"dsm", objective::dsm({gaussian_noise(sigma)}), loss});
    r.push_back({"dsm, scaled", objective::dsm({gaussian_noise(sigma), true}), loss * sigma * sigma});
    const double laplace = m.implicit(1, 2 * sigma * sigma) + Linear::d / (2 * sigma * sigma);
    r.push_back({"dsm, laplace", objective::dsm({laplace_noise(sigma)}), laplace});
    r.push_back({"dsm, laplace, scaled", objective::dsm({laplace_noise(sigma), true}), laplace * sigma * sigma});
  }
  const Tensor t = tensor({{0.5, 0.2, 0}, {0.2, 0.4, 0.1}, {0, 0.1, 0.3}}, f64), mu = tensor({0.3, -0.2, 0.5}, f64);
  const GaussianMixture q(ones({1}, f64), reshape(mu, {1, 3}), unsqueeze(t, 0));
  const Tensor second = t + outer(mu, mu);
  const double mixture = m.implicit(1, second) + 0.5 * trace_of(solve(t, eye(3, f64)));
  r.push_back({"dsm, mixture", objective::dsm({mixture_noise(q)}), mixture});
  r.push_back({"dsm, mixture, scaled", objective::dsm({mixture_noise(q), true}), mixture * trace_of(second) / 3});

  const Tensor ladder = geometric_ladder(1, 0.1, 4, f64);
  double ncsn = 0, sliced = 0;
  for (double sigma : ladder.to_vector<double>()) {
    sliced += sigma * sigma * m.implicit(1, sigma * sigma) / 4;
    ncsn += (sigma * sigma * m.implicit(1, sigma * sigma) + Linear::d / 2) / 4;
  }
  r.push_back({"ncsn", objective::ncsn(ladder), ncsn});
  r.push_back({"ncsn, ssm-vr", objective::ncsn_ssm_vr(ladder, {ProbeLaw::gaussian, 2}), sliced});
  const DdpmSchedule schedule(50, 1e-3, 0.2);
  double ddpm = 0;
  for (std::int64_t k = 1; k <= 50; ++k) {  // |z - eps|^2, eps = -A x_t: + 2 z . A x_t
    const double abar = schedule.alpha_bar(k), si = std::sqrt(1 - abar);
    ddpm += (2 * (m.implicit(std::sqrt(abar), 1 - abar) + trace_of(m.a)) + 2 * si * trace_of(m.a) + 3) / 50;
  }
  r.push_back({"ddpm", objective::ddpm(schedule), ddpm});

  struct Case {
    Sde sde;
    Weighting w;
    bool importance;
    double start;
  };
  for (const auto& c : std::vector<Case>{{Sde::vp(), Weighting::one, false, 1e-2},
                                         {Sde::vp(), Weighting::one, true, 1e-3},
                                         {Sde::vp(), Weighting::sigma2, false, 1e-5},
                                         {Sde::vp(), Weighting::sigma2, true, 1e-2},
                                         {Sde::vp(0.1, 2), Weighting::sigma2_over_alpha2, false, 1e-5},
                                         {Sde::vp(0.1, 2), Weighting::sigma4_over_alpha2, false, 1e-5},
                                         {Sde::vp(), Weighting::g2, false, 1e-2},
                                         {Sde::vp(), Weighting::g2, true, 1e-5},
                                         {Sde::sub_vp(), Weighting::sigma2, false, 1e-5},
                                         {Sde::sub_vp(), Weighting::g2, true, 1e-3},
                                         {Sde::ve(0.01, 5), Weighting::sigma2, false, 1e-5},
                                         {Sde::ve(0.1, 5), Weighting::one, true, 1e-5},
                                         {Sde::ve(0.01, 5), Weighting::g2, false, 1e-5}})
    r.push_back({"sde", objective::sde(c.sde, {c.w, c.importance, c.start}), sde_expected(m, c.sde, c.w, c.start)});
  return r;
}

}  // namespace

TEST_CASE("every objective has its closed form on a Gaussian") {
  const Linear m;
  const Tensor x = m.data(20000, 1);
  int number = 0;
  for (const auto& r : rows(m)) {
    NoGrad guard;
    Generator g(static_cast<std::uint64_t>(100 + number));
    const Loss loss = r.objective(unconditional(m), x, g);
    const Estimate e = estimate(loss.per_sample);
    INFO(r.name << " (" << number++ << "): " << e.mean << " +- " << e.error << ", expected " << r.expected);
    CHECK(e.off(r.expected) < 4);
    CHECK(e.error < 0.05 * (1 + std::abs(r.expected)));  // it would see an error of a tenth
    CHECK(loss.value.item() == Approx(e.mean));
    double parts = 0;
    for (const auto& [name, part] : loss.parts) parts += part.item();
    CHECK(parts == Approx(e.mean).epsilon(1e-9));
  }
}

TEST_CASE("minima of the implicit losses on a mixture: -1/2 E|grad log p|^2") {
  const Balls p = three_balls();
  const Tensor x = p.exact().sample(20000, 2);
  const LevelScore truth = unconditional([&](const Tensor& y) { return p.score(y); });
  const Tensor half = 0.5 * per_sample(square(p.exact().score(x)));
  REQUIRE(allclose(p.score(x), p.exact().score(x), 1e-10, 1e-10));
  for (const auto& [name, o] :
       std::vector<std::pair<std::string, Objective>>{{"implicit", objective::implicit()},
                                                      {"hutchinson", objective::hutchinson(ProbeLaw::gaussian, 3)},
                                                      {"ssm", objective::ssm({ProbeLaw::sphere})},
                                                      {"ssm-vr", objective::ssm_vr({ProbeLaw::gaussian})},
                                                      {"fd-ssm", objective::fd_ssm(kEps)}}) {
    Generator g(3);
    const Estimate e = estimate(o(truth, x, g).per_sample + half);
    INFO(name << ": " << e.mean << " +- " << e.error);
    CHECK(e.off(0) < 4);
    CHECK(e.error < 0.05);
  }
  Generator g(4);
  CHECK(objective::explicit_score_matching([&](const Tensor& y) { return p.score(y); })(truth, x, g).value.item() ==
        0.0);
}

namespace {

// All objectives with their true answers on three balls.
struct Truth {
  std::string name;
  Objective objective;
  LevelScore model;
  bool diffusion = false;
};

std::vector<Truth> truths() {
  const Balls p = three_balls();
  const LevelScore plain = [p](const Tensor& x, const Tensor&) { return p.score(x); };
  const auto smoothed = [p](double sigma) {
    return [p, sigma](const Tensor& x, const Tensor&) { return p.score(x, sigma); };
  };
  const Tensor ladder = geometric_ladder(1.5, 0.2, 4, f64);
  const LevelScore levels = [p, ladder](const Tensor& x, const Tensor& level) {
    return p.score(x, Balls::one(1), sigma_of(ladder, level, 2));
  };
  const DdpmSchedule schedule(50, 1e-3, 0.2);
  const LevelScore noise = [p, schedule](const Tensor& x, const Tensor& t) {
    const Kernel k = schedule.kernel(t, 2, f64);
    return neg(k.sigma * p.score(x, k.alpha, k.sigma));
  };
  const auto diffused = [p](const Sde& sde) {
    return [p, sde](const Tensor& x, const Tensor& t) {
      const Kernel k = sde.kernel(t, 2);
      return p.score(x, k.alpha, k.sigma);
    };
  };
  const GaussianMixture q(tensor({0.6, 0.4}, f64), tensor({{0.5, 0}, {-0.7, 0.3}}, f64),
                          from_vector<double>({0.3, 0.1, 0.1, 0.2, 0.2, 0, 0, 0.5}, {2, 2, 2}));
  const GaussianMixture both = convolve(p.exact(), q);
  std::vector<Truth> all{
      {"explicit", objective::explicit_score_matching([p](const Tensor& x) { return p.score(x); }), plain},
      {"implicit", objective::implicit(), plain},
      {"hutchinson", objective::hutchinson(ProbeLaw::gaussian), plain},
      {"ssm", objective::ssm({ProbeLaw::gaussian}), plain},
      {"ssm, orthogonal", objective::ssm({ProbeLaw::orthogonal, 2}), plain},
      {"ssm-vr", objective::ssm_vr({ProbeLaw::sphere}), plain},
      {"fd-ssm", objective::fd_ssm(kEps), plain},
      {"dsm", objective::dsm({gaussian_noise(0.4)}), smoothed(0.4)},
      {"dsm, scaled", objective::dsm({gaussian_noise(0.4), true}), smoothed(0.4)},
      {"antithetic", objective::antithetic_dsm(0.4), smoothed(0.4)},
      {"dsm, laplace", objective::dsm({laplace_noise(0.4)}),
       [e = p.exact()](const Tensor& x, const Tensor&) { return laplace_score(e, x, 0.4); }},
      {"dsm, mixture", objective::dsm({mixture_noise(q)}),
       [both](const Tensor& x, const Tensor&) { return both.score(x); }},
      {"ncsn", objective::ncsn(ladder), levels, true},
      {"ncsn, ssm-vr", objective::ncsn_ssm_vr(ladder), levels, true},
      {"ddpm", objective::ddpm(schedule), noise, true},
      {"vp, 1", objective::sde(Sde::vp(), {Weighting::one, true, 1e-3}), diffused(Sde::vp()), true},
      {"vp, sigma2", objective::sde(Sde::vp()), diffused(Sde::vp()), true},
      {"vp, g2", objective::sde(Sde::vp(), {Weighting::g2, true}), diffused(Sde::vp()), true},
      {"sub-vp, sigma2", objective::sde(Sde::sub_vp()), diffused(Sde::sub_vp()), true},
      {"ve, sigma2", objective::sde(Sde::ve(0.1, 5)), diffused(Sde::ve(0.1, 5)), true},
      {"ve, g2", objective::sde(Sde::ve(0.1, 5), {Weighting::g2}), diffused(Sde::ve(0.1, 5)), true}};
  for (const auto& [name, w] :
       {std::pair("sigma2/alpha2", Weighting::sigma2_over_alpha2), {"sigma4/alpha2", Weighting::sigma4_over_alpha2}})
    all.push_back({name, objective::sde(Sde::vp(0.1, 2), {w}), diffused(Sde::vp(0.1, 2)), true});
  return all;
}

}  // namespace

namespace {

void check_minimisers(bool diffusion) {
  const Tensor x = three_balls().exact().sample(4000, 5);
  for (const auto& t : truths()) {
    if (t.diffusion != diffusion) continue;
    INFO(t.name);
    CHECK(not_minimal(t.objective, t.model, x) < 4);
    // a score that is 1.4 times too large is not taken for it: the test sees what it is for
    const LevelScore wrong = [&](const Tensor& y, const Tensor& l) { return 1.4 * t.model(y, l); };
    CHECK(bend(t.objective, wrong, wrong_ways().back(), x).slope.off(0) > 6);
  }
}

}  // namespace

TEST_CASE("the minimiser of every objective of one density is the true score") { check_minimisers(false); }

TEST_CASE("the minimiser of NCSN, DDPM and every SDE objective is the true score at every level") {
  check_minimisers(true);
}
