// SPDX-License-Identifier: MIT
#include "autograd/calculus/gradcheck_table.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace stein;

TEST_CASE("gradcheck: the table of one op") {
  const auto rows = gradcheck("tanh");
  std::set<std::string> samples;
  std::set<int> orders;
  for (const auto& r : rows) {
    INFO(r.sample << ", order " << r.order << ", " << r.mode << ", " << r.argument << ": " << r.error);
    CHECK(r.ok);
    CHECK(r.op == "tanh");
    samples.insert(r.sample);
    orders.insert(r.order);
  }
  CHECK(samples.size() >= 5);
  CHECK(orders == std::set<int>{1, 2, 3});
  CHECK(gradcheck("isnan").empty());
  CHECK_THROWS_WITH(gradcheck("tan"), Catch::Contains("[gradcheck] expected the name of a registered op; got 'tan'") &&
                                          Catch::Contains("did you mean") && Catch::Contains("tanh"));
}

TEST_CASE("gradcheck: inputs are drawn as the sample asks, the same each time") {
  const Sample sample{"drawn",
                      {{{4, 50}, -1, 1, {0, 0.5}},
                       {{30}, -1, 1, {}, f64, true},
                       {{100}, 2, 4, {}, i64},
                       {{10}, 0, 1, {}, boolean},
                       {{3}, 5, 5},
                       {{2}, -1, 1, {}, f32}},
                      {}};
  const Tensors in = draw_inputs(sample), again = draw_inputs(sample);
  for (std::size_t k = 0; k < in.size(); ++k) {
    CHECK(equal(in[k], again[k]));
    CHECK(in[k].dtype() == sample.inputs[k].dtype);
    CHECK(in[k].shape() == sample.inputs[k].shape);
  }
  for (const double v : in[0].to_vector<double>()) {
    CHECK(std::abs(v) <= 1);
    CHECK(std::min(std::abs(v), std::abs(v - 0.5)) >= 0.05);
  }
  auto apart = in[1].to_vector<double>();
  std::sort(apart.begin(), apart.end());
  for (std::size_t i = 1; i < apart.size(); ++i) CHECK(apart[i] - apart[i - 1] >= 0.05 - 1e-12);
  const auto whole = in[2].to_vector<std::int64_t>();
  CHECK(*std::min_element(whole.begin(), whole.end()) == 2);
  CHECK(*std::max_element(whole.begin(), whole.end()) == 4);
  CHECK(in[4].to_vector<double>() == std::vector<double>(3, 5.0));
}
