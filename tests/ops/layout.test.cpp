// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>

#include "autograd/calculus/check.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/thread_pool.h"

using namespace stein;
using Catch::Matchers::Contains;

namespace {

Tensor counting(const Shape& shape) { return reshape(arange(0, static_cast<double>(numel(shape)), 1, f64), shape); }

// Python's slice.indices(n), as its documentation states it.
std::vector<std::int64_t> python_slice(std::int64_t n, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const auto adjust = [&](std::int64_t v, std::int64_t low, std::int64_t high) {
    if (v < 0) v += n;
    return v < low ? low : v > high ? high : v;
  };
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  std::int64_t i = start == Slice::kNone ? (step > 0 ? 0 : n - 1) : adjust(start, low, high);
  const std::int64_t end = stop == Slice::kNone ? (step > 0 ? n : -1) : adjust(stop, low, high);
  std::vector<std::int64_t> r;
  for (; step > 0 ? i < end : i > end; i += step) r.push_back(i);
  return r;
}

}  // namespace

TEST_CASE("index: start, stop, step as Python, by text and by slice()") {
  std::vector<std::int64_t> bounds{Slice::kNone};
  for (std::int64_t b = -7; b <= 7; ++b) bounds.push_back(b);
  for (std::int64_t n : {0, 1, 4, 5}) {
    const Tensor x = counting({n});
    for (auto start : bounds)
      for (auto stop : bounds)
        for (std::int64_t step : {-3, -2, -1, 1, 2, 3}) {
          std::vector<double> expected;
          for (auto i : python_slice(n, start, stop, step)) expected.push_back(static_cast<double>(i));
          const auto text = (start == Slice::kNone ? "" : std::to_string(start)) + ":" +
                            (stop == Slice::kNone ? "" : std::to_string(stop)) + ":" + std::to_string(step);
          INFO("n " << n << ", " << text);
          CHECK(x(slice(start, stop, step)).to_vector<double>() == expected);
          CHECK(x.at(parse_indices(text)).to_vector<double>() == expected);
        }
  }
}

TEST_CASE("index: several axes, ellipsis, newaxis, negative positions") {
  const Tensor x = counting({6, 5, 4});
  CHECK(equal(x["1:5, ::2, -1"], x(slice(1, 5), slice(0, Slice::kNone, 2), -1)));
  const Tensor picked = x["1:5, ::2, -1"];
  REQUIRE(picked.shape() == Shape{4, 3});
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 3; ++j) CHECK(picked[i][j].item() == (i + 1) * 20 + 2 * j * 4 + 3);
  CHECK(x[-1].shape() == Shape{5, 4});
  CHECK(x[2][-5][0].item() == 40);
  CHECK(equal(x["..., 0"], x(all, all, 0)));
  CHECK(equal(x["2, ..."], x[2]));
  CHECK(x["None, :, None, 3"].shape() == Shape{1, 6, 1, 4});
  CHECK(x(ellipsis, newaxis).shape() == Shape{6, 5, 4, 1});
  CHECK(x(1, ellipsis, newaxis, 2).shape() == Shape{5, 1});
  CHECK(equal(x["::-1"], flip(x, {0})));
  CHECK(equal(x["..., ::-2"]["..., ::-1"], x["..., 1::2"]));
  CHECK(x["4:2"].shape() == Shape{0, 5, 4});
  CHECK(x[1].impl().storage == x.impl().storage);  // a view
  CHECK_THROWS_WITH(x[6], "[index] expected an index in [-6, 6); got 6 for f64 (6, 5, 4)");
  CHECK_THROWS_WITH(x(0, 0, 0, 0), Contains("at most 3 indices"));
  CHECK_THROWS_WITH(x(ellipsis, ellipsis), Contains("2 ellipses"));
  CHECK_THROWS_WITH(x["1:2:0"], Contains("a step that is not 0"));
  CHECK_THROWS_WITH(x["a"], "[index] expected integers, start:stop:step, ..., None, separated by commas; got \"a\"");
}

