// SPDX-License-Identifier: MIT
#include "nn/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;
using nn::Schedule;

TEST_CASE("schedule: constant, warm-up, cosine, step") {
  CHECK(Schedule::constant()(0) == 1);
  CHECK(Schedule::constant()(1000000) == 1);
  const auto warm = Schedule::constant(4);
  CHECK(warm(0) == 0.25);
  CHECK(warm(3) == 1);
  CHECK(warm(4) == 1);
  const auto cosine = Schedule::cosine(110, 10, 0.2);
  CHECK(cosine(4) == 0.5);
  CHECK(cosine(10) == 1);
  CHECK(cosine(60) == Approx(0.6).epsilon(1e-14));
  CHECK(cosine(35) == Approx(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2).epsilon(1e-14));
  CHECK(cosine(110) == Approx(0.2).epsilon(1e-14));
  CHECK(cosine(500) == Approx(0.2).epsilon(1e-14));
  const auto step = Schedule::step(30, 0.5, 10);
  CHECK(step(10) == 1);
  CHECK(step(39) == 1);
  CHECK(step(40) == 0.5);
  CHECK(step(100) == 0.125);
}

TEST_CASE("schedule: errors and names") {
  CHECK(error_of([] { Schedule::constant(-1); }) == "[schedule] expected a warm-up of at least 0 steps; got -1");
  CHECK(error_of([] { Schedule::cosine(10, 10); }) ==
        "[schedule] expected a cosine longer than its warm-up of 10 steps; got 10");
  CHECK(error_of([] { Schedule::cosine(10, 1, 2); }) == "[schedule] expected a floor in [0, 1]; got 2.000000");
  CHECK(error_of([] { Schedule::step(0); }) == "[schedule] expected steps of at least 1; got 0");
  CHECK(error_of([] { Schedule::step(3, -1); }) == "[schedule] expected gamma above 0; got -1.000000");
  CHECK(error_of([] { nn::parse_schedule_kind("linear"); }) ==
        "[schedule] expected constant, cosine or step; got \"linear\"");
  for (const char* name : {"constant", "cosine", "step"}) CHECK(name_of(nn::parse_schedule_kind(name)) == name);
}
