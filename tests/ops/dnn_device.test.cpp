// SPDX-License-Identifier: MIT
// Convolutions and average pooling in f32 on a device, where its library does them, against the cpu in f64.
#include <catch2/catch.hpp>

#include "autograd/grad.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/device_math.h"
#include "tensor/random.h"
#include "tests/support/device.h"

using namespace stein;
using stein::test::test_device;

namespace {

struct Case {
  Shape x, w;
  Conv2dOptions p;
};
const Case kCases[] = {{{2, 3, 7, 5}, {4, 3, 3, 3}, {1, 1, 1, 1}},     {{2, 3, 9, 8}, {5, 3, 3, 2}, {2, 1, 1, 1}},
                       {{1, 2, 9, 11}, {3, 2, 3, 3}, {1, 2, 2, 1}},    {{2, 6, 5, 5}, {4, 3, 3, 3}, {1, 1, 1, 2}},
                       {{3, 4, 6, 6}, {4, 1, 5, 5}, {3, 2, 1, 4}},     {{2, 1, 1, 1}, {1, 1, 1, 1}, {1, 0, 1, 1}},
                       {{2, 1, 28, 28}, {16, 1, 3, 3}, {1, 1, 1, 1}},  {{2, 32, 14, 14}, {32, 32, 3, 3}, {1, 4, 4, 1}},
                       {{2, 64, 14, 14}, {64, 64, 3, 3}, {1, 1, 1, 1}}};

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator g(seed);
  return randn(shape, g, f32);
}

// y with a bias, and the derivatives of <g, y> in x, w and the bias.
Tensors trio(const Case& k, DType dtype, const Device& device) {
  const auto leaf = [&](const Shape& shape, std::uint64_t seed) {
    return draw(shape, seed).to(dtype).to(device).requires_grad_();
  };
  const Tensor x = leaf(k.x, 1), w = leaf(k.w, 2), b = leaf({k.w[0]}, 3);
  const Tensor y = conv2d(x, w, b, k.p);
  Tensors r = grad(Tensors{sum(y * draw(y.shape(), 4).to(dtype).to(device))}, Tensors{x, w, b});
  r.push_back(y.detach());
  return r;
}

Tensors average(const Pool2dOptions& p, DType dtype, const Device& device) {
  const Tensor x = draw({2, 3, 9, 7}, 1).to(dtype).to(device).requires_grad_();
  const Tensor y = avg_pool2d(x, p);
  return {y.detach(), grad(sum(y * draw(y.shape(), 2).to(dtype).to(device)), x)};
}

// The largest error over the largest result.
void close(const Tensors& there, const Tensors& truth, double tolerance) {
  REQUIRE(there.size() == truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    INFO("result " << i);
    CHECK(there[i].device() == test_device());
    CHECK(there[i].dtype() == f32);
    const Tensor error = max(abs(there[i].to(cpu).to(f64) - truth[i]));
    CHECK(error.item() <= tolerance * max(abs(truth[i])).item());
  }
}

}  // namespace

TEST_CASE("convolutions in f32 on " STEIN_TEST_DEVICE " round as a sum does, by fast algorithms a little more",
          "[ops][device]") {
  for (const auto& k : kCases) {
    INFO("x " << to_string(k.x) << ", w " << to_string(k.w));
    const Tensors truth = trio(k, f64, cpu);
    close(trio(k, f32, test_device()), truth, 1e-5);
    const Deterministic any(false);
    close(trio(k, f32, test_device()), truth, 1e-5);
    const ExactConvolution direct;
    close(trio(k, f32, test_device()), truth, 3e-6);
    const AllowTF32 coarse;
    close(trio(k, f32, test_device()), truth, 4e-3);
  }
}

TEST_CASE("convolutions in f32 on " STEIN_TEST_DEVICE " give the same bits each time", "[ops][device]") {
  const Case& k = kCases[8];
  const Tensors first = trio(k, f32, test_device());
  for (int i = 0; i < 5; ++i) {
    const Tensors again = trio(k, f32, test_device());
    for (std::size_t j = 0; j < first.size(); ++j) CHECK(equal(again[j].to(cpu), first[j].to(cpu)));
  }
}

TEST_CASE("averages in f32 on " STEIN_TEST_DEVICE " are those of the cpu", "[ops][device]") {
  for (const auto& p :
       {Pool2dOptions{2, 2, 0, true}, {5, 1, 2, true}, {3, 2, 1, false}, {3, 2, 1, true}, {4, 3, 2, false}})
    close(average(p, f32, test_device()), average(p, f64, cpu), 1e-6);
}
