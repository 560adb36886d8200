// SPDX-License-Identifier: MIT
#include "tensor/tensor.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/detail/strided.h"
#include "tensor/random.h"
#include "tensor/thread_pool.h"

using namespace stein;

namespace {

using Floats = std::vector<float>;
using Ints = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("tensor: creation") {
  CHECK(zeros({2, 2}).to_vector<float>() == Floats{0, 0, 0, 0});
  CHECK(ones({2}, i64).to_vector<std::int64_t>() == Ints{1, 1});
  CHECK(full({3}, 2.5, f64).to_vector<double>() == std::vector<double>{2.5, 2.5, 2.5});
  CHECK(eye(2).to_vector<float>() == Floats{1, 0, 0, 1});
  CHECK(eye(0).shape() == Shape{0, 0});
  CHECK(arange(3).to_vector<std::int64_t>() == Ints{0, 1, 2});
  CHECK(arange(1, 2, 0.25).to_vector<float>() == Floats{1, 1.25f, 1.5f, 1.75f});
  CHECK(arange(5, 0, -2, i64).to_vector<std::int64_t>() == Ints{5, 3, 1});
  CHECK(arange(1, 1).numel() == 0);
  CHECK(arange(2, 12, 3).to_vector<std::int64_t>() == std::vector<std::int64_t>{2, 5, 8, 11});
  CHECK(zeros(3).shape() == Shape{3});
  CHECK(linspace(0, 1, 3).to_vector<float>() == Floats{0, 0.5f, 1});
  CHECK(linspace(2, 9, 1).to_vector<float>() == Floats{2});
  CHECK(linspace(0, 0.1, 7, f64).to_vector<double>().back() == 0.1);
  CHECK(scalar(3).rank() == 0);
  CHECK(tensor({{1, 2, 3}, {4, 5, 6}}, u8).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6});
  CHECK(from_vector<float>({1, 2}, {2, 1}).shape() == Shape{2, 1});
  const Tensor like = zeros_like(ones({2, 3}, f64));
  CHECK((like.shape() == Shape{2, 3} && like.dtype() == f64));
}

TEST_CASE("tensor: creation errors") {
  CHECK_THROWS_WITH(zeros({-1}), "[shape] expected sizes of at least 0; got (-1,)");
  CHECK_THROWS_WITH(from_vector<float>({1, 2, 3}, {2}), "[from_vector] expected 2 values for shape (2,); got 3");
  CHECK_THROWS_WITH(tensor({{1, 2}, {3}}), "[tensor] expected rows of equal length; got rows of 2 and 1");
  CHECK_THROWS_WITH(arange(0, 1, 0),
                    Catch::StartsWith("[arange] expected finite bounds and a step that is not 0; got "));
  CHECK_THROWS_WITH(arange(0, 1e300), Catch::StartsWith("[arange] expected fewer than 2^53 elements; got "));
  CHECK_THROWS_WITH(linspace(0, 1, -1), "[linspace] expected a count of at least 0; got -1");
  CHECK_THROWS_WITH(linspace(0, 1, 2, i64),
                    Catch::StartsWith("[linspace] expected a floating dtype (f32 or f64); got i64"));
  CHECK_THROWS_WITH(empty_channels_last({2, 3}, f32),
                    "[empty_channels_last] expected a shape (N, C, H, W); got (2, 3)");
  CHECK_THROWS_WITH(Tensor().shape(),
                    "[tensor] expected a defined tensor; got an empty handle; it was default-made or moved from");
}

TEST_CASE("tensor: element access checks type and number") {
  Tensor t = tensor({1, 2});
  CHECK_THROWS_WITH(t.data<double>(),
                    "[data] expected the tensor's own type f32; got f64; convert it first with to(dtype)");
  CHECK_THROWS_AS(t.to_vector<std::int64_t>(), Error);
  CHECK_THROWS_WITH(t.item(), "[item] expected a tensor with one element; got f32 (2,)");
  CHECK(scalar(2.5).item() == 2.5);
  CHECK(ones({1, 1}, boolean).item<bool>());
  CHECK(t.size(-1) == 2);
  CHECK_THROWS_AS(t.size(1), Error);
}

TEST_CASE("tensor: handles share, views share, clones do not") {
  Tensor a = arange(6);
  const Tensor handle = a, view = as_strided(a, {3, 2}, {1, 3}, 0), copy = view.clone();
  const auto version = a.impl().storage->version();
  a.mutable_data<std::int64_t>()[1] = 100;
  CHECK(a.impl().storage->version() == version + 1);
  CHECK(handle.to_vector<std::int64_t>()[1] == 100);
  CHECK(view.to_vector<std::int64_t>() == Ints{0, 3, 100, 4, 2, 5});
  CHECK(copy.to_vector<std::int64_t>() == Ints{0, 3, 1, 4, 2, 5});
  CHECK(copy.is_contiguous());
  CHECK_FALSE(view.is_contiguous());
}

