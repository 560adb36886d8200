// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "autograd/calculus/check.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/thread_pool.h"

using namespace stein;
using Catch::Matchers::Contains;

namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

// For each element of the result, the elements that are reduced to it, in logical order.
std::vector<std::vector<double>> lanes(const Tensor& x, const Axes& axes) {
  const Axes gone = from_end("test", axes, x.rank());
  std::vector<std::int64_t> weight(static_cast<std::size_t>(x.rank()));  // weight: of an axis in the result
  std::size_t count = 1;
  for (int a = x.rank() - 1; a >= 0; --a)
    if (std::find(gone.begin(), gone.end(), a - x.rank()) == gone.end()) {
      weight[static_cast<std::size_t>(a)] = static_cast<std::int64_t>(count);
      count *= static_cast<std::size_t>(x.size(a));
    }
  std::vector<std::vector<double>> r(count);
  const auto v = x.to(f64).to_vector<double>();
  const Strides strides = row_major(x.shape());
  for (std::size_t i = 0; i < v.size(); ++i) {
    std::int64_t to = 0;
    for (int a = 0; a < x.rank(); ++a)
      to += static_cast<std::int64_t>(i) / strides[a] % x.size(a) * weight[static_cast<std::size_t>(a)];
    r[static_cast<std::size_t>(to)].push_back(v[i]);
  }
  return r;
}

template <class F>
Tensor by_lane(const Tensor& x, const Axes& axes, F f) {
  std::vector<double> v;
  for (const auto& lane : lanes(x, axes)) v.push_back(f(lane));
  return from_vector(v, {static_cast<std::int64_t>(v.size())});
}

std::vector<Axes> subsets(int rank) {
  std::vector<Axes> r;
  for (int bits = 0; bits < 1 << rank; ++bits) {
    Axes axes;
    for (int a = 0; a < rank; ++a)
      if (bits >> a & 1) axes.push_back(a);
    r.push_back(axes);  // the empty list: all
  }
  return r;
}

Tensors layouts(const Shape& shape, DType dtype) {
  Generator generator(1);
  const Tensor x = normal(shape, generator, 0, 1, f64).to(dtype);
  Axes backwards;
  for (int i = x.rank() - 1; i >= 0; --i) backwards.push_back(i);
  Shape wide = shape;
  for (auto& d : wide) d *= 2;
  Tensor every_second = normal(wide, generator, 0, 1, f64).to(dtype);
  for (int i = 0; i < x.rank(); ++i) every_second = slice_axis(every_second, i, 1, 2, shape[i]);
  Tensors r{x,
            permute(permute(x, backwards).clone(), backwards),
            flip(x, {}),
            every_second,
            narrow(x, 0, 0, 1).expand(shape),
            narrow(x, x.rank() - 1, 0, 1).expand(shape)};
  if (x.rank() == 4) r.push_back(x.channels_last());
  if (x.rank() == 4) r.push_back(flip(x.channels_last(), {1, 3}));
  return r;
}

}  // namespace

TEST_CASE("reductions over every set of axes, in every layout, against loops") {
  for (const Shape& shape : {Shape{7}, Shape{3, 70}, Shape{5, 1, 6}, Shape{2, 3, 4, 5}, Shape{1, 6, 3, 1}})
    for (const auto dtype : {f64, f32})
      for (const auto& x : layouts(shape, dtype))
        for (const auto& axes : subsets(x.rank())) {
          INFO(describe(x) << " strides " << to_string(x.strides()) << " over " << to_string(axes));
          const double tolerance = dtype == f64 ? 1e-13 : 1e-5;
          const auto agrees = [&](const Tensor& got, auto f) {
            const Tensor expected = by_lane(x, axes, f);
            return got.dtype() == dtype && allclose(got.to(f64).flatten(), expected, tolerance, tolerance);
          };
          using Lane = const std::vector<double>&;
          CHECK(agrees(sum(x, axes), [](Lane v) {
            long double s = 0;
            for (double e : v) s += e;
            return static_cast<double>(s);
          }));
          CHECK(agrees(amax(x, axes), [](Lane v) { return *std::max_element(v.begin(), v.end()); }));
          CHECK(agrees(amin(x, axes, true), [](Lane v) { return *std::min_element(v.begin(), v.end()); }));
          CHECK(agrees(logsumexp(x, axes), [](Lane v) {
            long double s = 0;
            for (double e : v) s += std::exp(static_cast<long double>(e));
            return static_cast<double>(std::log(s));
          }));
          CHECK(agrees(norm(x, 3, axes), [](Lane v) {
            long double s = 0;
            for (double e : v) s += std::pow(std::abs(static_cast<long double>(e)), 3);
            return static_cast<double>(std::pow(s, 1.0L / 3));
          }));
          CHECK(agrees(var(x, axes, 0), [](Lane v) {
            long double m = 0, s = 0;
            for (double e : v) m += e / static_cast<long double>(v.size());
            for (double e : v) s += (e - m) * (e - m);
            return static_cast<double>(s / static_cast<long double>(v.size()));
          }));
          Axes kept = from_end("test", axes, x.rank());
          Shape expected = x.shape();
          for (auto a : kept) expected[static_cast<int>(a)] = 1;
          CHECK(sum(x, axes, true).shape() == expected);
          CHECK(any(gt(x, scalar(0, dtype)), axes).to_vector<bool>() ==
                gt(amax(x, axes), scalar(0, dtype)).to_vector<bool>());
          CHECK(all_of(gt(x, scalar(0, dtype)), axes).to_vector<bool>() ==
                gt(amin(x, axes), scalar(0, dtype)).to_vector<bool>());
        }
}

