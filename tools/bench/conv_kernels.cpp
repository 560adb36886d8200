// SPDX-License-Identifier: MIT
// Speed of the convolution kernels in f32, by shape: median GFLOP/s of forward, input gradient and filter gradient (2 n ho wo o c kh kw
// operations each whatever the algorithm, packing and summing included), on one thread and on all.  Usage: bench_conv_kernels [repetitions]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "ops/detail/conv_kernels.h"
#include "tensor/thread_pool.h"

namespace {

using namespace stein::kernels;

struct Aligned {
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  explicit Aligned(int64_t bytes) : memory(::operator new(static_cast<std::size_t>(bytes), std::align_val_t(64))) {}
  void* get() const { return memory.get(); }
  std::unique_ptr<void, Free> memory;
};

template <class Body>
double median_seconds(int repetitions, const Body& body) {
  std::vector<double> seconds;
  for (int i = 0; i <= repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    if (i > 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

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

  void run(ConvPass pass, bool winograd) {
    ConvPlan plan{};
    (winograd ? winograd_plan_f32() : conv_plan_f32())(s, pass, plan);
    const Aligned packed(plan.packed_bytes);
    (winograd ? winograd_pack_f32()
              : conv_pack_f32())({s, pass, w.data(), s.c * s.kh * s.kw, s.kh * s.kw, s.kw, 1, packed.get()});
    const bool forward = pass == ConvPass::kForward;
    stein::parallel_for(plan.items, std::max<int64_t>(1, plan.items / 16), [&](int64_t begin, int64_t end) {
      const Aligned scratch(plan.scratch_bytes);
      (winograd ? winograd_run_f32() : conv_run_f32())({s, pass, forward ? x.data() : y.data(), packed.get(), nullptr,
                                                        forward ? y.data() : x.data(), begin, end, scratch.get()});
    });
  }
  void run_filter(bool winograd) {
    ConvFilterPlan plan{};
    (winograd ? winograd_filter_plan_f32() : conv_filter_plan_f32())(s, plan);
    const Aligned partial(plan.partial_bytes);
    stein::parallel_for(plan.chunks, 1, [&](int64_t begin, int64_t end) {
      const Aligned scratch(plan.scratch_bytes);
      (winograd ? winograd_filter_run_f32()
                : conv_filter_run_f32())({s, x.data(), y.data(), partial.get(), begin, end, scratch.get()});
    });
    stein::parallel_for(s.o, 32, [&](int64_t begin, int64_t end) {
      (winograd ? winograd_filter_finish_f32() : conv_filter_finish_f32())(
          {s, partial.get(), w.data(), s.c * s.kh * s.kw, s.kh * s.kw, s.kw, 1, begin, end});
    });
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 11, all = stein::num_threads();
  struct Row {
    int64_t n, c, size, o, k, dilation, stride;
  };
  const Row rows[] = {{64, 16, 28, 16, 3, 1, 1},   {64, 32, 28, 32, 3, 1, 1},   {64, 64, 28, 64, 3, 1, 1},
                      {64, 32, 14, 32, 3, 1, 1},   {64, 32, 14, 32, 3, 2, 1},   {64, 64, 14, 64, 3, 1, 1},
                      {64, 128, 14, 128, 3, 1, 1}, {64, 128, 14, 128, 3, 2, 1}, {64, 128, 14, 128, 3, 4, 1},
                      {32, 128, 32, 128, 3, 1, 1}, {64, 1, 28, 64, 3, 1, 1},    {64, 64, 28, 1, 3, 1, 1},
                      {64, 3, 32, 128, 3, 1, 1},   {64, 128, 32, 3, 3, 1, 1},   {64, 64, 28, 128, 1, 1, 1},
                      {64, 64, 28, 64, 3, 1, 2}};
  fmt::print("level {}; GFLOP/s with 1 thread | {} threads, median of {}\n", stein::name_of(stein::simd_level()), all,
             repetitions);
  fmt::print("{:>36} {:>17} {:>17} {:>17}\n", "n  c  h=w  o  k  dilation stride", "forward", "input", "filter");
  for (const Row& r : rows) {
    const int64_t pad = r.dilation * (r.k - 1) / 2, out = (r.size - 1) / r.stride + 1;
    Case c(
        {r.n, r.c, r.size, r.size, r.o, out, out, r.k, r.k, r.stride, r.stride, pad, pad, r.dilation, r.dilation, 1});
    for (const bool winograd : {false, true}) {
      if (winograd && !winograd_applies(c.s)) continue;
      const std::string shape = fmt::format("{} {} {} {} {} {} {}", r.n, r.c, r.size, r.o, r.k, r.dilation, r.stride);
      fmt::print("{:>36}", winograd ? "winograd" : shape);
      for (int pass = 0; pass < 3; ++pass) {
        double speed[2] = {};
        for (int several = 0; several < 2; ++several) {
          stein::set_num_threads(several == 1 ? all : 1);
          const double seconds = median_seconds(repetitions, [&] {
            pass == 2 ? c.run_filter(winograd) : c.run(pass == 0 ? ConvPass::kForward : ConvPass::kInput, winograd);
          });
          speed[several] = c.flops() / seconds * 1e-9;
        }
        fmt::print(" {:>8.1f}|{:>8.1f}", speed[0], speed[1]);
      }
      fmt::print("\n");
    }
  }
}
