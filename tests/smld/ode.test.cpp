// SPDX-License-Identifier: MIT
#include "smld/ode.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ops/ops.h"
#include "smld/sampling.h"

using namespace stein;
using namespace stein::smld;

namespace {

// y' = y cos t: y = y_0 exp(sin t)
const OdeRhs growth = [](double t, const Tensor& y) { return std::cos(t) * y; };

double error_of(const Tensor& y, double t) { return std::abs(y[0].item() / std::exp(std::sin(t)) - 1); }

}  // namespace

TEST_CASE("Heun's method is of second order, forwards and backwards") {
  for (const double to : {2.0, -2.0}) {
    const double coarse = error_of(heun(growth, ones({1}, f64), 0, to, 40).y, to);
    const double fine = error_of(heun(growth, ones({1}, f64), 0, to, 80).y, to);
    CHECK(coarse / fine == Approx(4).epsilon(0.1));
    CHECK(fine < 1e-3);
  }
  const OdeResult r = heun(growth, ones({1}, f64), 0, 1, 7);
  CHECK(r.evaluations == 14);
  CHECK(r.steps == 7);
}

TEST_CASE("Dormand-Prince follows a known solution to its tolerance, and pays as a method of fifth order does") {
  std::int64_t before = 0;
  for (const double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
    std::int64_t calls = 0;
    const OdeRhs counted = [&](double t, const Tensor& y) {
      ++calls;
      return growth(t, y);
    };
    const OdeResult r = dormand_prince(counted, ones({1}, f64), 0, 10, {.rtol = tolerance, .atol = tolerance});
    CHECK(error_of(r.y, 10) < 20 * tolerance);
    CHECK(r.evaluations == calls);
    CHECK(r.evaluations == 2 + 6 * (r.steps + r.rejected));
    // tolerance / 100: steps times 100^(1/5) = 2.5 in the limit
    if (before) CHECK(static_cast<double>(r.steps) / static_cast<double>(before) == Approx(2.5).margin(0.75));
    before = r.steps;
  }
  // An equal step halved: error / 2^5. Tolerances so wide that the first step is the only one.
  const auto one_step = [](double h) {
    return error_of(dormand_prince(growth, ones({1}, f64), 0, h, {.rtol = 1e3, .atol = 1e3, .first_step = 10}).y, h);
  };
  CHECK(std::log2(one_step(0.2) / one_step(0.1)) == Approx(6).margin(0.5));  // one step errs by O(h^6)
  // Stiff enough to need rejections, two components with their own scales, backwards.
  const OdeRhs rotation = [](double, const Tensor& y) {
    return concat({-1.0 * narrow(y, 0, 1, 1), narrow(y, 0, 0, 1)}, 0);
  };
  const Tensor round =
      dormand_prince(rotation, tensor({1, 0}, f64), 2 * std::acos(-1.0), 0, {.rtol = 1e-9, .atol = 1e-9}).y;
  CHECK(allclose(round, tensor({1, 0}, f64), 0, 1e-7));
  CHECK(dormand_prince(growth, ones({1}, f64), 1, 1).evaluations == 0);
  CHECK(dormand_prince(growth, ones({0, 2}, f64), 0, 1).y.shape() == Shape{0, 2});
  const Tensor single = dormand_prince(growth, ones({3}), 0, 1).y;
  CHECK(single.dtype() == f32);
  CHECK(error_of(single, 1) < 1e-4);
}

TEST_CASE("an ODE that cannot be followed is an error that says where") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // blows up at t = 1
  const OdeRhs square_growth = [](double, const Tensor& y) { return y * y; };
  CHECK_THROWS_WITH(dormand_prince(square_growth, ones({1}, f64), 0, 2),
                    Catch::StartsWith("[dormand_prince] expected steps that time can resolve; got ") &&
                        Catch::Contains("at t = 1.0000"));
  CHECK_THROWS_WITH(
      dormand_prince([&](double t, const Tensor& y) { return t < 0.5 ? y : y * nan; }, ones({1}, f64), 0, 1),
      Catch::Contains("steps that time can resolve") && Catch::Contains("at t = 0.5"));
  CHECK_THROWS_WITH(dormand_prince([&](double, const Tensor& y) { return y * nan; }, ones({1}, f64), 0, 1),
                    "[dormand_prince] expected a finite derivative at the start; got NaN or infinity");
  CHECK_THROWS_WITH(dormand_prince(growth, ones({1}, f64), 0, 100, {.max_evaluations = 50}),
                    Catch::StartsWith("[dormand_prince] expected an end within 50 evaluations; got t = "));
  CHECK_THROWS_WITH(dormand_prince([](double, const Tensor&) { return ones({2}, f64); }, ones({1}, f64), 0, 1),
                    "[dormand_prince] expected a derivative of y's shape and dtype, f64 (1,); got f64 (2,)");
  CHECK_THROWS_AS(dormand_prince(growth, ones({1}, f64), 0, 1, {.rtol = 0, .atol = 0}), Error);
  constexpr double inf = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH(dormand_prince(growth, ones({1}, f64), 0, 1, {.rtol = inf}),
                    Catch::StartsWith("[dormand_prince] expected finite tolerances of at least 0, not both 0, and a "
                                      "finite first step of at least 0; got inf, "));
  CHECK_THROWS_AS(dormand_prince(growth, ones({1}, f64), 0, 1, {.atol = inf}), Error);
  CHECK_THROWS_AS(dormand_prince(growth, ones({1}, f64), 0, 1, {.first_step = inf}), Error);
  CHECK_THROWS_AS(heun(growth, ones({1}, f64), 0, 1, 0), Error);
  CHECK_THROWS_AS(heun(square_growth, ones({1}, f64), 0, 20, 10), Error);
  CHECK_THROWS_AS(heun(growth, ones({1}, f64), 0, 1, 5, [](std::int64_t done, std::int64_t) { return done < 3; }),
                  Interrupted);
}