TEST_CASE("tensor: contiguity ignores axes of size 1 and empty tensors") {
  const Tensor a = arange(12);
  CHECK(as_strided(a, {3, 1, 4}, {4, 99, 1}, 0).is_contiguous());
  CHECK_FALSE(as_strided(a, {3, 2}, {4, 1}, 0).is_contiguous());
  CHECK_FALSE(as_strided(a, {3, 2}, {0, 1}, 0).is_contiguous());
  CHECK(as_strided(a, {0, 5}, {7, 7}, 0).is_contiguous());
  CHECK(as_strided(a, {}, {}, 11).is_contiguous());
  CHECK(empty_channels_last({2, 3, 4, 5}, f32).is_channels_last());
  CHECK_FALSE(empty_channels_last({2, 3, 4, 5}, f32).is_contiguous());
  CHECK_FALSE(empty({2, 3, 4, 5}).is_channels_last());
  CHECK(empty({2, 1, 4, 5}).is_channels_last());  // one channel: both
  CHECK(empty({2, 3, 1, 1}).is_channels_last());
  CHECK_FALSE(empty({2, 3}).is_channels_last());
}

TEST_CASE("as_strided stays inside the storage") {
  const Tensor a = zeros({10});
  CHECK(as_strided(a, {2, 5}, {-5, 1}, 5).numel() == 10);
  CHECK_THROWS_WITH(as_strided(a, {11}, {1}, 0),
                    "[as_strided] expected a view inside its storage of 10 elements; got elements 0 to 10");
  CHECK_THROWS_WITH(as_strided(a, {2}, {-1}, 0),
                    "[as_strided] expected a view inside its storage of 10 elements; got elements -1 to 0");
  CHECK_THROWS_WITH(as_strided(a, {1}, {1}, 10),
                    "[as_strided] expected a view inside its storage of 10 elements; got elements 10 to 10");
  CHECK_THROWS_WITH(as_strided(a, {2, 2}, {1}, 0),
                    "[as_strided] expected one stride per axis; got (2, 2) with strides (1,)");
  CHECK_THROWS_AS(as_strided(a, {3, 3}, {std::int64_t{1} << 62, std::int64_t{1} << 62}, 0),
                  Error);  // sums that overflow
  CHECK_THROWS_AS(as_strided(a, {5}, {INT64_MAX}, 0), Error);
}

TEST_CASE("copy_ broadcasts, converts nothing, and allows overlapping windows") {
  Tensor a = zeros({2, 3});
  a.copy_(tensor({1, 2, 3}));
  CHECK(a.to_vector<float>() == Floats{1, 2, 3, 1, 2, 3});
  a.copy_(scalar(7));
  CHECK(a.to_vector<float>() == Floats(6, 7));
  CHECK_THROWS_WITH(a.copy_(ones({2, 3}, f64)), "[copy_] expected a source of dtype f32; got f64 (2, 3)");
  CHECK_THROWS_WITH(a.copy_(ones({2, 2, 3})), "[copy_] expected a source that broadcasts to (2, 3); got (2, 2, 3)");
  CHECK_THROWS_AS(a.copy_(ones({4})), Error);
  Tensor b = arange(6), shifted = as_strided(b, {5}, {1}, 1);
  shifted.copy_(as_strided(b, {5}, {1}, 0));
  CHECK(b.to_vector<std::int64_t>() == Ints{0, 0, 1, 2, 3, 4});
  Tensor column = as_strided(a, {2}, {3}, 1);
  column.fill_(-1);
  CHECK(a.to_vector<float>() == Floats{7, -1, 7, 7, -1, 7});
}

TEST_CASE("fill_ and full refuse values that the dtype cannot hold") {
  CHECK(full({1}, 255, u8).item() == 255);
  CHECK_THROWS_WITH(full({1}, 256, u8), "[fill_] expected a value that u8 can hold; got 256.000000");
  CHECK_THROWS_WITH(full({1}, -1, u8), "[fill_] expected a value that u8 can hold; got -1.000000");
  CHECK_THROWS_WITH(full({1}, std::nan(""), i64), "[fill_] expected a value that i64 can hold; got nan");
  CHECK_THROWS_AS(full({1}, 1e19, i64), Error);
  CHECK(full({1}, 3, boolean).item() == 1);
  CHECK(std::isinf(full({1}, 1e300).item()));
}

TEST_CASE("equal and allclose") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  CHECK(equal(tensor({1, nan}), tensor({1, nan})));
  CHECK(equal(tensor({0.0}), tensor({-0.0})));
  CHECK_FALSE(equal(tensor({1, 2}), tensor({1, 3})));
  CHECK_FALSE(equal(tensor({1, 2}), tensor({{1, 2}})));
  CHECK_FALSE(equal(tensor({1}), tensor({1}, f64)));
  CHECK(allclose(tensor({1, inf}), tensor({1.000001, inf})));
  CHECK_FALSE(allclose(tensor({1}), tensor({1.1})));
  CHECK_FALSE(allclose(tensor({nan}), tensor({nan})));
  CHECK_FALSE(allclose(tensor({inf}), tensor({-inf})));
}