TEST_CASE("reshape: a view exactly where the elements allow it, the right elements always") {
  const Tensor base = counting({4, 6, 4});
  const Tensor views[] = {base,
                          base.transpose(0, 1),
                          base.permute({2, 0, 1}),
                          base["::2, :, 1:3"],
                          base["::-1, ::-1, ::-1"],
                          base["1:3"],
                          base["..., 2"],
                          base.unsqueeze(1).expand({4, 3, 6, 4}),
                          base["..., 1:2"].expand({4, 6, 5}),
                          base["..., 1:1"],
                          base[2][3]};
  const Shape targets[] = {{-1},       {2, -1},    {-1, 2}, {4, -1},  {2, 3, -1},
                           {-1, 1, 4}, {1, -1, 1}, {8, -1}, {24, -1}, {3, 2, 2, -1}};
  for (const auto& v : views)
    for (const auto& target : targets) {
      std::int64_t known = 1;
      for (auto d : target) known *= d == -1 ? 1 : d;
      if (v.numel() % known || (v.numel() == 0 && known == 0)) continue;
      const Tensor r = v.reshape(target);
      INFO(to_string(v.shape()) << " strides " << to_string(v.strides()) << " to " << to_string(r.shape()));
      CHECK(r.to_vector<double>() == v.to_vector<double>());
    }
  CHECK(base.transpose(0, 1).reshape({6, 2, 2, 4}).impl().storage == base.impl().storage);
  CHECK(base["::2"].reshape({2, 24}).impl().storage == base.impl().storage);
  CHECK(base.transpose(0, 1).reshape({24, 4}).impl().storage != base.impl().storage);
  CHECK_THROWS_WITH(base.reshape({5, -1}), Contains("[reshape] expected a shape of 96 elements"));
  CHECK_THROWS_WITH(base.reshape({-1, -1}), Contains("at most one size -1"));
}

TEST_CASE("gather and scatter_add: repeated indices, a shorter index, one index for a batch") {
  const Tensor x = tensor({{1, 2}, {3, 4}, {5, 6}}, f64);
  const Tensor index = tensor({{2, 0}, {2, 2}}, i64);
  CHECK(equal(gather(x, 0, index), tensor({{5, 2}, {5, 6}}, f64)));
  CHECK(equal(gather(x, 1, tensor({{1, 1, 0}}, i64)), tensor({{2, 2, 1}}, f64)));  // reads the first row only
  CHECK(equal(scatter_add(tensor({{1, 2}, {10, 20}}, f64), 0, index, 3), tensor({{0, 2}, {0, 0}, {11, 20}}, f64)));
  const Tensor batch = counting({2, 3, 2});
  const Tensor shared = gather(batch, 1, index);
  for (int b = 0; b < 2; ++b) CHECK(equal(shared[b], gather(batch[b], 0, index)));
  CHECK(equal(gather(batch, -2, index.expand({2, 2, 2})), shared));
  CHECK(check_batched([&](const Tensors& in) { return Tensors{gather(in[0], 0, index)}; }, {x}).ok());
  CHECK_THROWS_WITH(gather(x, 0, tensor({{0, 3}}, i64)),
                    "[gather] expected indices in [0, 3); got 3 at position (0, 1) of the index i64 (1, 2)");
  CHECK_THROWS_WITH(scatter_add(x, 1, tensor({{0, 0}, {0, -1}, {0, 0}}, i64), 2),
                    "[scatter_add] expected indices in [0, 2); got -1 at position (1, 1) of the index i64 (3, 2)");
  CHECK_THROWS_WITH(gather(x, 0, ones({1, 2})), Contains("an index of dtype i64; got f32 (1, 2)"));
  CHECK_THROWS_WITH(gather(x, 0, zeros({1, 3}, i64)), Contains("no longer than x except along axis 0"));
  CHECK_THROWS_WITH(scatter_add(x, 0, zeros({2, 2}, i64), 3), Contains("an index of the shape of x"));
}

TEST_CASE("index_select and index_add: errors name value and position") {
  const Tensor x = counting({3, 2});
  CHECK(equal(index_select(x, 0, tensor({2, 0, 2}, i64)), tensor({{4, 5}, {0, 1}, {4, 5}}, f64)));
  CHECK(equal(index_add(x, 0, tensor({1, 1, 0}, i64), 2), tensor({{4, 5}, {2, 4}}, f64)));
  CHECK(equal(index_select(x.to(i64), 1, tensor({1}, i64)), tensor({1, 3, 5}, i64).reshape({3, 1})));
  CHECK_THROWS_WITH(index_select(x, 0, tensor({0, 5}, i64)),
                    "[index_select] expected indices in [0, 3); got 5 at position (1,) of the index i64 (2,)");
  CHECK_THROWS_WITH(index_select(x, 0, zeros({1, 1}, i64)), Contains("an index of dtype i64 and rank 1"));
  CHECK_THROWS_WITH(index_add(x, 0, tensor({0}, i64), 3), Contains("one index for each of 3 slices"));
}

