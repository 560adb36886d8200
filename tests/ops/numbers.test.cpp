// SPDX-License-Identifier: MIT
// Tensors with C++ numbers: exact in integer and bool dtypes, or an error.
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/ops.h"

using namespace stein;

TEST_CASE("a number that an integer or bool tensor does not hold is an error, not truncated") {
  const Tensor i = tensor({1, 2, 3}, i64), u = tensor({0, 7}, u8), b = tensor({0, 1}, boolean);
  CHECK_THROWS_WITH(i * 0.5, "[mul] expected a number that i64 holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(0.5 + i, "[add] expected a number that i64 holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(2.5 - i, "[sub] expected a number that i64 holds exactly; got 2.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(i / 0.5, "[div] expected a number that i64 holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(i < 2.5, "[lt] expected a number that i64 holds exactly; got 2.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(i <= 1e30, "[le] expected a number that i64 holds exactly; got 1e+30; convert with x.to(f32)");
  CHECK_THROWS_WITH(i > NAN, "[gt] expected a number that i64 holds exactly; got nan; convert with x.to(f32)");
  CHECK_THROWS_WITH(i >= 0x1p63,
                    "[ge] expected a number that i64 holds exactly; got 9223372036854775808; "
                    "convert with x.to(f32)");
  CHECK_THROWS_WITH(u < 0.5, "[lt] expected a number that u8 holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(u < 256, "[lt] expected a number that u8 holds exactly; got 256; convert with x.to(f32)");
  CHECK_THROWS_WITH(u > -1, "[gt] expected a number that u8 holds exactly; got -1; convert with x.to(f32)");
  CHECK_THROWS_WITH(b > 0.5, "[gt] expected a number that bool holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(pad(i, {1, 1}, 0.5),
                    "[pad] expected a number that i64 holds exactly; got 0.5; convert with x.to(f32)");
  CHECK_THROWS_WITH(b > 2, "[gt] expected a number that bool holds exactly; got 2; convert with x.to(f32)");
}

TEST_CASE("numbers that are held are taken exactly, and floating dtypes round theirs") {
  const Tensor i = tensor({1, 2, 3}, i64), u = tensor({0, 7}, u8), b = tensor({0, 1}, boolean);
  CHECK(equal(2 * i - 1, tensor({1, 3, 5}, i64)));
  CHECK(equal(i < 2, tensor({1, 0, 0}, boolean)));
  CHECK(equal(i >= -0x1p63, tensor({1, 1, 1}, boolean)));
  CHECK(equal(i * 0x1p53, tensor({0x1p53, 0x1p54, 3 * 0x1p53}, i64)));
  CHECK(equal(u < 255, tensor({1, 1}, boolean)));
  CHECK(equal(b > 0, b));
  CHECK(equal(ones({2}) * 0.1, full({2}, 0.1)));
  CHECK(std::isinf((ones({}) * 1e300).item()));
}
