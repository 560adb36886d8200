// SPDX-License-Identifier: MIT
// Time per op of a chain of tanh(y * x) on 16 floats in libtorch, from C++, one thread: forward + backward, forward + double backward, no gradient.
// Build against the libtorch inside the PyTorch wheel ($T = its torch folder):
//   g++ -std=c++20 -O2 -I$T/include -I$T/include/torch/csrc/api/include bench_overhead_libtorch.cpp -L$T/lib -ltorch -ltorch_cpu -lc10 -Wl,-rpath,$T/lib
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

template <class F>
double best_microseconds_per_op(int repeats, F run) {
  double best = 1e9;
  for (int r = 0; r < repeats; ++r) {
    auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best / 200 * 1e6;  // 100 products and 100 tanh
}

int main() {
  torch::set_num_threads(1);
  auto x = torch::rand({16}, torch::requires_grad());
  auto chain = [&] {
    auto y = x;
    for (int i = 0; i < 100; ++i) y = torch::tanh(y * x);
    return y;
  };
  std::printf("forward + backward         %.3f us per op\n", best_microseconds_per_op(200, [&] { torch::autograd::grad({chain().sum()}, {x}); }));
  std::printf("forward + double backward  %.3f us per op\n", best_microseconds_per_op(100, [&] {
                auto g = torch::autograd::grad({chain().sum()}, {x}, {}, true, true)[0].sum();
                torch::autograd::grad({g}, {x});
              }));
  torch::NoGradGuard no_grad;
  std::printf("forward, no gradient       %.3f us per op\n", best_microseconds_per_op(200, [&] { chain(); }));
}
