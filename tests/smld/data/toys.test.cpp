// SPDX-License-Identifier: MIT
#include "smld/data/toys.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"
#include "tensor/error.h"

using namespace stein;
using namespace stein::smld;

namespace {

std::vector<double> column(const Tensor& x, std::int64_t k) {
  return narrow(x, 1, k, 1).contiguous().to_vector<double>();
}

/// s(x~) = E[-z / sigma | x~], x~ = x + sigma z: E h(x~) . (s + z / sigma) = 0 for every field h. The largest mean over four fields,
/// in standard errors; `wrong` is what s is multiplied by besides.
double off_from_conditional_mean(const std::string& name, double sigma, double wrong = 1) {
  Generator g(3);
  const std::int64_t n = 20000;
  const Tensor z = randn({n, 2}, g, f64), x = toy_points(name, n, g, f64) + sigma * z;
  const Tensor s = wrong * toy_score(name, x, sigma), residual = s + z / sigma;
  const Tensor u = sum(x * tensor({3, -1}, f64), {1}, true), v = sum(x * tensor({1, 4}, f64), {1}, true);
  double worst = 0;
  for (const Tensor& h :
       {s, concat({-1 * narrow(s, 1, 1, 1), narrow(s, 1, 0, 1)}, 1), x, concat({sin(u), cos(v)}, 1)}) {
    const Tensor each = sum(h * residual, {1});
    worst = std::max(worst, std::abs(mean(each).item()) / std::sqrt(var(each).item() / static_cast<double>(n)));
  }
  return worst;
}

}  // namespace

TEST_CASE("toys lie where they should, in equal parts") {
  const std::int64_t n = 20000;
  const double four = 4 * std::sqrt(0.25 / static_cast<double>(n));
  Generator g(1);
  SECTION("rings") {
    const Tensor r = sqrt(sum(square(toy_points("rings", n, g, f64)), {1}));
    double share[3] = {}, square_off = 0;
    for (double v : r.to_vector<double>()) {
      const int k = v < 0.95 ? 0 : v < 1.65 ? 1 : 2;
      share[k] += 1.0 / static_cast<double>(n);
      const double off = v - (k == 0 ? 0.6 : k == 1 ? 1.3 : 2.0);
      square_off += off * off / static_cast<double>(n);
    }
    CHECK(share[0] == Approx(0.6 / 3.9).margin(four));
    CHECK(share[1] == Approx(1.3 / 3.9).margin(four));
    CHECK(std::sqrt(square_off) == Approx(0.05).epsilon(0.05));
  }
  SECTION("moons") {
    const Tensor p = toy_points("moons", n, g, f64);
    double upper = 0, far = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double x = p[i][0].item(), y = p[i][1].item();
      const double a = std::abs(std::hypot(x + 0.6, y + 0.3) - 1.2) + std::max(0.0, -0.3 - y);
      const double b = std::abs(std::hypot(x - 0.6, y - 0.3) - 1.2) + std::max(0.0, y - 0.3);
      upper += a < b ? 1.0 / static_cast<double>(n) : 0;
      far += std::min(a, b) > 0.35;
    }
    CHECK(upper == Approx(0.5).margin(four));
    CHECK(far == 0);
  }
  SECTION("spirals: turned by half a turn they are themselves, and the radius grows with the angle") {
    const Tensor p = toy_points("spirals", n, g, f64);
    const Tensor centre = mean(p, {0});
    CHECK(max(abs(centre)).item() < 4 * 1.1 / std::sqrt(static_cast<double>(n)));
    double square_off = 0;
    for (std::int64_t i = 0; i < 2000; ++i) {
      const double x = p[i][0].item(), y = p[i][1].item(), r = std::hypot(x, y);
      // the nearest radius at which an arm has this direction: half a turn is 2.1 / 3.6 of radius
      const double period = 2.1 / 3.6, phase = std::atan2(y, x) / M_PI * period;
      square_off += std::pow(std::remainder(r - phase, period), 2) / 2000;
      CHECK((r > 0.1 && r < 2.4));
    }
    CHECK(std::sqrt(square_off) == Approx(0.05).epsilon(0.15));
  }
  SECTION("checkerboard") {
    const Tensor p = toy_points("checkerboard", n, g, f64);
    const auto x = column(p, 0), y = column(p, 1);
    std::vector<double> square(16);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const int c = static_cast<int>(std::floor(x[i])) + 2, r = static_cast<int>(std::floor(y[i])) + 2;
      REQUIRE((c >= 0 && c < 4 && r >= 0 && r < 4));
      square[static_cast<std::size_t>(4 * r + c)] += 1.0 / static_cast<double>(n);
    }
    for (int k = 0; k < 16; ++k)
      CHECK(square[static_cast<std::size_t>(k)] ==
            Approx((k / 4 + k % 4) % 2 == 0 ? 0.125 : 0).margin((k / 4 + k % 4) % 2 == 0 ? four : 0));
  }
}

