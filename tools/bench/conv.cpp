// SPDX-License-Identifier: MIT
// Speed of the convolution kernels in f32: forward, input gradient and filter gradient (2 n ho wo o c kh kw operations each whatever
// the algorithm, packing and summing included), on one thread and on all.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ops/detail/conv_choice.h"
#include "ops/detail/conv_host.h"
#include "ops/images.h"
#include "tensor/error.h"
#include "tensor/simd.h"
#include "tensor/thread_pool.h"
#include "tools/bench/bench.h"
#include "tools/bench/conv_shapes.h"

namespace stein::tools::bench {
namespace {

using namespace stein::kernels;

struct Case {
  ConvShape s;
  std::vector<float> x, w, y;

  explicit Case(const ConvShape& shape)
      : s(shape),
        x(size(s.n, s.h, s.w, s.c), 0.5F),
        w(size(s.o, s.c, s.kh, s.kw), 0.25F),
        y(size(s.n, s.ho, s.wo, s.o), 1.0F) {}
  static std::size_t size(int64_t a, int64_t b, int64_t c, int64_t d) {
    return static_cast<std::size_t>(a * b * c * d);
  }
  double flops() const { return 2.0 * static_cast<double>(y.size()) * static_cast<double>(s.c * s.kh * s.kw); }

  void run(int pass, bool winograd) {
    const Strides strides{s.c * s.kh * s.kw, s.kh * s.kw, s.kw, 1};
    const host::ConvFilter<const float> filter{w.data(), strides};
    if (pass == 0) host::conv<float>(s, ConvPass::kForward, winograd, x.data(), filter, nullptr, y.data());
    if (pass == 1) host::conv<float>(s, ConvPass::kInput, winograd, y.data(), filter, nullptr, x.data());
    if (pass == 2) host::conv_filter<float>(s, winograd, x.data(), y.data(), {w.data(), strides});
  }
};

// Not timed: the first 30 ms, in which a thread that has just begun may share its core with another.
template <class Body>
Times measured(std::int64_t repetitions, const Body& body) {
  const auto begin = Clock::now();
  do body();
  while (since(begin) < 0.03);
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < repetitions; ++i) {
    const auto start = Clock::now();
    body();
    seconds.push_back(since(start));
  }
  return summary(std::move(seconds));
}

}  // namespace

std::vector<ConvShape> conv_shapes(const ConvArgs& a) {
  const auto shape = [&](int64_t c, int64_t size, int64_t o, int64_t k, int64_t dilation, int64_t stride) -> ConvShape {
    const int64_t pad = dilation * (k - 1) / 2, left = size + 2 * pad - dilation * (k - 1) - 1;
    if (left < 0) fail("bench conv", "an image that the kernel fits into", "size " + std::to_string(size));
    const int64_t out = left / stride + 1;
    return {a.batch, c, size, size, o, out, out, k, k, stride, stride, pad, pad, dilation, dilation, 1};
  };
  if (a.channels > 0)
    return {shape(a.channels, a.size, a.out > 0 ? a.out : a.channels, a.kernel, a.dilation, a.stride)};
  std::vector<ConvShape> shapes;
  for (const int64_t dilation : {1, 2, 4})
    for (const auto& [c, size] : {std::pair{64, 28}, {128, 14}, {16, 28}, {32, 14}})
      shapes.push_back(shape(c, size, c, 3, dilation, 1));
  for (const auto& [c, size, o] : {std::array{32, 28, 32},
                                   {128, 32, 128},
                                   {64, 7, 64},
                                   {8, 28, 8},
                                   {1, 28, 64},
                                   {64, 28, 1},
                                   {3, 32, 128},
                                   {128, 32, 3}})
    shapes.push_back(shape(c, size, o, 3, 1, 1));
  shapes.push_back(shape(64, 28, 128, 1, 1, 1));
  shapes.push_back(shape(64, 28, 64, 3, 1, 2));
  return shapes;
}

int conv(const ConvArgs& args) {
  constexpr const char* kPasses[] = {"forward", "input", "filter"};
  const int all = use_threads(args.threads);
  if (!args.json) {
    fmt::print("SIMD {}; GFLOP/s with 1 thread | {} threads, median of {}; * is what conv2d takes\n",
               name_of(simd_level()), all, args.steps);
    fmt::print("{:>40} {:>17} {:>17} {:>17}\n", "batch channels size out kernel dil stride", kPasses[0], kPasses[1],
               kPasses[2]);
  }
  for (const ConvShape& r : conv_shapes(args)) {
    Case c(r);
    for (const bool winograd : {false, true}) {
      if (winograd && !winograd_applies(c.s)) continue;
      if (!args.json)
        fmt::print("{:>40}",
                   winograd ? (winograd_pays(c.s) ? "winograd*" : "winograd")
                            : fmt::format("{} {} {} {} {} {} {}", r.n, r.c, r.h, r.o, r.kh, r.dilation_h, r.stride_h));
      for (int pass = 0; pass < 3; ++pass) {
        double speed[2] = {};
        for (const int threads : all == 1 || args.threads > 0 ? std::vector<int>{all} : std::vector<int>{1, all}) {
          set_num_threads(threads);
          const Times t = measured(args.steps, [&] { c.run(pass, winograd); });
          speed[threads == 1 ? 0 : 1] = c.flops() / t.median * 1e-9;
          if (threads == all) speed[1] = c.flops() / t.median * 1e-9;
          if (!args.json) continue;
          const nlohmann::ordered_json j{{"what", "conv"},
                                         {"pass", kPasses[pass]},
                                         {"algorithm", winograd ? "winograd" : "gemm"},
                                         {"chosen", winograd == winograd_pays(c.s)},
                                         {"batch", r.n},
                                         {"channels", r.c},
                                         {"size", r.h},
                                         {"out", r.o},
                                         {"kernel", r.kh},
                                         {"dilation", r.dilation_h},
                                         {"stride", r.stride_h},
                                         {"threads", threads},
                                         {"seconds_min", t.min},
                                         {"seconds_median", t.median},
                                         {"gflops", c.flops() / t.median * 1e-9},
                                         {"peak_rss_mb", peak_rss_mb()}};
          fmt::print("{}\n", j.dump());
          std::fflush(stdout);
        }
        if (!args.json) fmt::print(" {:>8.1f}|{:>8.1f}", speed[0], speed[1]);
      }
      if (!args.json) fmt::print("\n");
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace stein::tools::bench
