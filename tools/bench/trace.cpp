// SPDX-License-Identifier: MIT
// Times training steps of implicit score matching as peers/bench_trace.py does: loss, gradients, Adam; f32.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "stein/stein.h"
#include "tensor/simd.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

int trace(const TraceArgs& args) {
  const int threads = use_threads(args.threads);
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(args.layers) + 2, args.hidden);
  sizes.front() = sizes.back() = args.dim;
  const double before = peak_rss_mb();
  if (!args.json)
    fmt::print(
        "implicit score matching, training step: dim {}, {} x {} softplus, batch {}, threads {}, SIMD {}\n"
        "  {:12} {:>10} {:>10} {:>11} {:>9} {:>10}\n",
        args.dim, args.layers, args.hidden, args.batch, threads, name_of(simd_level()), "method", "median", "minimum",
        "first step", "peak MB", "MB added");
  const double begun = seconds_since_start();
  for (const std::string& method : args.methods) {
    const auto start = Clock::now();
    const std::int64_t probes = args.probes.value_or(method == "hutch++" ? 3 : method == "xtrace" ? 2 : 1);
    // Each method trains a network of its own, as many steps at most as the peers: on one batch the loss has no minimum, the
    // weights grow, and after thousands of steps denormal slopes would be timed.
    Generator g(0);
    const nn::MLP net(sizes, "softplus", g);
    nn::Adam adam(net, {.lr = 1e-3});
    const Tensor x = randn({args.batch, args.dim}, g);
    const auto step = [&] {
      Tensor loss;
      if (method == "dsm") {
        const Tensor z = randn_like(x, g);
        loss = mean(0.5 * smld::per_sample(square(0.1 * net(x + 0.1 * z) + z)));
      } else {
        const auto [s, t] =
            smld::value_and_trace([&](const Tensor& at) { return net(at); }, x,
                                  {.method = smld::trace_method(method), .probes = probes, .generator = &g});
        loss = mean(0.5 * smld::per_sample(square(s)) + t);
      }
      adam.step(grad({loss}, net.parameters()));
      return loss.item();
    };
    step();
    const double first = begun + since(start);  // as if the methods before it had not run
    const auto again = Clock::now();
    step();
    const auto n = std::clamp(static_cast<int>(args.seconds / std::max(since(again), 1e-5)), 3, 400);
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
      const auto at = Clock::now();
      step();
      times.push_back(since(at));
    }
    const Times t = summary(times);
    const double peak = peak_rss_mb();
    if (args.json) {
      const nlohmann::ordered_json j{{"framework", "stein"},
                                     {"method", method},
                                     {"probes", probes},
                                     {"dim", args.dim},
                                     {"hidden", args.hidden},
                                     {"layers", args.layers},
                                     {"batch", args.batch},
                                     {"threads", threads},
                                     {"seconds_min", t.min},
                                     {"seconds_median", t.median},
                                     {"seconds_to_first_step", first},
                                     {"peak_rss_mb", peak},
                                     {"peak_step_mb", peak - before}};
      fmt::print("{}\n", j.dump());
    } else {
      fmt::print("  {:12} {:>10} {:>10} {:>11} {:>9.0f} {:>10.1f}\n", method, readable(t.median), readable(t.min),
                 readable(first), peak, peak - before);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace stein::tools::bench
