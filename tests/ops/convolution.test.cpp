// SPDX-License-Identifier: MIT
// The algorithms of conv2d in f32 as ops choose them: which, how exact, and the same for any number of threads.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>

#include "ops/detail/conv_choice.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/random.h"
#include "tensor/simd.h"
#include "tensor/thread_pool.h"
#include "tests/ops/detail_kernels.h"

using namespace stein;

namespace {

/// The trio on normal x, g and weights of variance 1 / (9 c), 3x3, padded so that images keep their size.
struct Trio {
  Conv2dOptions p;
  Tensor x, w, g;

  Trio(std::int64_t n, std::int64_t c, std::int64_t size, std::int64_t dilation) : p{1, dilation, dilation, 1} {
    Generator generator(1);
    x = randn({n, c, size, size}, generator);
    w = randn({c, c, 3, 3}, generator) / std::sqrt(9.0 * static_cast<double>(c));
    g = randn({n, c, size, size}, generator);
  }
  Tensors run(DType dtype) const {
    const Tensor a = x.to(dtype), b = w.to(dtype), d = g.to(dtype);
    return {conv2d(a, b, {}, p), conv2d_input(d, b, x.size(2), x.size(3), p), conv2d_filter(a, d, 3, 3, p)};
  }
};

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor u = a.contiguous(), v = b.contiguous();
  return std::memcmp(u.data<float>(), v.data<float>(), static_cast<std::size_t>(u.numel()) * sizeof(float)) == 0;
}

kernels::ConvShape shape_of(std::int64_t n, std::int64_t c, std::int64_t size, std::int64_t o, std::int64_t k = 3,
                            std::int64_t stride = 1, std::int64_t dilation = 1, std::int64_t groups = 1) {
  const std::int64_t pad = dilation * (k - 1) / 2, out = (size + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
  return {n, c, size, size, o, out, out, k, k, stride, stride, pad, pad, dilation, dilation, groups};
}

}  // namespace

TEST_CASE("winograd is chosen for 3x3 of stride 1 with channels and pixels enough for its transforms") {
  using kernels::winograd_pays;
  for (const std::int64_t dilation : {1, 2, 4})
    for (const auto& [c, size] : {std::pair{64, 28}, {128, 14}, {16, 28}, {32, 14}})
      CHECK(winograd_pays(shape_of(16, c, size, c, 3, 1, dilation)));
  CHECK(winograd_pays(shape_of(16, 128, 8, 128)));
  CHECK(winograd_pays(shape_of(1, 64, 28, 64)));
  CHECK_FALSE(winograd_pays(shape_of(1, 128, 7, 128)));  // the filter's transform would cost more than it saves
  for (const auto& [c, o] : {std::pair{1, 64}, {64, 1}, {3, 128}, {128, 3}, {8, 8}, {4, 4}})
    CHECK_FALSE(winograd_pays(shape_of(16, c, 28, o)));
  CHECK_FALSE(winograd_pays(shape_of(16, 64, 28, 64, 3, 2)));
  CHECK_FALSE(winograd_pays(shape_of(16, 64, 28, 64, 5)));
  CHECK_FALSE(winograd_pays(shape_of(16, 64, 28, 64, 1)));
  CHECK_FALSE(winograd_pays(shape_of(16, 64, 28, 64, 3, 1, 1, 2)));
}

TEST_CASE(
    "convolutions in f32: winograd's error is at most ten times that of PyTorch, exact ones round as a sum does") {
  // PyTorch's largest error / largest result, of its two layouts the more exact: tools/bench/peers/bench_conv_torch.py --accuracy.
  struct Case {
    std::int64_t c, size, dilation;
    double pytorch[3];
  };
  const Case cases[] = {{64, 28, 1, {3.1e-7, 3.9e-7, 7.6e-7}},
                        {128, 14, 1, {3.1e-7, 2.8e-7, 5.8e-7}},
                        {128, 14, 4, {3.0e-7, 3.3e-7, 1.8e-6}},
                        {16, 28, 1, {4.5e-7, 4.3e-7, 7.4e-7}},
                        {32, 14, 1, {4.0e-7, 4.2e-7, 3.9e-7}}};
  for (const Case& k : cases) {
    const Trio trio(2, k.c, k.size, k.dilation);
    const Tensors want = trio.run(f64);
    test::each_simd_level([&](const char* level) {
      const Tensors fast = trio.run(f32);
      const ExactConvolution guard;
      const Tensors exact = trio.run(f32);
      for (std::size_t pass = 0; pass < 3; ++pass) {
        INFO(level << ", " << k.c << " channels, size " << k.size << ", dilation " << k.dilation << ", pass " << pass);
        const double scale = max(abs(want[pass])).item();
        const auto error = [&](const Tensor& got) { return max(abs(got.to(f64) - want[pass])).item() / scale; };
        CHECK(error(fast[pass]) <= 10 * k.pytorch[pass]);
        CHECK(error(exact[pass]) <= 3e-6);
        CHECK(!same_bits(fast[pass], exact[pass]));
      }
    });
  }
}

TEST_CASE("convolutions are bit-equal for one, two and three threads") {
  const int before = num_threads();
  for (const auto& [n, c, size, dilation] :
       {std::array<std::int64_t, 4>{5, 64, 14, 1}, {3, 16, 28, 2}, {2, 128, 14, 4}, {4, 5, 9, 1}}) {
    const Trio trio(n, c, size, dilation);
    set_num_threads(1);
    const Tensors one = trio.run(f32);
    for (const int threads : {2, 3}) {
      set_num_threads(threads);
      const Tensors some = trio.run(f32);
      for (std::size_t pass = 0; pass < 3; ++pass) CHECK(same_bits(some[pass], one[pass]));
    }
  }
  set_num_threads(before);
}