TEST_CASE("long reductions: bands, chunks and narrow rows, and the same bits with one thread and two") {
  Generator generator(2);
  const Shape shapes[] = {{300007},      {5, 40001},    {40001, 5},  {70000, 3},
                          {3, 70000, 2}, {2, 900, 101}, {1, 200000}, {513, 300}};
  for (const auto& shape : shapes) {
    const Tensor x = normal(shape, generator, 0.1, 1), exact = x.to(f64);
    for (const auto& axes : subsets(x.rank())) {
      INFO(to_string(shape) << " over " << to_string(axes));
      Tensors results[2];
      for (int threads : {1, 2}) {
        set_num_threads(threads);
        results[threads - 1] = {sum(x, axes), amax(x, axes), amin(x, axes), sum(exact, axes), stein::std(x, axes)};
      }
      for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(equal(results[0][i], results[1][i]));
      const Tensor s = by_lane(x, axes, [](const std::vector<double>& v) {
        long double t = 0;
        for (double e : v) t += e;
        return static_cast<double>(t);
      });
      CHECK(allclose(results[0][3].flatten(), s, 1e-12, 1e-9));
      CHECK(allclose(results[0][0].to(f64).flatten(), s, 1e-5, 1e-3));
      CHECK(equal(results[0][1].to(f64).flatten(),
                  by_lane(x, axes, [](const auto& v) { return *std::max_element(v.begin(), v.end()); })));
      CHECK(equal(results[0][2].to(f64).flatten(),
                  by_lane(x, axes, [](const auto& v) { return *std::min_element(v.begin(), v.end()); })));
    }
  }
}

TEST_CASE("sum: along an expanded axis that stays one sum is computed") {
  const Tensor x = arange(0, 12, 1, f64).reshape({1, 3, 4}).expand({5, 3, 4});
  for (bool keepdim : {false, true})
    for (int axis : {1, 2}) {
      const Tensor y = sum(x, {axis}, keepdim);
      CHECK(y.strides()[0] == 0);
      CHECK(equal(y, sum(x.clone(), {axis}, keepdim)));
    }
}

TEST_CASE("amax, amin: ties share, NaN wins wherever it stands") {
  Tensor x = tensor({{5, 5, 1}, {0, 7, 7}, {2, 2, 2}}, f64).requires_grad_();
  CHECK(allclose(grad(sum(amax(x, {1})), x), tensor({{.5, .5, 0}, {0, .5, .5}, {1 / 3., 1 / 3., 1 / 3.}}, f64), 1e-15));
  CHECK(allclose(grad(amin(x), x), tensor({{0, 0, 0}, {1, 0, 0}, {0, 0, 0}}, f64), 1e-15));
  for (std::int64_t n : {1, 2, 7, 33, 150})
    for (std::int64_t at = 0; at < n; ++at) {
      Tensor v = arange(0, static_cast<double>(n), 1, f32);
      v(slice(at, at + 1)).fill_(kNan);
      CHECK(std::isnan(amax(v).item()));
      CHECK(std::isnan(amin(v).item()));
      CHECK(std::isnan(amax(stack({v, v}, 1), {0})[1].item()));
      CHECK(argmax(v, 0).item() == static_cast<double>(at));
      CHECK(min(v, 0).second.item() == static_cast<double>(at));
    }
  CHECK(amax(tensor({-kInf, -kInf}, f64)).item() == -kInf);
  CHECK(amax(tensor({3, 9, 4}, i64)).item() == 9);
  CHECK_THROWS_WITH(amax(zeros({0, 3}), {0}),
                    Contains("[amax] expected at least one element along the axes; got f32 (0, 3)"));
}

