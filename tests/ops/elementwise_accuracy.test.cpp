// SPDX-License-Identifier: MIT
// Every mathematical function against long double over the whole range of its dtype, at every SIMD level.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "tests/ops/detail_kernels.h"
#include "tests/ops/support/accuracy.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("elementwise: every function is accurate over its whole range at every SIMD level", "[slow]") {
  const auto x32 = arguments<float>();
  const auto x64 = arguments<double>();
  test::each_simd_level([&](const char* level) {
    INFO("level " << level);
    for (const Case& c : cases) {
      sweep(c, x32);
      sweep(c, x64);
    }
  });
}

TEST_CASE("elementwise: gelu_tanh is accurate where its value is not negligible") {
  // The rounding of u = sqrt(2/pi) (x + 0.044715 x^3) (three operations) counts 2u-fold in the value.
  test::each_simd_level([&](const char* level) {
    INFO("level " << level);
    std::vector<double> x;
    for (int i = -20000; i <= 20000; ++i) x.push_back(i * 6e-4);
    const auto y = gelu_tanh(from_vector(x, {40001})).to_vector<double>();
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double v = x[i], w = 1.59576912160573071175978423973752747L * (v + 0.044715L * v * v * v);
      worst = std::max(worst, ulps(y[i], v / (1 + std::exp(-w))) / (5 + 3 * static_cast<double>(std::fabs(w))));
    }
    CHECK(worst <= 1);
    const auto far = gelu_tanh(tensor({INFINITY, -INFINITY, 1e300, -1e300, 0, NAN}, f64)).to_vector<double>();
    CHECK(std::vector<double>(far.begin(), far.end() - 1) == std::vector<double>{INFINITY, 0, 1e300, 0, 0});
    CHECK(std::isnan(far.back()));
  });
}

TEST_CASE("elementwise: the result of an element does not depend on its neighbours or its place") {
  const auto all = arguments<float>();
  std::vector<float> x;
  for (std::size_t i = 0; i < all.size(); i += 997) x.push_back(all[i]);
  const auto n = static_cast<std::int64_t>(x.size());
  test::each_simd_level([&](const char* level) {
    for (const Case& c : cases) {
      INFO(c.name << " at level " << level);
      const Tensor whole = c.f(from_vector(x, {n}));
      for (std::int64_t length = 1; length <= 35; ++length) {
        const std::vector<float> part(x.begin() + 3, x.begin() + 3 + length);
        CHECK(equal(c.f(from_vector(part, {length})), narrow(whole, 0, 3, length)));
      }
    }
  });
}
