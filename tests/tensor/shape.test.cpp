// SPDX-License-Identifier: MIT
#include "tensor/shape.h"

#include <catch2/catch.hpp>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/index.h"

using namespace stein;

namespace {

// "at 3", "slice 1 5 2" with _ for what was left out, "newaxis", "ellipsis"
std::string spelled(const Index& i) {
  const auto field = [](std::int64_t v) { return v == Slice::kNone ? std::string("_") : std::to_string(v); };
  switch (i.kind) {
    case Index::Kind::at:
      return "at " + std::to_string(i.pos);
    case Index::Kind::slice:
      return "slice " + field(i.range.start) + " " + field(i.range.stop) + " " + field(i.range.step);
    case Index::Kind::newaxis:
      return "newaxis";
    case Index::Kind::ellipsis:
      break;
  }
  return "ellipsis";
}

std::string spelled(const char* text) {
  std::string s;
  for (const auto& i : parse_indices(text)) s += (s.empty() ? "" : ", ") + spelled(i);
  return s;
}

}  // namespace

TEST_CASE("dims: positions from both ends, insert, erase, slice, concatenation") {
  Dims d{2, 3, 4};
  CHECK(d[0] == 2);
  CHECK(d[-1] == 4);
  CHECK(d.back() == 4);
  d.insert(0, 7);
  d.insert(4, 8);
  CHECK(d == Dims{7, 2, 3, 4, 8});
  d.erase(-2);
  CHECK(d == Dims{7, 2, 3, 8});
  CHECK(d.slice(1, 3) == Dims{2, 3});
  CHECK(d.slice(2, 2).empty());
  CHECK(Dims{1} + Dims{2, 3} == Dims{1, 2, 3});
  CHECK(Dims::filled(3, 5) == Dims{5, 5, 5});
  CHECK_FALSE(Dims{1} == Dims{1, 1});
}

TEST_CASE("dims: texts and errors") {
  CHECK(to_string(Dims{}) == "()");
  CHECK(to_string(Dims{5}) == "(5,)");
  CHECK(to_string(Dims{2, -3}) == "(2, -3)");
  const Dims d{2, 3};
  CHECK_THROWS_WITH(d[2], "[shape] expected an axis in [-2, 2); got 2 for (2, 3)");
  CHECK_THROWS_WITH(d[-3], "[shape] expected an axis in [-2, 2); got -3 for (2, 3)");
  CHECK_THROWS_WITH(Dims{}.back(), "[shape] expected an axis in [0, 0); got -1 for ()");
  Dims full = Dims::filled(12, 1);
  CHECK_THROWS_WITH(full.push_back(1), "[shape] expected at most 12 axes; got one more after " + to_string(full));
}

TEST_CASE("numel: zero sizes, rank 0, negative sizes, overflow") {
  CHECK(numel({}) == 1);
  CHECK(numel({2, 3}) == 6);
  CHECK(numel({2, 0, 5}) == 0);
  CHECK(numel({INT64_MAX}) == INT64_MAX);
  CHECK_THROWS_WITH(numel({2, -1}), "[shape] expected sizes of at least 0; got (2, -1)");
  CHECK_THROWS_WITH(numel({4294967296, 4294967296}),
                    "[shape] expected at most 2^63 - 1 elements; got (4294967296, 4294967296)");
  // Strides are products of sizes: they would overflow even where another size is 0.
  CHECK_THROWS_WITH(numel({0, 4294967296, 4294967296}),
                    "[shape] expected at most 2^63 - 1 elements; got (0, 4294967296, 4294967296)");
}

TEST_CASE("row-major strides") {
  CHECK(row_major({}) == Strides{});
  CHECK(row_major({2, 3, 4}) == Strides{12, 4, 1});
  CHECK(row_major({2, 0, 4}) == Strides{4, 4, 1});
}

