// SPDX-License-Identifier: MIT
// Times NCSN as peers/bench_ncsn_torch.py and peers/bench_ssm_torch.py do.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "stein/stein.h"
#include "tensor/simd.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

int ncsn(const NcsnArgs& args) {
  const int threads = use_threads(args.threads);
  const bool sample = args.what == "sample", sliced = args.what == "ssm";
  Generator g(0);
  const nn::NCSN net({.channels = args.channels, .ngf = args.ngf, .levels = args.levels}, g);
  nn::Adam adam(net, {.lr = 1e-3});
  const Tensor ladder = smld::geometric_ladder(1, 0.01, args.levels);
  const smld::LevelScore score = [&](const Tensor& x, const Tensor& y) { return net(x, y); };
  Tensor x = uniform({args.batch, args.channels, args.size, args.size}, g);

  const auto step = [&] {
    if (sample) {
      NoGrad guard;
      x = x + 1e-5 * score(x, zeros({args.batch}, i64)) + 4e-3 * randn_like(x, g);
      return;
    }
    const Tensor level = integers(0, args.levels, {args.batch}, g), z = randn_like(x, g);
    const Tensor loss = sliced ? smld::ncsn_ssm_vr_loss(score, x, level, z, rademacher(x.shape(), g), ladder)
                               : smld::ncsn_loss(score, x, level, z, ladder);
    adam.step(grad({loss}, net.parameters()));
    loss.item();
  };
  step();
  const double first = seconds_since_start();
  step();
  std::vector<double> times;
  for (std::int64_t i = 0; i < args.steps; ++i) {
    const auto t = Clock::now();
    step();
    times.push_back(since(t));
  }
  const Times t = summary(times);
  if (args.json) {
    const nlohmann::ordered_json j{{"what", args.what},
                                   {"mode", "stein"},
                                   {"ngf", args.ngf},
                                   {"batch", args.batch},
                                   {"size", args.size},
                                   {"channels", args.channels},
                                   {"threads", threads},
                                   {"seconds_min", t.min},
                                   {"seconds_median", t.median},
                                   {"seconds_to_first_step", first},
                                   {"peak_rss_mb", peak_rss_mb()},
                                   {"peak_tensor_mb", static_cast<double>(memory_stats().peak_bytes) / (1 << 20)}};
    fmt::print("{}\n", j.dump());
    return 0;
  }
  fmt::print("NCSN {} step, ngf {}, batch {}, {}x{}x{}, threads {}, SIMD {}\n",
             sample   ? "Langevin"
             : sliced ? "training (SSM-VR)"
                      : "training",
             args.ngf, args.batch, args.size, args.size, args.channels, threads, name_of(simd_level()));
  fmt::print("  a step       {} (median of {}; minimum {})\n", readable(t.median), args.steps, readable(t.min));
  fmt::print("  first step   ended {} after the start of the program\n", readable(first));
  fmt::print("  peak memory  {:.0f} MB\n", peak_rss_mb());
  return 0;
}

}  // namespace stein::tools::bench
