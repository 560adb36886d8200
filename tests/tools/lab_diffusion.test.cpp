// SPDX-License-Identifier: MIT
// Numbers of the experiments `ncsn-2d`, `diffusion` and `guidance`, in their quick form.
#include <cmath>
#include <map>

#include "tests/tools/lab_tables.h"

using namespace stein;
using namespace stein::test;
using nlohmann::json;

TEST_CASE(
    "lab ncsn-2d: the loss of a level falls towards the lowest possible, and equals it plus the excess on average") {
  TempDir dir;
  checks_of(dir, "ncsn-2d");
  auto rows = csv(dir / "lab/ncsn-2d/losses.csv");
  rows.erase(rows.begin());
  struct Sums {
    double first = 0, last = 0;
  };
  std::map<std::string, Sums> excess;  // summed over levels
  double difference = 0, largest = 0;
  for (const auto& row : rows) {
    REQUIRE(row.size() == 6);
    const double step = std::stod(row[1]), sigma = std::stod(row[2]), loss = std::stod(row[3]),
                 lowest = std::stod(row[4]), over = std::stod(row[5]);
    if (step == 1) excess[row[0]].first += over;
    if (step == 40) {
      excess[row[0]].last += over;
      difference += (loss - lowest - over) / 48;
    }
    // sigma^2 / 2 E tr Cov(x | x~) / sigma^4 is at most d/2, and at most tr Cov(x) / (2 sigma^2): here tr Cov(x) < 3.
    largest = std::max(largest, lowest / std::min(1.0, 1.5 / (sigma * sigma)));
  }
  CHECK(excess.size() == 4);
  for (const auto& [name, sums] : excess) {
    INFO(name);
    CHECK(sums.last < 0.7 * sums.first);
  }
  CHECK(std::abs(difference) < 0.03);  // 2400 points, each of deviation about 0.7
  CHECK(largest < 1.4);                // 50 points each
  for (const char* name : {"rings", "moons", "spirals", "checkerboard"})
    CHECK(csv(dir / ("lab/ncsn-2d/" + std::string(name) + "-samples.csv")).size() == 101);
}

TEST_CASE("lab guidance: the weight moves samples from all classes to the one asked for") {
  TempDir dir;
  CHECK(checks_of(dir, "guidance").size() == 1);
  const auto rows = csv(dir / "lab/guidance/sweep.csv");
  REQUIRE(rows.size() == 14);  // four ways, three weights, the truth
  for (std::size_t i = 1; i < 13; ++i) {
    const double w = std::stod(rows[i][1]), share = std::stod(rows[i][2]), probability = std::stod(rows[i][3]);
    INFO(rows[i][0] << ", w = " << w);
    // 180 samples; at w = 0 they know nothing of the class asked for, and so do networks after 40 steps, nearly.
    if (w == 0) CHECK(std::abs(probability - 1.0 / 3) < 0.15);
    if (rows[i][0].starts_with("exact") && w == 1) CHECK(std::abs(share - std::stod(rows[13][2])) < 0.12);
    if (rows[i][0].starts_with("exact") && w == 4) CHECK(probability > std::stod(rows[13][3]));
  }
  // Of exact draws: mean of S plus the spread of two means at radii 1.1 and 1.5, 0.84 rad apart.
  const double apart = 1.1 * 1.1 + 1.5 * 1.5 - 2 * 1.1 * 1.5 * std::cos(0.84);
  CHECK(std::stod(rows[13][4]) == Approx(0.09 + 0.22 + apart / 4).epsilon(0.05));
}

TEST_CASE("lab diffusion: DDPM's steps are times of the VP SDE, and every sampler and diffusion is in the tables") {
  TempDir dir;
  CHECK(checks_of(dir, "diffusion").size() == 2);
  double abar = 1;
  std::map<std::int64_t, double> expected;
  for (std::int64_t i = 1; i <= 1000; ++i) {
    abar *= 1 - (1e-4 + (0.02 - 1e-4) * static_cast<double>(i - 1) / 999);
    expected[i] = abar;
  }
  auto rows = csv(dir / "lab/diffusion/ddpm-score.csv");
  REQUIRE(rows.size() == 7);
  for (std::size_t k = 1; k < rows.size(); ++k) {
    const double bar = std::stod(rows[k][1]), t = std::stod(rows[k][2]);
    CHECK(bar == Approx(expected[std::stoll(rows[k][0])]).epsilon(1e-9));
    CHECK(std::exp(-0.1 * t - 9.95 * t * t) == Approx(bar).epsilon(1e-9));
  }
  rows = csv(dir / "lab/diffusion/samplers.csv");
  REQUIRE(rows.size() == 34);  // three diffusions by five samplers, DDIM, each twice; two exact sets
  for (std::size_t k = 1; k < rows.size(); ++k) {
    // 20 steps are few, but no sampler loses the scale of the data, whose deviation is 1.9.
    INFO(rows[k][0] << ", " << rows[k][1] << ", " << rows[k][2]);
    if (rows[k][2] == "exact") CHECK(std::stod(rows[k][4]) < 1.5);
  }
  rows = csv(dir / "lab/diffusion/likelihood.csv");
  REQUIRE(rows.size() == 4);
  for (std::size_t k = 1; k < rows.size(); ++k) CHECK(std::stod(rows[k][3]) < 0.05);  // tolerance 1e-4
}
