// SPDX-License-Identifier: MIT
// The laws of probes: E v v^T = I for all, and the variance of v^T J v for a J that is neither symmetric nor normal.
#include <catch2/catch.hpp>

#include "smld/trace.h"
#include "tests/smld/support.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::smld::test;

TEST_CASE("probes: E v v^T = I, lengths, and the variances of the four laws") {
  const std::int64_t d = 5, n = 40000;
  Generator g(1);
  const Tensor j = randn({d, d}, g, f64) + 1.5 * eye(d, f64), s = 0.5 * (j + transpose(j));
  const double trace = sum(diagonal(j)).item(), s2 = sum(square(s)).item(), diag2 = sum(square(diagonal(j))).item();
  const double dd = static_cast<double>(d), sphere = 2 * dd / (dd + 2) * (s2 - trace * trace / dd);
  struct Case {
    ProbeLaw law;
    std::int64_t m;
    double variance;
  };
  for (const auto& c : std::vector<Case>{{ProbeLaw::gaussian, 1, 2 * s2},
                                         {ProbeLaw::gaussian, 3, 2 * s2 / 3},
                                         {ProbeLaw::rademacher, 1, 2 * (s2 - diag2)},
                                         {ProbeLaw::sphere, 1, sphere},
                                         {ProbeLaw::sphere, 3, sphere / 3},
                                         {ProbeLaw::orthogonal, 1, sphere},
                                         {ProbeLaw::orthogonal, 3, sphere / 3 * (dd - 3) / (dd - 1)},
                                         {ProbeLaw::orthogonal, 5, 0}}) {
    INFO("law " << static_cast<int>(c.law) << ", " << c.m << " probes");
    const Tensor v = draw_probes(c.law, c.m, zeros({n, d}, f64), g);
    REQUIRE(v.shape() == Shape{c.m, n, d});
    const Tensor outer = mean(unsqueeze(v, 3) * unsqueeze(v, 2), {0, 1});
    CHECK(amax(abs(outer - eye(d, f64))).item() < 4 * std::sqrt(2.0 / static_cast<double>(n)));
    if (c.law != ProbeLaw::gaussian) CHECK(amax(abs(sum(square(v), {2}) - dd)).item() < 1e-12);
    const Tensor t = mean(sum(v * matmul(v, j), {2}), {0});
    CHECK(estimate(t).off(trace) < 4);
    CHECK(var(t).item() == Approx(c.variance).epsilon(0.05).margin(1e-20));
  }
}