TEST_CASE("scatter_add and index_add give the same bits with one thread and two") {
  Generator generator(3);
  const Tensor x = normal({20000, 70}, generator, 0, 1), wide = normal({3, 50000}, generator, 0, 1);
  const Tensor at = integers(0, 40, {20000}, generator), each = integers(0, 100, {3, 50000}, generator);
  Tensors results[2];
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    results[threads - 1] = {index_add(x, 0, at, 40), scatter_add(wide, 1, each, 100),
                            scatter_add(wide.transpose(), 0, each.transpose(), 100), index_select(x, 0, at),
                            gather(wide, 1, each)};
  }
  for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(equal(results[0][i], results[1][i]));
  // against plain loops, in the same order
  std::vector<float> sums(40 * 70);
  const auto v = x.to_vector<float>();
  const auto index = at.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < index.size(); ++i)
    for (std::size_t c = 0; c < 70; ++c) sums[static_cast<std::size_t>(index[i]) * 70 + c] += v[i * 70 + c];
  CHECK(equal(results[0][0], from_vector(sums, {40, 70})));
}

TEST_CASE("pad, flip, split, chunk: views, layouts and errors") {
  const Tensor x = counting({2, 3, 4, 5});
  const Tensor padded = pad(x, {1, 2, 0, 3}, 7);
  REQUIRE(padded.shape() == Shape{2, 3, 7, 8});
  CHECK(equal(padded["..., 0:4, 1:6"], x));
  CHECK(sum(padded).item() == sum(x).item() + 7.0 * static_cast<double>(padded.numel() - x.numel()));
  const Tensor images = pad(x.channels_last(), {1, 1, 1, 1});
  CHECK(images.is_channels_last());
  CHECK_FALSE(images.is_contiguous());
  CHECK(equal(images, pad(x, {1, 1, 1, 1})));
  CHECK(equal(pad(x, {-1, -2, -3, 0}), x["..., 3:, 1:3"]));
  CHECK(equal(pad(tensor({1, 2}, i64), {1, 0}, -1), tensor({-1, 1, 2}, i64)));
  CHECK_THROWS_WITH(pad(x, {1}), Contains("pairs (before, after)"));
  CHECK_THROWS_WITH(pad(x, {-3, -3}), Contains("to cut off at most the 5 elements of axis -1"));
  CHECK(flip(x, {1}).impl().storage == x.impl().storage);
  CHECK(equal(flip(flip(x, {0, 2}), {2, 0}), x));

  const Tensors pieces = split(x, 2, -1);
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[2].shape() == Shape{2, 3, 4, 1});
  CHECK(equal(concat(pieces, -1), x));
  CHECK(chunk(x, 2, 3).size() == 2);
  CHECK(chunk(x, 4, 3).size() == 3);  // 2 + 2 + 1, as PyTorch
  CHECK(chunk(zeros({0, 2}), 3).size() == 3);
  CHECK_THROWS_WITH(split(x, 0), Contains("pieces of at least one element"));
  CHECK_THROWS_WITH(chunk(x, 0), Contains("at least one piece"));
}

TEST_CASE("diagonal, diag_embed, tril, triu against loops") {
  for (const Shape& shape :
       {Shape{3, 3}, Shape{2, 5}, Shape{5, 2}, Shape{2, 3, 4}, Shape{1, 1}, Shape{0, 3}, Shape{3, 0}})
    for (int offset = -6; offset <= 6; ++offset) {
      INFO(to_string(shape) << " offset " << offset);
      const Tensor x = counting(shape) + 1;
      const auto rows = shape[-2], columns = shape[-1];
      auto low = x.to_vector<double>(), high = low;
      std::vector<double> on;
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        const auto r = i / columns % rows, c = i % columns;
        const auto u = static_cast<std::size_t>(i);
        if (c - r == offset) on.push_back(low[u]);
        if (c - r > offset) low[u] = 0;
        if (c - r < offset) high[u] = 0;
      }
      CHECK(tril(x, offset).to_vector<double>() == low);
      CHECK(triu(x, offset).to_vector<double>() == high);
      CHECK(diagonal(x, offset).to_vector<double>() == on);
      CHECK(equal(diagonal(diag_embed(x, offset), offset), x));
    }
  CHECK_THROWS_WITH(tril(ones({3})), "[tril] expected rank at least 2; got f32 (3,)");
  CHECK_THROWS_WITH(diagonal(ones({3})), "[diagonal] expected rank at least 2; got f32 (3,)");
  CHECK_THROWS_WITH(diag_embed(scalar(1)), "[diag_embed] expected rank at least 1; got f32 ()");
}
