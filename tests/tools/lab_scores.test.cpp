// SPDX-License-Identifier: MIT
// Numbers of the experiments `equivalence` and `low-density`, in their quick form, against references computed here.
#include <cmath>

#include "ops/ops.h"
#include "smld/data/mixture.h"
#include "tests/tools/lab_tables.h"

using namespace stein;
using namespace stein::test;
using nlohmann::json;

TEST_CASE("lab equivalence: C of a mixture, from the two losses and in closed form") {
  TempDir dir;
  const json checks = checks_of(dir, "equivalence");
  CHECK(checks.size() >= 20);
  const auto p = smld::GaussianMixture::named("ellipses");
  auto rows = csv(dir / "lab/equivalence/constant.csv");
  REQUIRE(rows.size() == 16);  // five levels, three models
  rows.erase(rows.begin());
  for (const auto& row : rows) {
    const double sigma = std::stod(row[0]), difference = std::stod(row[4]), error = std::stod(row[5]),
                 c = std::stod(row[6]);
    INFO("sigma " << sigma << ", " << row[1]);
    CHECK(std::abs(difference - c) < 4 * error);
    CHECK(std::stod(row[7]) == Approx(c).epsilon(1e-8));
    // 1 / sigma^2 - 1/2 E |grad log q|^2 from draws
    const Tensor x = p.perturbed(1, sigma).sample(20000, 17);
    const Tensor half = 0.5 * sum(square(p.score(x, sigma)), {1});
    CHECK(std::abs(1 / (sigma * sigma) - mean(half).item() - c) <
          4 * std::sqrt(var(half).item() / static_cast<double>(x.size(0))));
  }
  // Both ends: d / (2 sigma^2), tr Cov(x) / (2 sigma^4); Cov(x) from draws.
  const Tensor x = p.sample(200000, 3);
  const double trace = sum(var(x, {0})).item();
  CHECK(std::stod(rows.front()[6]) == Approx(1e4).epsilon(1e-3));
  CHECK(std::stod(rows.back()[6]) == Approx(trace / (2 * std::pow(30.0, 4))).epsilon(0.01));
}

TEST_CASE("lab low-density: one level keeps the weights of its start, a ladder follows the law of each level") {
  TempDir dir;
  const json checks = checks_of(dir, "low-density");
  CHECK(checks.size() == 3);
  const std::string folder = dir / "lab/low-density/";
  // The share of the large mode's side at every level, against draws.
  auto rows = csv(folder + "shares.csv");
  REQUIRE(rows.size() == 11);
  const auto p = smld::GaussianMixture::named("two");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double sigma = std::stod(rows[i][0]);
    const Tensor x = p.perturbed(1, sigma).sample(20000, i);
    CHECK(std::stod(rows[i][3]) == Approx(mean((sum(x, {1}) > 0).to(f64)).item()).margin(0.015));
  }
  // Exact score: from uniform starts one half, at one level for good; annealed far above.
  rows = csv(folder + "samples.csv");
  REQUIRE(rows.size() == 9);
  CHECK(rows[2][0] == "one level, exact score");
  CHECK(std::stod(rows[2][1]) == Approx(0.51).margin(0.15));
  CHECK(rows[6][0] == "annealed, exact score");
  CHECK(std::stod(rows[6][1]) > 0.65);
  // What wrong weights cost: nothing without noise. At sigma 20, by draws.
  rows = csv(folder + "wrong-weights.csv");
  CHECK(std::stod(rows[1][1]) < 1e-9);
  const smld::GaussianMixture even(tensor({0.5, 0.5}, f64), p.means(), p.covariances());
  const Tensor x = p.perturbed(1, 20).sample(20000, 5);
  const double d = mean(sum(square(p.score(x, 20) - even.score(x, 20)), {1})).item();
  CHECK(std::stod(rows.back()[1]) == Approx(200 * d).epsilon(0.05));
}
