// SPDX-License-Identifier: MIT
// The expected texts are what numpy 2.4 prints for the same arrays.
#include "tensor/print.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <sstream>

using namespace stein;

namespace {

const double inf = std::numeric_limits<double>::infinity();

Tensor reshaped(const Tensor& t, const Shape& shape) { return as_strided(t, shape, row_major(shape), 0); }

}  // namespace

TEST_CASE("print: floats share a notation and line up at the point") {
  CHECK(to_string(tensor({{0, 1, 2}, {3, 4, 5}})) == "[[0. 1. 2.]\n [3. 4. 5.]]");
  CHECK(to_string(tensor({{1.5, -2.25}, {100, 0.125}}, f64)) == "[[  1.5    -2.25 ]\n [100.      0.125]]");
  CHECK(to_string(tensor({1.0 / 3, 2.0 / 3, 1})) == "[0.33333334 0.6666667  1.        ]");
  CHECK(to_string(tensor({1.0 / 3, 2.0 / 3, 1}, f64)) == "[0.33333333 0.66666667 1.        ]");
  CHECK(to_string(tensor({1.23456, 10}, f64), {.precision = 2}) == "[ 1.23 10.  ]");
  CHECK(to_string(tensor({0, 0})) == "[0. 0.]");
}

TEST_CASE("print: exponents where the range asks for them") {
  CHECK(to_string(tensor({1e-5, 1.5, -200}, f64)) == "[ 1.0e-05  1.5e+00 -2.0e+02]");
  CHECK(to_string(tensor({1e-300, 1e10}, f64)) == "[1.e-300 1.e+010]");
  CHECK(to_string(tensor({1e-4, 0.05}, f64)) == "[0.0001 0.05  ]");
  CHECK(to_string(tensor({1e-4, 1}, f64)) == "[1.e-04 1.e+00]");
  CHECK(to_string(tensor({99999999.0}, f64)) == "[99999999.]");
  CHECK(to_string(tensor({1e8}, f64)) == "[1.e+08]");
}

TEST_CASE("print: nan, inf and -0") {
  CHECK(to_string(tensor({std::nan(""), inf, -inf, -0.0, 2.5})) == "[ nan  inf -inf -0.   2.5]");
  CHECK(to_string(tensor({std::nan("")})) == "[nan]");
  CHECK(to_string(tensor({std::nan(""), 1.25e-9}, f64)) == "[     nan 1.25e-09]");
}

TEST_CASE("print: integers and booleans") {
  CHECK(to_string(tensor({{1, -20}, {300, 4}}, i64)) == "[[  1 -20]\n [300   4]]");
  CHECK(to_string(tensor({7, 255}, u8)) == "[  7 255]");
  CHECK(to_string(tensor({1, 0}, boolean)) == "[ True False]");
  CHECK(to_string(tensor({1, 1}, boolean)) == "[ True  True]");
}

TEST_CASE("print: rank 0, empty, undefined") {
  CHECK(to_string(scalar(2.5)) == "2.5");
  CHECK(to_string(scalar(2)) == "2.0");
  CHECK(to_string(scalar(-3, i64)) == "-3");
  CHECK(to_string(scalar(1, boolean)) == "True");
  CHECK(to_string(zeros({0})) == "[]");
  CHECK(to_string(zeros({2, 0, 3})) == "[]");
  CHECK(to_string(Tensor()) == "undefined tensor");
  std::ostringstream out;
  out << tensor({1, 2}, i64);
  CHECK(out.str() == "[1 2]");
}

TEST_CASE("print: long rows wrap, long axes are cut, outer axes are set apart") {
  CHECK(to_string(arange(0, 25000, 1000, i64)) ==
        "[    0  1000  2000  3000  4000  5000  6000  7000  8000  9000 10000 11000\n"
        " 12000 13000 14000 15000 16000 17000 18000 19000 20000 21000 22000 23000\n"
        " 24000]");
  CHECK(to_string(reshaped(arange(3000), {3, 1000})) ==
        "[[   0    1    2 ...  997  998  999]\n"
        " [1000 1001 1002 ... 1997 1998 1999]\n"
        " [2000 2001 2002 ... 2997 2998 2999]]");
  CHECK(to_string(reshaped(arange(1600), {40, 40})) ==
        "[[   0    1    2 ...   37   38   39]\n"
        " [  40   41   42 ...   77   78   79]\n"
        " [  80   81   82 ...  117  118  119]\n"
        " ...\n"
        " [1480 1481 1482 ... 1517 1518 1519]\n"
        " [1520 1521 1522 ... 1557 1558 1559]\n"
        " [1560 1561 1562 ... 1597 1598 1599]]");
  CHECK(to_string(reshaped(arange(8), {2, 2, 2})) == "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
  CHECK(to_string(arange(10), {.threshold = 5, .edge_items = 1}) == "[0 ... 9]");
  CHECK(to_string(arange(3), {.threshold = 0, .edge_items = 0}) == "[...]");
  CHECK(to_string(tensor({0.5, 0.25, 0.125, 1}), {.line_width = 14}) == "[0.5   0.25\n 0.125 1.   ]");
}

TEST_CASE("print: layouts do not show") {
  const Tensor rows = reshaped(arange(24), {2, 3, 2, 2});
  Tensor last = empty_channels_last({2, 3, 2, 2}, i64);
  last.copy_(rows);
  CHECK(to_string(last) == to_string(rows));
  CHECK(to_string(as_strided(arange(6), {3, 2}, {1, 3}, 0)) == "[[0 3]\n [1 4]\n [2 5]]");
  CHECK(to_string(as_strided(scalar(4, i64), {2, 2}, {0, 0}, 0)) == "[[4 4]\n [4 4]]");
}