TEST_CASE("max, min, argmax: the first wins and gets the gradient; logical order in every layout") {
  Tensor x = tensor({{5, 5, 1}, {0, 7, 7}, {2, 2, 2}}, f64).requires_grad_();
  const auto [value, index] = max(x, 1);
  CHECK(equal(value, tensor({5, 7, 2}, f64)));
  CHECK(equal(index, tensor({0, 1, 0}, i64)));
  CHECK(equal(grad(sum(value), x), tensor({{1, 0, 0}, {0, 1, 0}, {1, 0, 0}}, f64)));
  CHECK(equal(argmin(x, 0), tensor({1, 2, 0}, i64)));
  Tensor image = zeros({1, 4, 3, 3}, f64);
  image(0, 2, 1, 1).fill_(1);
  CHECK(equal(argmax(image.channels_last(), 1), argmax(image, 1)));
  CHECK(equal(argmax(image.channels_last().flatten(1), 1), tensor({22}, i64)));
  CHECK(max(x, 0, true).second.shape() == Shape{1, 3});
  CHECK_THROWS_WITH(argmax(zeros({2, 0}), 1), "[argmax] expected at least one element along axis 1; got f32 (2, 0)");
  CHECK_THROWS_WITH(max(x, 2), "[max] expected an axis in [-2, 2); got 2");
  CHECK_THROWS_WITH(grad(argmax(x, 0).to(f64), x), Contains("a constant"));
}

TEST_CASE("sort: stable, NaN as the largest, both directions") {
  const Tensor x = tensor({3, kNan, 1, 3, kNan, -kInf}, f64);
  const auto [up, up_index] = sort(x);
  CHECK(equal(up, tensor({-kInf, 1, 3, 3, kNan, kNan}, f64)));
  CHECK(equal(up_index, tensor({5, 2, 0, 3, 1, 4}, i64)));
  const auto [down, down_index] = sort(x, 0, true);
  CHECK(equal(down, tensor({kNan, kNan, 3, 3, 1, -kInf}, f64)));
  CHECK(equal(down_index, tensor({1, 4, 0, 3, 2, 5}, i64)));
  Tensor leaf = tensor({3, 1, 2}, f64).requires_grad_();
  CHECK(equal(grad(sum(sort(leaf).first * tensor({10, 20, 30}, f64)), leaf), tensor({30, 10, 20}, f64)));
  Generator generator(4);
  const Tensor many = integers(0, 50, {3, 1000, 2}, generator);
  const auto [values, index] = sort(many, 1);
  CHECK(equal(gather(many, 1, index), values));
  CHECK(equal(sort(index, 1).first, arange(1000).reshape({1000, 1}).expand({3, 1000, 2}).clone()));
}

TEST_CASE("prod: derivatives of every order are right with zeros") {
  for (const auto& x : {tensor({2, -3, 0.5, 4}, f64), tensor({2, 0, 0.5, 4, 1.5}, f64), tensor({0, 0, 0.5, 4}, f64),
                        tensor({0, 0, 0, 3}, f64)}) {
    const auto report = check_grads([](const Tensor& t) { return prod(t); }, x);
    INFO(report.to_string(true));
    CHECK(report.ok());
  }
  // d^3 (a b c d) / da db dc = d
  Tensor x = tensor({0, 0, 0, 3}, f64).requires_grad_();
  Tensor g = grad(prod(x), x, {.create_graph = true});
  g = grad(g[0], x, {.create_graph = true});
  CHECK(equal(grad(g[1], x), tensor({0, 0, 3, 0}, f64)));
  CHECK(prod(zeros({0}, f64)).item() == 1);
  CHECK(prod(tensor({{1, 2}, {3, 4}}, i64), {0})[1].item() == 8);
}

