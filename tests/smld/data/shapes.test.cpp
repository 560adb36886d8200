// SPDX-License-Identifier: MIT
#include "smld/data/shapes.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <set>

#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using stein::test::error_of;

TEST_CASE("shapes are a function of seed and index", "[data]") {
  const DataSplits a = make_shapes({.count = 40, .seed = 1}), b = make_shapes({.count = 60, .seed = 1}),
                   c = make_shapes({.count = 40, .seed = 2});
  CHECK(a.train.sample_shape() == Shape{1, 28, 28});
  CHECK(a.train.size() == 36);
  CHECK(a.held_out.size() == 4);
  CHECK(equal(a.train.first(36), b.train.first(36)));
  CHECK_FALSE(equal(a.train.first(36), c.train.first(36)));
  const DataSplits colour = make_shapes({.image_size = 16, .channels = 3, .count = 4});
  CHECK(colour.train.sample_shape() == Shape{3, 16, 16});
}

TEST_CASE("shapes cover their area: antialiased, inside the picture, all kinds", "[data]") {
  const DataSplits data = make_shapes({.image_size = 64, .count = 200, .seed = 3});
  std::set<std::int64_t> kinds;
  for (std::int64_t i = 0; i < data.train.size(); ++i) {
    const std::vector<std::int64_t> one{i};
    const auto kind = data.train.labels(one).to_vector<std::int64_t>()[0];
    kinds.insert(kind);
    const auto v = data.train.batch(one).to_vector<float>();
    float top = 0, edge = 0;
    double area = 0, wide = 0;  // in units of the brightness; `wide` the half extent along x and y at most
    for (const float p : v) top = std::max(top, p);
    int min_x = 64, max_x = -1, between = 0;
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x) {
        const float p = v[static_cast<std::size_t>(64 * y + x)];
        area += p / top;
        if (p > 0) min_x = std::min(min_x, x), max_x = std::max(max_x, x);
        if (p > 0.02f * top && p < 0.98f * top) ++between;
        if (x == 0 || y == 0 || x == 63 || y == 63) edge = std::max(edge, p / top);
      }
    wide = (max_x - min_x + 1) / 2.0;
    INFO("sample " << i << " of kind " << kind);
    CHECK(top >= 0.49f);
    CHECK(between > 10);  // antialiased
    CHECK(edge == 0);
    CHECK(wide <= 0.36 * 64 + 1);
    if (kind == 0) CHECK(area == Approx(std::numbers::pi * (wide - 0.5) * (wide - 0.5)).epsilon(0.1));
    if (kind == 1) CHECK(area == Approx(0.75 * std::numbers::pi * (wide - 0.5) * (wide - 0.5)).epsilon(0.12));
  }
  CHECK(kinds.size() == 5);
}

TEST_CASE("wrong options for shapes are refused", "[data]") {
  CHECK(error_of([] { make_shapes({.image_size = 7}); }) == "[shapes] expected an image size of 8 to 512; got 7");
  CHECK(error_of([] { make_shapes({.channels = 2}); }) == "[shapes] expected 1 or 3 channels; got 2");
  CHECK(error_of([] { make_shapes({.count = 1}); }) == "[shapes] expected a count of at least 2; got 1");
}
