// SPDX-License-Identifier: MIT
// What a device reaches of its peaks, through the ops that a user calls.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/ops.h"
#include "tensor/device.h"
#include "tensor/random.h"
#include "tensor/recording.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

int peaks(const PeaksArgs& args) {
  const NoGrad guard;
  const Device device = parse_device(args.device);
  Generator g(0);
  const auto drawn = [&](const Shape& shape) { return uniform(shape, g, 0, 1, f32, device); };
  // A device runs ahead of the host: results are waited for by fetching one element, after as many runs as make that cheap.
  const int runs = device.kind == Device::Kind::cuda ? 10 : 1;
  const auto measure = [&](const char* name, const std::string& words, const char* unit, double work, const auto& run) {
    const auto finish = [](const Tensor& t) { flatten(t)[0].to(cpu); };
    finish(run());
    std::vector<double> times;
    for (std::int64_t i = 0; i < args.steps; ++i) {
      const auto start = Clock::now();
      for (int k = 1; k < runs; ++k) run();
      finish(run());
      times.push_back(since(start) / runs);
    }
    const Times t = summary(times);
    if (args.json) {
      const nlohmann::ordered_json j{{"what", "peaks"},
                                     {"device", args.device},
                                     {"kernel", name},
                                     {"seconds_min", t.min},
                                     {"seconds_median", t.median},
                                     {"unit", unit},
                                     {"per_second", work / t.median}};
      fmt::print("{}\n", j.dump());
    } else {
      fmt::print("{:44} {:>10}  {:>9.4g} G{}/s\n", words, readable(t.median), work / t.median * 1e-9, unit);
    }
    std::fflush(stdout);
  };
  {
    const std::int64_t n = args.mb * (1 << 20) / 4;
    const Tensor a = drawn({n}), b = drawn({n});
    measure("add", fmt::format("a + b of {} MB each", args.mb), "B", 12.0 * static_cast<double>(n),
            [&] { return a + b; });
  }
  {
    const auto m = args.matrix;
    const Tensor a = drawn({m, m}), b = drawn({m, m});
    measure("matmul", fmt::format("product of {0} x {0} matrices", m), "FLOP",
            2.0 * std::pow(static_cast<double>(m), 3), [&] { return matmul(a, b); });
  }
  const auto n = args.batch, c = args.channels, side = args.size;
  const Tensor x = channels_last(drawn({n, c, side, side})), w = drawn({c, c, 3, 3});
  measure("conv2d", fmt::format("3 x 3 convolution of {0} x {1} x {2} x {2}", n, c, side), "FLOP",
          2.0 * 9 * static_cast<double>(c * x.numel()), [&] { return conv2d(x, w, {}, {.padding = 1}); });
  return 0;
}

}  // namespace stein::tools::bench