TEST_CASE("describe names dtype and shape") {
  CHECK(describe(zeros({2, 3})) == "f32 (2, 3)");
  CHECK(describe(Tensors{zeros({1}), scalar(1, i64), zeros({0}, u8)}) == "f32 (1,), i64 () and u8 (0,)");
  CHECK(describe(Tensors{}) == "no tensors");
  CHECK(describe(Tensor()) == "an undefined tensor");
}

TEST_CASE("strided copies equal the element by element definition for random shapes and strides") {
  Generator g(4);
  const auto random = [&](std::int64_t below) { return integers(0, below, {}, g).item<std::int64_t>(); };
  for (int trial = 0; trial < 300; ++trial) {
    const auto rank = static_cast<int>(random(5));
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push_back(random(5) ? 1 + random(6) : random(2));
    // Source: any strides, also 0 and negative; destination: the row-major strides of a random order of the axes.
    Strides from = Dims::filled(rank, 0), to = from;
    std::int64_t lowest = 0, highest = 0;
    for (int i = 0; i < rank; ++i) {
      from[i] = random(15) - 7;
      (from[i] < 0 ? lowest : highest) += (std::max<std::int64_t>(shape[i], 1) - 1) * from[i];
    }
    std::int64_t step = 1;
    for (auto axis : permutation(rank, g).to_vector<std::int64_t>()) {
      to[static_cast<int>(axis)] = step;
      step *= std::max<std::int64_t>(shape[static_cast<int>(axis)], 1);
    }
    for (DType dtype : {f32, f64, u8}) {
      const Tensor buffer = dtype == u8 ? zeros({highest - lowest + 1}, u8) : randn({highest - lowest + 1}, g, dtype);
      const Tensor source = as_strided(buffer, shape, from, -lowest), target = empty_strided(shape, to, dtype);
      detail::copy_strided(const_cast<void*>(target.raw()), to, source.raw(), from, shape, size_of(dtype));
      REQUIRE(equal(target, source));
      const Tensor rows = source.clone();
      for (std::int64_t flat = 0; flat < numel(shape); ++flat) {  // against plain index arithmetic
        std::int64_t rest = flat, offset = -lowest;
        for (int i = rank - 1; i >= 0; --i) {
          offset += rest % shape[i] * from[i];
          rest /= shape[i];
        }
        REQUIRE(as_strided(rows, {}, {}, flat).item() == as_strided(buffer, {}, {}, offset).item());
      }
    }
  }
}

TEST_CASE("large strided copies are the same for any number of threads") {
  const int threads = num_threads();
  Generator g(5);
  const Tensor a = randn({300, 700}, g), turned = as_strided(a, {700, 300}, {1, 700}, 0);
  set_num_threads(1);
  const Tensor one = turned.clone();
  set_num_threads(4);
  const Tensor four = turned.clone();
  set_num_threads(threads);
  CHECK(equal(one, four));
  CHECK(one.data<float>()[1] == a.data<float>()[700]);
}

TEST_CASE("item keeps every bit of an i64") {
  CHECK(from_vector<std::int64_t>({9007199254740993}, {}).item<std::int64_t>() == 9007199254740993);
  CHECK(from_vector<std::int64_t>({INT64_MAX}, {}).item<std::int64_t>() == INT64_MAX);
}

TEST_CASE("creation refuses what the dtype cannot hold") {
  CHECK_THROWS_WITH(tensor({300, -1}, u8), Catch::StartsWith("[tensor] expected a value that u8 can hold; got 300"));
  CHECK_THROWS_WITH(tensor({{0, 1e30}, {1, 2}}, i64), Catch::StartsWith("[tensor] expected a value that i64 can hold"));
  CHECK_THROWS_WITH(arange(250, 260, 1, u8), Catch::StartsWith("[arange] expected a value that u8 can hold; got 256"));
  CHECK_THROWS_WITH(from_bytes("\1\2", {2}, boolean),
                    "[from_bytes] expected 0 or 1 in every byte of a bool; got another value at element 1");
}

TEST_CASE("empty_strided has memory for its last element") {
  const Tensor t = empty_strided({4}, {100}, f32);
  CHECK(t.impl().storage->bytes() == 301 * 4);
  CHECK(empty_strided({0, 4}, {100, 1}, f32).impl().storage->bytes() == 0);
  CHECK_THROWS_WITH(empty_strided({4}, {-1}, f32), "[empty_strided] expected strides of at least 0; got (-1,)");
  CHECK_THROWS_AS(empty_strided({2, 4}, {1}, f32), Error);
}

TEST_CASE("elements that share memory cannot be written one by one") {
  const std::string refusal = "[in-place write] expected elements with memory of their own";
  Tensor row = zeros({1}), wide = as_strided(row, {4}, {0}, 0);
  CHECK_THROWS_WITH(wide.copy_(tensor({1, 2, 3, 4})), Catch::StartsWith(refusal));
  CHECK_THROWS_WITH(wide.fill_(1), Catch::StartsWith(refusal));
  CHECK_THROWS_WITH(wide.mutable_data<float>(), Catch::StartsWith(refusal));
  Generator g(1);
  CHECK_THROWS_WITH(fill_uniform(wide, g), Catch::StartsWith(refusal));
  CHECK_NOTHROW(as_strided(row, {1}, {0}, 0).fill_(1));
}
