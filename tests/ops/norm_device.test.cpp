// SPDX-License-Identifier: MIT
// instance_norm_plus and what it is made of on a device, at sizes that fill packs and blocks and leave some over: f64 beside the composite
// on the cpu, f32 beside f64.
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/detail/plane_device.h"
#include "ops/ops.h"
#include "ops/planes.h"
#include "ops/registry.h"
#include "tensor/random.h"
#include "tests/ops/support/norm_inputs.h"
#include "tests/support/device.h"

using namespace stein;
using stein::test::entry;
using stein::test::error;
using stein::test::inputs;
using stein::test::test_device;

namespace {

/// The same elements, an image's channels next to each other, behind `first` elements that belong to nobody.
Tensor laid(const Tensor& t, std::int64_t first) {
  const Tensor last = t.rank() == 4 ? permute(t, {0, 2, 3, 1}).contiguous() : t;
  const Tensor moved = narrow(concat({zeros({first}, t.dtype(), t.device()), last.flatten()}), 0, first, t.numel())
                           .reshape(last.shape());
  return t.rank() == 4 ? permute(moved, {0, 3, 1, 2}) : moved;
}

}  // namespace

TEST_CASE("norms on " STEIN_TEST_DEVICE " equal their composites at all sizes and addresses", "[ops][device]") {
  const Device there = test_device();
  const std::int64_t sizes[][4] = {{2, 16, 9, 7}, {2, 64, 7, 14}, {1, 70, 5, 5},
                                   {2, 33, 8, 8}, {1, 2, 1, 3},   {1, 4, 40, 40}};
  for (const std::string name : {"instance_norm_plus", "instance_norm_plus_elu", "instance_norm_plus_backward",
                                 "instance_norm_plus_elu_backward", "instance_norm_plus_second",
                                 "instance_norm_plus_elu_second", "plane_sums", "plane_affine"}) {
    const Sample& sample = entry(name).samples[0];
    for (const auto& s : sizes)
      for (const std::int64_t first : {0, 1}) {
        const Tensors in = inputs(sample, s[0], s[1], s[2], s[3]);
        Tensors moved, single;
        for (const auto& t : in) {
          moved.push_back(laid(t.to(there), first));
          single.push_back(laid(t.to(f32).to(there), first));
        }
        const Tensors want = sample.reference(in), got = sample.call(moved), got_single = sample.call(single);
        REQUIRE(got.size() == want.size());
        for (std::size_t j = 0; j < got.size(); ++j) {
          INFO(name << ", " << s[0] << " x " << s[1] << " x " << s[2] << " x " << s[3] << " from element " << first
                    << ", result " << j);
          CHECK(got[j].device() == there);
          CHECK(error(got[j], want[j]) < 1e-12);
          CHECK(error(got_single[j], want[j]) < 2e-5);
        }
      }
  }
}

TEST_CASE("moments in f32 on " STEIN_TEST_DEVICE " do not lose digits to a large mean or a large plane",
          "[ops][device]") {
  const Device there = test_device();
  Generator g(9);
  for (const std::int64_t side : {1, 3, 120}) {
    const Tensor x = randn({2, side, side, 6}, g, f32) + 3000 * randn({6}, g, f32);
    // The moments are those of distances from the first pixel, which may be far off, too.
    const Tensor outlier = concat({narrow(x, 1, 0, 1) * 4, narrow(x, 1, 1, side - 1)}, 1);
    for (const Tensor* of : {&x, &outlier}) {
      const Tensor& image = *of;
      const Tensor wide = image.to(f64), mean = stein::mean(wide, {1, 2}),
                   centered = wide - stein::mean(wide, {1, 2}, true);
      const Tensor r = rsqrt(stein::mean(square(centered), {1, 2}) + 1e-2);
      const Tensor in = image.to(there), got_mean = empty({2, 6}, f32, there), got_r = empty({2, 6}, f32, there);
      kernels::device_plane_moments(there)({false, 2, side * side, 6, 1e-2, in.raw(), const_cast<void*>(got_mean.raw()),
                                            const_cast<void*>(got_r.raw())});
      INFO(side);
      CHECK(amax(abs(got_mean.to(cpu).to(f64) / mean - 1)).item() < (&image == &x ? 1e-7 : 5e-7));  // x: rounded once
      CHECK(amax(abs(got_r.to(cpu).to(f64) / r - 1)).item() < 1e-6);
    }
  }
}