TEST_CASE("norm and std at their kinks: derivative 0, as PyTorch") {
  for (double p : {0.5, 1., 1.5, 2., 3.}) {
    INFO("p " << p);
    Tensor x = zeros({4}, f64).requires_grad_();
    CHECK(equal(grad(norm(x, p), x), zeros({4}, f64)));
  }
  Tensor x = tensor({{3, 4}, {0, 0}}, f64).requires_grad_();
  Tensor g = grad(sum(norm(x, 2, {1})), x, {.create_graph = true});
  CHECK(allclose(g, tensor({{.6, .8}, {0, 0}}, f64), 1e-15));
  CHECK(allclose(grad(sum(g), x)[1], zeros({2}, f64)));
  Tensor half = tensor({0, 4}, f64).requires_grad_();
  CHECK(equal(grad(norm(half, 1.5), half), tensor({0, 1}, f64)));
  Tensor constant = ones({2, 3}, f64).requires_grad_();
  CHECK(equal(grad(sum(stein::std(constant, {1})), constant), zeros({2, 3}, f64)));
  CHECK(norm(tensor({-3, 2}, f64), kInf).item() == 3);
  CHECK(norm(tensor({-3, 2}, f64), -kInf).item() == 2);
  CHECK(norm(tensor({-3, 0, 2}, f64), 0).item() == 2);
  CHECK_THROWS_WITH(norm(tensor({1}, i64)), Contains("[norm] expected a dtype of f32, f64; got i64"));
}

TEST_CASE("var, std, logsumexp: corrections, infinities, empty axes") {
  CHECK(std::isnan(var(ones({1}, f64)).item()));
  CHECK(std::isnan(var(ones({0}, f64)).item()));
  CHECK(var(ones({1}, f64), {}, 0).item() == 0);
  CHECK(var(tensor({1e9, 1e9 + 1, 1e9 + 2}, f64)).item() == 1);  // no cancellation
  Tensor x = tensor({{0, 1000, -1000}, {-kInf, -kInf, -kInf}, {-kInf, 0, 0}, {kInf, 0, 1}}, f64).requires_grad_();
  const Tensor y = logsumexp(x, {1});
  CHECK(allclose(y.detach(), tensor({1000, -kInf, std::log(2.), kInf}, f64), 1e-15));
  CHECK(equal(grad(y, x, {.cotangents = {ones({4}, f64)}})[2], tensor({0, .5, .5}, f64)));
  CHECK(logsumexp(zeros({0}, f64), {}).item() == -kInf);
  CHECK_THROWS_WITH(var(tensor({1}, i64)), Contains("[var] expected a dtype of f32, f64; got i64"));
  CHECK_THROWS_WITH(sum(ones({2}), {0, -1}), "[sum] expected each axis once; got (0, -1)");
  CHECK_THROWS_WITH(sum(ones({2}).to(boolean)), Contains("[sum] expected a dtype of f32, f64, i64; got bool"));
}

TEST_CASE("cumsum, any, all_of") {
  CHECK(equal(cumsum(tensor({{1, 2}, {3, 4}}, i64), 0), tensor({{1, 2}, {4, 6}}, i64)));
  Tensor x = tensor({2, 0, 0.5}, f64).requires_grad_();
  CHECK(equal(grad(sum(cumsum(x, 0)), x), tensor({3, 2, 1}, f64)));
  Tensor ones_row = full({100000}, 0.1, f32);  // added up in f64
  CHECK(cumsum(ones_row, 0)[-1].item() == Approx(10000).epsilon(1e-6));
  CHECK(any(tensor({0, kNan}, f64)).item<bool>());
  CHECK_FALSE(any(zeros({3}, i64)).item<bool>());
  CHECK_FALSE(any(zeros({0}, boolean)).item<bool>());
  CHECK(all_of(zeros({0}, boolean)).item<bool>());
  CHECK(all_of(zeros({2, 0}, boolean), {1}).to_vector<bool>() == std::vector<std::uint8_t>{1, 1});
}

TEST_CASE("max and min of all elements") {
  Tensor x = tensor({{1, 5, 2}, {5, 0, 3}}, f64).requires_grad_();
  CHECK(max(x).item() == 5);
  CHECK(min(x).item() == 0);
  CHECK(max(x).rank() == 0);
  CHECK(equal(grad(max(x), x), tensor({{0, 0.5, 0}, {0.5, 0, 0}}, f64)));  // ties share, as in amax
}
