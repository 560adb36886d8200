// SPDX-License-Identifier: MIT
#include "nn/time_embedding.h"

#include <catch2/catch.hpp>
#include <numbers>

#include "autograd/calculus/check.h"
#include "ops/ops.h"
#include "tests/nn/support.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("sinusoidal embedding: half sines, half cosines, periods from 2 pi to 2 pi 10000") {
  const Tensor e = nn::sinusoidal_embedding(from_vector<double>({0, 1.5, 999}, {3}), 8);
  REQUIRE(e.shape() == Shape{3, 8});
  const auto v = e.to_vector<double>();
  const double times[] = {0, 1.5, 999};
  for (int b = 0; b < 3; ++b)
    for (int i = 0; i < 4; ++i) {
      const double angle = times[b] * std::pow(10000.0, -i / 3.0);
      CHECK(v[static_cast<std::size_t>(8 * b + i)] == Approx(std::sin(angle)).margin(1e-12));
      CHECK(v[static_cast<std::size_t>(8 * b + i + 4)] == Approx(std::cos(angle)).margin(1e-12));
    }
  CHECK(nn::sinusoidal_embedding(ones({2}), 2).shape() == Shape{2, 2});
  CHECK(nn::sinusoidal_embedding(zeros({0}), 4).shape() == Shape{0, 4});
  CHECK(error_of([] { nn::sinusoidal_embedding(ones({2}), 5); }) ==
        "[sinusoidal_embedding] expected an even width of at least 2; got 5");
  CHECK(error_of([] {
          nn::sinusoidal_embedding(ones({2, 1}), 4);
        }) == "[sinusoidal_embedding] expected t floating (B); got f32 (2, 1)");
}

TEST_CASE("Fourier features: fixed random frequencies, saved and not trained") {
  Generator g(3), again(3);
  const nn::GaussianFourier f(512, 16, g), twin(512, 16, again);
  CHECK(f.named_parameters().empty());
  REQUIRE(f.named_buffers().size() == 1);
  CHECK(f.named_buffers()[0].first == "W");
  CHECK(equal(f.W, twin.W));
  CHECK(std::sqrt(mean(square(f.W)).item()) == Approx(16).epsilon(0.15));
  const Tensor t = uniform({3}, g), e = f(t);
  REQUIRE(e.shape() == Shape{3, 512});
  const Tensor angle = 2 * std::numbers::pi * outer(t, f.W);
  CHECK(allclose(narrow(e, 1, 0, 256), sin(angle), 1e-5, 1e-4));
  CHECK(allclose(narrow(e, 1, 256, 256), cos(angle), 1e-5, 1e-4));
  CHECK(error_of([&] { f(ones({2}, f64)); }) == "[gaussian_fourier] expected t f32 (B); got f64 (2,)");
  CHECK(error_of([] { nn::GaussianFourier bad(4, 0); }).starts_with("[gaussian_fourier] expected scale > 0"));
}

TEST_CASE("embeddings of time have derivatives in t") {
  Generator g(4);
  nn::GaussianFourier f(6, 1, g);
  f.to(f64);
  const Tensor t = uniform({3}, g, 0.2, 1, f64);
  const auto r = check_grads([&](const Tensor& s) { return f(s) + nn::sinusoidal_embedding(s, 6); }, t);
  INFO(r.to_string());
  CHECK(r.ok());
}

TEST_CASE("condition: parts, widths and errors") {
  Generator g(5);
  CHECK(nn::Condition({}, g).empty());
  CHECK_FALSE(nn::Condition({}, g)("net", {}, {}, 3, f32).defined());
  const nn::Condition all({.time = nn::TimeFeatures::fourier, .classes = 3, .features = 4, .width = 5}, g);
  std::vector<std::string> names;
  for (const auto& [name, p] : all.named_state()) names.push_back(name + " " + to_string(p.shape()));
  CHECK(names == std::vector<std::string>{"fourier.W (2,)", "time1.weight (5, 4)", "time1.bias (5,)",
                                          "time2.weight (5, 5)", "time2.bias (5,)", "classes.weight (4, 5)"});
  // An integer time is that number; a label left out is the null label.
  const Tensor t = from_vector<std::int64_t>({3, 1}, {2}), null = full({2}, 3, i64);
  CHECK(equal(all("net", t, {}, 2, f32), all("net", t.to(f32), null, 2, f32)));
  CHECK_FALSE(equal(all("net", t, zeros({2}, i64), 2, f32), all("net", t, null, 2, f32)));

  const nn::Condition levels({.levels = 4, .width = 5}, g);
  CHECK(levels("net", t, {}, 2, f32).shape() == Shape{2, 5});
  const auto of = [&](const nn::Condition& c, const Tensor& time, const Tensor& label) {
    return error_of([&] { c("net", time, label, 2, f32); });
  };
  CHECK(of(levels, {}, {}) == "[net] expected t (B); got none; the network was built with time or levels");
  CHECK(of(levels, t.to(f32), {}) == "[net] expected levels i64 (2,); got f32 (2,)");
  CHECK(of(levels, full({2}, 4, i64), {}) == "[net] expected levels in [0, 4); got 4");
  CHECK(of(levels, t, null) ==
        "[net] expected no label, for the network was built without classes; got i64 (2,); set classes of its "
        "ConditionOptions");
  CHECK(of(all, ones({3}), {}) == "[net] expected t f32 (2,) or i64; got f32 (3,)");
  CHECK(of(all, ones({2}, f64), {}) == "[net] expected t f32 (2,) or i64; got f64 (2,)");
  CHECK(of(all, t, full({2}, 4, i64)) == "[net] expected labels in [0, 4); got 4");
  CHECK(of(all, t, full({2}, -1, i64)) == "[net] expected labels in [0, 4); got -1");
  CHECK(of(nn::Condition({}, g), t, {}) ==
        "[net] expected no t, for the network was built without time and levels; got i64 (2,); set time or levels of "
        "its ConditionOptions");
  CHECK(error_of([&] {
          nn::Condition({.time = nn::TimeFeatures::fourier, .levels = 3, .features = 4, .width = 4}, g);
        }) == "[condition] expected time or levels; got both; a table of levels takes the place of features of t");
}