TEST_CASE("broadcasting follows NumPy") {
  CHECK(broadcast("add", {2, 3}, {3}) == Shape{2, 3});
  CHECK(broadcast("add", {2, 1, 4}, {3, 1}) == Shape{2, 3, 4});
  CHECK(broadcast("add", {}, {2}) == Shape{2});
  CHECK(broadcast("add", {1}, {0}) == Shape{0});
  CHECK(broadcast("add", {0, 3}, {1, 1, 3}) == Shape{1, 0, 3});
  CHECK_THROWS_WITH(
      broadcast("add", {2, 3}, {2, 4}),
      "[add] expected shapes that broadcast (equal sizes or 1, counted from the right); got (2, 3) and (2, 4); "
      "axis -1 has 3 and 4");
  CHECK_THROWS_WITH(broadcast("mul", {2, 3}, {0, 3}), Catch::EndsWith("got (2, 3) and (0, 3); axis -2 has 2 and 0"));
}

TEST_CASE("axes as non-negative positions and from the end") {
  CHECK(normal_axis("sum", -1, 3) == 2);
  CHECK(normal_axis("sum", 0, 3) == 0);
  CHECK_THROWS_WITH(normal_axis("sum", 3, 3), "[sum] expected an axis in [-3, 3); got 3");
  CHECK_THROWS_WITH(normal_axis("sum", 4294967296, 3), "[sum] expected an axis in [-3, 3); got 4294967296");
  CHECK(from_end("sum", {}, 3) == Axes{-3, -2, -1});
  CHECK(from_end("sum", {2, 0}, 3) == Axes{-3, -1});
  CHECK_THROWS_WITH(from_end("sum", {0, -3}, 3), "[sum] expected each axis once; got (0, -3)");
}

TEST_CASE("index texts are read as NumPy reads them") {
  CHECK(spelled("2") == "at 2");
  CHECK(spelled("-1") == "at -1");
  CHECK(spelled("1:5, :, ::2") == "slice 1 5 1, slice _ _ 1, slice _ _ 2");
  CHECK(spelled("::-1, -3:, :-2") == "slice _ _ -1, slice -3 _ 1, slice _ -2 1");
  CHECK(spelled(" ... ,None,  1 : 2 : 3") == "ellipsis, newaxis, slice 1 2 3");
}

TEST_CASE("index texts: mistakes") {
  for (const char* text :
       {"", "a", "1,", ",1", "1:2:3:4", "1 2", "1:x", "..", "none", "1.5", "99999999999999999999", "+1", "0x1"}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_indices(text),
                      "[index] expected integers, start:stop:step, ..., None, separated by commas; got \"" +
                          std::string(text) + "\"");
  }
}

TEST_CASE("dtypes and devices: sizes, names, errors") {
  CHECK(size_of(f32) == 4);
  CHECK(size_of(f64) == 8);
  CHECK(size_of(i64) == 8);
  CHECK(size_of(u8) == 1);
  CHECK(size_of(boolean) == 1);
  CHECK(name_of(boolean) == "bool");
  CHECK(dtype_of<std::int64_t>() == i64);
  CHECK_THROWS_WITH(
      visit_floating("exp", i64, [](auto) {}),
      "[exp] expected a floating dtype (f32 or f64); got i64; convert it first, for example x.to(stein::f32)");
  CHECK(parse_device("cpu") == cpu);
  CHECK(to_string(cpu) == "cpu");
  CHECK(to_string(Device{Device::Kind::cuda, 1}) == "cuda:1");
  for (const char* text : {"cuda", "cuda:0", "gpu", ""}) CHECK_THROWS_AS(parse_device(text), Error);
}

TEST_CASE("errors are made of op, expectation, finding and hint") {
  CHECK_THROWS_WITH(fail("op", "a", "b"), "[op] expected a; got b");
  CHECK_THROWS_WITH(fail("op", "a", "b", "c"), "[op] expected a; got b; c");
}