TEST_CASE("the same seed gives the same toy, rounded for f32") {
  for (const auto& name : toy_names()) {
    Generator a(5), b(5);
    CHECK(equal(toy_points(name, 100, a), toy_points(name, 100, b, f64).to(f32)));
    CHECK(toy_points(name, 0, a).shape() == Shape{0, 2});
  }
}

TEST_CASE("a toy's score is the conditional mean of -z / sigma at every noise level, and 5 % more is not", "[slow]") {
  for (const auto& name : toy_names())
    for (const double sigma : {0.05, 0.3, 2.0}) {
      INFO(name << " " << sigma);
      CHECK(off_from_conditional_mean(name, sigma) < 4);
      CHECK(off_from_conditional_mean(name, sigma, 1.05) > 4);
    }
}

TEST_CASE("far away a toy's score points to it: (mean - x) / sigma^2 to first order, finite everywhere") {
  for (const auto& name : toy_names()) {
    INFO(name);
    const Tensor far = tensor({{300, -200}, {-3, 4}, {2.5, 2.5}}, f64);
    const Tensor s = toy_score(name, far, 0.05);
    CHECK(all_of(isfinite(s)).item<bool>());
    CHECK(s[0][0].item() < -290 / 0.0051);
    CHECK(s[0][1].item() > 190 / 0.0051);
    CHECK(allclose(toy_score(name, far, 50.0), far / -2500.0, 3e-2, 2e-3));
    CHECK(toy_score(name, far.to(f32), 1).dtype() == f32);
  }
}

TEST_CASE("the checkerboard's score where shares underflow, in holes of the board and outside") {
  struct {
    double x, y, sigma, sx, sy;
  } const points[] = {
      // by mpmath with 50 digits
      {-1.5, 1.45, 0.01, 0, -4502.2200328344},
      {-2.5, 2.1, 0.02, 1251.9936506029, -2750.9084908483},
      {-3, 3, 0.05, 600.74721915735, -600.74721915735},
      {0.52, -0.47, 0.01, 0, 4702.1257375647},
      {0.999, -1.003, 0.01, -18.37689267777, -5.9639108953723},
      {2.7, -0.4, 0.03, -779.20114894334, 0},
      {0.3, 0.2, 0.5, 0.1372355413007, 0.26373496544211},
      {5, -7, 20, -0.012469268850386, 0.017449519146042},
  };
  for (const auto& p : points) {
    INFO(p.x << ", " << p.y << ", sigma " << p.sigma);
    const Tensor s = toy_score("checkerboard", tensor({{p.x, p.y}}, f64), p.sigma);
    CHECK(s[0][0].item() == Approx(p.sx).epsilon(1e-9).margin(1e-9));
    CHECK(s[0][1].item() == Approx(p.sy).epsilon(1e-9).margin(1e-9));
  }
  const Tensor s = toy_score("checkerboard", tensor({{1e30, -0.5}, {1e6, -1e9}}, f64), 0.01);
  CHECK(allclose(s, tensor({{-1e34, 0}, {-1e10, 1e13}}, f64), 1e-4, 1e30));
}

TEST_CASE("errors of toys name what is known") {
  Generator g(1);
  CHECK_THROWS_WITH(toy_points("ring", 3, g),
                    "[toys] expected one of rings, moons, spirals, checkerboard; got 'ring'; did you mean rings?");
  CHECK_THROWS_WITH(toy_points("rings", -1, g), "[toys] expected n >= 0; got -1");
  CHECK_THROWS_WITH(toy_points("rings", 1, g, i64), "[toys] expected f32 or f64; got i64");
  CHECK_THROWS_WITH(toy_score("moons", zeros({2, 3}), 1),
                    "[toy_score] expected f32 or f64 points (B, 2); got f32 (2, 3)");
  CHECK_THROWS_WITH(toy_score("checkerboard", zeros({2, 2}), 0),
                    "[toy_score] expected sigma > 0 with the checkerboard, whose density has edges; got 0.000000");
}
