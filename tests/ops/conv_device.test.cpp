// SPDX-License-Identifier: MIT
// The direct convolution of devices at numbers of channels that fill packs and blocks and leave some over.
#include <catch2/catch.hpp>

#include "ops/detail/images_device.h"
#include "ops/ops.h"
#include "tensor/random.h"
#include "tests/support/device.h"

using namespace stein;
using stein::test::test_device;

TEST_CASE("the direct convolution on " STEIN_TEST_DEVICE " has the cpu's values and gradients", "[ops][device]") {
  const Device there = test_device();
  Generator generator(10);
  struct Case {
    std::int64_t channels, results;
    Conv2dOptions options;
  };
  const Case cases[] = {{40, 3, {.padding = 1}},
                        {6, 4, {.stride = 2, .padding = 1, .groups = 2}},
                        {8, 8, {.padding = 2, .dilation = 2, .groups = 8}},
                        {33, 2, {}},
                        {16, 4, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2}}};
  for (const auto& each : cases) {
    const auto channels = each.channels, results = each.results;
    const auto& o = each.options;
    INFO(channels << " channels, " << o.groups << " groups, stride " << o.stride << ", dilation " << o.dilation);
    const Tensor x = randn({2, channels, 9, 7}, generator, f64).channels_last(),
                 w = randn({results, channels / o.groups, 3, 3}, generator, f64);
    const Tensor y = conv2d(x, w, {}, o), g = randn(y.shape(), generator, f64).channels_last();
    const auto run = [&](kernels::ConvPart part, const Tensor& a, const Tensor& b, const Tensor& like) {
      const Tensor in = a.to(there), second = b.to(there);
      const Tensor out = empty_channels_last(like.shape(), f64, there);
      const kernels::ConvShape shape{2, channels, 9,        7,         results,   y.size(2),  y.size(3),  3,
                                     3, o.stride, o.stride, o.padding, o.padding, o.dilation, o.dilation, o.groups};
      const auto& s = w.strides();
      kernels::device_conv(there)(
          {part, true, shape, {s[0], s[1], s[2], s[3]}, in.raw(), second.raw(), nullptr, const_cast<void*>(out.raw())});
      return out.to(cpu);
    };
    CHECK(allclose(run(kernels::ConvPart::forward, x, w, y), y, 1e-12, 1e-12));
    CHECK(allclose(run(kernels::ConvPart::input, g, w, x), conv2d_input(g, w, 9, 7, o), 1e-12, 1e-12));
    CHECK(allclose(run(kernels::ConvPart::filter, x, g, w), conv2d_filter(x, g, 3, 3, o), 1e-12, 1e-12));
  }
}
