// SPDX-License-Identifier: MIT
#include "smld/inverse_transform.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"

using namespace stein;
using namespace stein::smld;

namespace {

/// Kolmogorov and Smirnov's distance between a sample and a distribution function, times sqrt(n): above 1.63 in 1 % of exact samples.
double kolmogorov(const Tensor& x, const std::function<double(double)>& cdf) {
  auto v = x.to_vector<double>();
  std::sort(v.begin(), v.end());
  const double n = static_cast<double>(v.size());
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double f = cdf(v[i]), low = static_cast<double>(i) / n;
    worst = std::max({worst, std::abs(f - low), std::abs(f - low - 1 / n)});
  }
  return worst * std::sqrt(n);
}

}  // namespace

TEST_CASE("inverse transform: closed form, tabulated density and tabulated distribution function") {
  Generator g(11);
  const std::int64_t n = 20000;
  const Tensor exponential = inverse_transform([](double u) { return -std::log1p(-u) / 2; }, n, g);
  CHECK(kolmogorov(exponential, [](double x) { return 1 - std::exp(-2 * x); }) < 1.63);

  // two normals of different weight, on a grid
  const Tensor grid = linspace(-6, 6, 601, f64);
  const Tensor density = 0.7 * exp(-0.5 * square(grid + 2.0)) + 0.3 * exp(-0.5 * square(grid - 2.0));
  const auto normal_cdf = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  const auto mixed = [&](double x) { return 0.7 * normal_cdf(x + 2) + 0.3 * normal_cdf(x - 2); };
  CHECK(kolmogorov(inverse_transform(quantile_of_density(grid, 5.0 * density), n, g), mixed) < 1.63);
  std::vector<double> table;
  for (const double x : grid.to_vector<double>()) table.push_back(mixed(x));
  CHECK(kolmogorov(inverse_transform(quantile_of_cdf(grid, from_vector(table, {601})), n, g), mixed) < 1.63);
  CHECK(inverse_transform([](double u) { return u; }, 5, g, f32).dtype() == f32);
}

TEST_CASE("quantiles of tables are exact between the points, and skip where there is nothing") {
  // p(x) = 2 x on [0, 1]: F = x^2; and falling: F = 1 - (1 - x)^2
  const Quantile up = quantile_of_density(tensor({0, 1}, f64), tensor({0, 3}, f64));
  const Quantile down = quantile_of_density(tensor({0, 1}, f64), tensor({1, 0}, f64));
  for (const double u : {1e-12, 0.2, 0.5, 0.99}) {
    CHECK(up(u) == Approx(std::sqrt(u)));
    CHECK(down(u) == Approx(u / (1 + std::sqrt(1 - u))));
  }
  const Quantile gap = quantile_of_density(tensor({0, 1, 2, 3, 4, 5}, f64), tensor({1, 1, 0, 0, 1, 1}, f64));
  CHECK(gap(1.2 / 3) == Approx(1 + (1 - std::sqrt(0.6))));
  CHECK(gap(0.5) == Approx(3));  // F is flat from 2 to 3
  const Quantile steps = quantile_of_cdf(tensor({0, 1, 2, 4}, f64), tensor({0.2, 0.6, 0.6, 1.0}, f64));
  CHECK(steps(0.25) == Approx(0.5));
  CHECK(steps(0.75) == Approx(3));
  CHECK_THROWS_WITH(quantile_of_density(tensor({0, 1}, f64), tensor({1, -1}, f64)),
                    "[quantile_of_density] expected a density of at least 0; got -1.000000");
  CHECK_THROWS_WITH(quantile_of_density(tensor({0, 1}, f64), tensor({0, 0}, f64)),
                    "[quantile_of_density] expected a density above 0 somewhere; got 0 everywhere");
  CHECK_THROWS_WITH(quantile_of_cdf(tensor({0, 1, 1}, f64), tensor({0, 1, 2}, f64)),
                    "[quantile_of_cdf] expected an increasing grid; got a fall at 2");
  CHECK_THROWS_WITH(quantile_of_cdf(tensor({0, 1, 2}, f64), tensor({0, 1, 0.5}, f64)),
                    "[quantile_of_cdf] expected a cdf that does not decrease; got a fall at 2");
  CHECK_THROWS_AS(quantile_of_cdf(tensor({0, 1}), tensor({0, 1})), Error);
  Generator g(1);
  CHECK_THROWS_WITH(inverse_transform([](double) { return INFINITY; }, 1, g),
                    Catch::StartsWith("[inverse_transform] expected finite quantiles; got inf"));
}
