// SPDX-License-Identifier: MIT
// Time per op of a chain of tanh(y * x) on 16 floats, one thread: what the engine itself costs. The same chain, and the
// same three lines, as peers/bench_overhead_libtorch.cpp.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/random.h"
#include "tensor/recording.h"
#include "tensor/thread_pool.h"

namespace {

using namespace stein;

template <class F>
double best_microseconds_per_op(int repeats, F run) {
  double best = 1e9;
  for (int r = 0; r < repeats; ++r) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best / 200 * 1e6;  // 100 products and 100 tanh
}

}  // namespace

int main() {
  set_num_threads(1);
  Tensor x = uniform({16}).requires_grad_();
  const auto chain = [&] {
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = tanh(y * x);
    return y;
  };
  std::printf("forward + backward         %.3f us per op\n",
              best_microseconds_per_op(500, [&] { grad(sum(chain()), x); }));
  std::printf("forward + double backward  %.3f us per op\n", best_microseconds_per_op(300, [&] {
                const Tensor g = sum(grad(sum(chain()), x, {.create_graph = true}));
                grad(g, x);
              }));
  const NoGrad guard;
  std::printf("forward, no gradient       %.3f us per op\n", best_microseconds_per_op(500, [&] { chain(); }));
}
