// SPDX-License-Identifier: MIT
// What the engine itself costs: the chain, and the three lines, of peers/bench_overhead_libtorch.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/device.h"
#include "tensor/random.h"
#include "tensor/recording.h"
#include "tensor/thread_pool.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

int ops(const OpsArgs& args) {
  constexpr int kOps = 200;  // 100 products and 100 tanh
  set_num_threads(1);
  const Device device = parse_device(args.device);
  const Tensor x = uniform({16}).to(device).requires_grad_();
  const auto chain = [&] {
    Tensor y = x;
    for (int i = 0; i < kOps / 2; ++i) y = tanh(y * x);
    return y;
  };
  const auto measure = [&](const char* pass, const char* words, auto run) {
    std::vector<double> times;
    for (std::int64_t i = 0; i < args.steps; ++i) {
      const auto start = Clock::now();
      run().to(cpu);  // a device has finished
      times.push_back(since(start) / kOps);
    }
    const Times t = summary(times);
    if (args.json) {
      const nlohmann::ordered_json j{
          {"what", "ops"},        {"device", args.device},      {"pass", pass},
          {"seconds_min", t.min}, {"seconds_median", t.median}, {"peak_rss_mb", peak_rss_mb()}};
      fmt::print("{}\n", j.dump());
    } else {
      fmt::print("{:26} {:>8.3f} us per op (median {:.3f})\n", words, t.min * 1e6, t.median * 1e6);
    }
    std::fflush(stdout);
  };
  measure("backward", "forward + backward", [&] { return grad(sum(chain()), x); });
  measure("double_backward", "forward + double backward", [&] {
    const Tensor g = sum(grad(sum(chain()), x, {.create_graph = true}));
    return grad(g, x);
  });
  const NoGrad guard;
  measure("no_gradient", "forward, no gradient", [&] { return chain(); });
  return 0;
}

}  // namespace stein::tools::bench
