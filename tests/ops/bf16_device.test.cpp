// SPDX-License-Identifier: MIT
// AllowBF16 on a device: products and convolutions of factors that were rounded, beside the same on the cpu.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "autograd/grad.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/detail/bf16.h"
#include "tensor/device_math.h"
#include "tensor/random.h"
#include "tests/support/device.h"

using namespace stein;
using stein::test::test_device;

namespace {

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator g(seed);
  return randn(shape, g, f32);
}

// Of an f32 tensor of the cpu's, each element rounded to bf16.
Tensor rounded(const Tensor& x) {
  Tensor r = empty(x.shape());
  const Tensor from = x.contiguous();
  for (std::int64_t i = 0; i < r.numel(); ++i)
    r.mutable_data<float>()[i] = detail::from_bf16(detail::to_bf16(from.data<float>()[i]));
  return r;
}

double largest(const Tensor& x) { return max(abs(x.to(cpu).detach())).item(); }
// The largest difference over the largest of `right`.
double error(const Tensor& got, const Tensor& right) { return largest(got.to(cpu) - right) / largest(right); }

// Factors as they come from two tensors, by views that are made where the product is.
struct Factors {
  const char* what;
  Tensor a, b;
  std::function<Tensor(const Tensor&)> view_a = {}, view_b = {};
  Tensor product(const Tensor& x, const Tensor& y) const {
    return matmul(view_a ? view_a(x) : x, view_b ? view_b(y) : y);
  }
};

}  // namespace

TEST_CASE("bf16 is the nearest of 8 bits, ties to even", "[ops]") {
  const auto through = [](float x) { return detail::from_bf16(detail::to_bf16(x)); };
  constexpr float one = 1, step = 0x1p-7f, inf = std::numeric_limits<float>::infinity();
  for (const float x : {0.f, one, one + step, -2.5f, 0x1p-126f, 0x1p-133f, inf, -inf}) CHECK(through(x) == x);
  CHECK(std::signbit(through(-0.f)));
  CHECK(through(one + step / 2) == one);                 // a tie
  CHECK(through(one + 3 * step / 2) == one + 2 * step);  // a tie
  CHECK(through(std::nextafter(one + step / 2, 2.f)) == one + step);
  CHECK(through(std::nextafter(one + step / 2, 0.f)) == one);
  CHECK(through(std::numeric_limits<float>::max()) == inf);
  CHECK(std::isnan(through(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(through(std::bit_cast<float>(0x7f800001u))));
  CHECK(std::isnan(through(std::bit_cast<float>(0xffffffffu))));
}

TEST_CASE("products under AllowBF16 on " STEIN_TEST_DEVICE " are those of rounded factors, summed in f32",
          "[ops][device]") {
  const Device device = test_device();
  const auto turned = [](const Tensor& t) { return transpose(t); };
  const Tensor a = draw({3, 9, 17}, 1), b = draw({17, 5}, 2), c = draw({3, 17, 4}, 3), row = draw({1, 9, 17}, 4);
  const Factors all[] = {
      {"stack by matrix", a, b},
      {"stacks", a, c},
      {"a transpose on the right", draw({9, 17}, 5), draw({5, 17}, 6), {}, turned},
      {"both transposed", draw({17, 9}, 7), draw({5, 17}, 8), turned, turned},
      {"stacks, transposed", draw({3, 17, 9}, 9), c, turned},
      {"a part of the rows", draw({12, 17}, 10), b, [](const Tensor& t) { return narrow(t, 0, 2, 7); }},
      {"a part of the columns", draw({9, 30}, 11), b, [](const Tensor& t) { return narrow(t, 1, 3, 17); }},
      {"a part of a transpose", draw({30, 9}, 12), b, [](const Tensor& t) { return transpose(narrow(t, 0, 3, 17)); }},
      {"every second column", draw({9, 34}, 13), b, [](const Tensor& t) { return slice_axis(t, 1, 1, 2, 17); }},
      {"one matrix for all", row, c,
       [](const Tensor& t) {
         return expand(t, {3, 9, 17});
       }},
      {"a vector", a, draw({17}, 14)},
      {"no columns", zeros({3, 0}), zeros({0, 4})}};
  for (const auto& k : all) {
    INFO(k.what);
    const Tensor right = k.product(rounded(k.a), rounded(k.b));
    const AllowBF16 guard;
    const Tensor got = k.product(k.a.to(device), k.b.to(device));
    CHECK(got.dtype() == f32);
    REQUIRE(got.shape() == right.shape());
    CHECK(allclose(got.to(cpu), right, 1e-5, 1e-5));
    if (k.a.numel()) CHECK(error(k.product(k.a, k.b), right) > 1e-4);  // so the factors were rounded
  }
}

TEST_CASE("convolutions under AllowBF16 on " STEIN_TEST_DEVICE " are those of rounded factors, rounded",
          "[ops][device]") {
  const Device device = test_device();
  const ExactConvolution direct;
  for (const auto& p : {Conv2dOptions{1, 1, 1, 1}, {2, 1, 1, 1}, {1, 2, 2, 1}, {1, 1, 1, 2}}) {
    const Tensor x = draw({2, 4, 9, 8}, 1), w = draw({6, 4 / p.groups, 3, 3}, 2), bias = draw({6}, 3);
    const Tensor g = draw(conv2d(x, w, {}, p).shape(), 4);
    const Tensors right = {conv2d(rounded(x), rounded(w), bias, p), conv2d_input(rounded(g), rounded(w), 9, 8, p),
                           conv2d_filter(rounded(x), rounded(g), 3, 3, p)};
    const AllowBF16 guard;
    const Tensor tx = x.to(device).requires_grad_(), tw = w.to(device).requires_grad_();
    const Tensor y = conv2d(tx, tw, bias.to(device), p);
    const Tensors by = grad(Tensors{sum(y * g.to(device))}, Tensors{tx, tw});
    const Tensors got = {y.detach(), by[0], by[1]};
    for (std::size_t i = 0; i < right.size(); ++i) {
      INFO("groups " << p.groups << ", result " << i);
      CHECK(got[i].dtype() == f32);
      CHECK(error(got[i], right[i]) < 0x1p-8);
    }
    CHECK(equal(got[1].to(cpu), rounded(got[1].to(cpu))));  // it came in bf16
  }
}

TEST_CASE("AllowBF16 on " STEIN_TEST_DEVICE " holds while it is alive, for f32, in its own scope", "[ops][device]") {
  const Device device = test_device();
  const Tensor a = draw({5, 33}, 1), b = draw({33, 4}, 2), right = matmul(a, b);
  const auto off = [&] { return error(matmul(a.to(device), b.to(device)), right); };
  CHECK(off() < 1e-6);
  {
    const AllowBF16 guard;
    CHECK(off() > 1e-4);
    CHECK(error(matmul(a.to(f64).to(device), b.to(f64).to(device)), matmul(a.to(f64), b.to(f64))) < 1e-14);
    CHECK(equal(matmul(a, b), right));  // the cpu does not know it
    {
      const AllowBF16 no(false);
      CHECK(off() < 1e-6);
      const AllowTF32 younger;
      CHECK(off() < 2e-3);
    }
    CHECK(off() > 1e-4);
  }
  CHECK(off() < 1e-6);
}
