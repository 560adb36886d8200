// SPDX-License-Identifier: MIT
// Times NCSN as peers/bench_ncsn_torch.py and peers/bench_ssm_torch.py do: one training step (denoising or sliced loss,
// gradients, Adam) or one Langevin step. Same options, same JSON line.
//   bench_ncsn_step [--what train|sample|ssm] [--ngf 64] [--batch 16] [--size 28] [--channels 1] [--levels 10] [--steps 6]
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "stein/stein.h"

using namespace stein;

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

struct Options {
  std::string what = "train";
  std::map<std::string, std::int64_t> number{{"ngf", 64},     {"batch", 16},  {"size", 28},
                                             {"channels", 1}, {"levels", 10}, {"steps", 6}};
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i] + 2;
    if (name == "what")
      o.what = argv[i + 1];
    else if (o.number.count(name))
      o.number[name] = std::stoll(argv[i + 1]);
    else
      fail("bench_ncsn_step", "one of the options in its first lines", argv[i]);
  }
  if (o.what != "train" && o.what != "sample" && o.what != "ssm")
    fail("bench_ncsn_step", "--what train, sample or ssm", o.what);
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const auto born = Clock::now();
  try {
    Options o = parse(argc, argv);
    const auto batch = o.number["batch"], levels = o.number["levels"], channels = o.number["channels"];
    Generator g(0);
    const nn::NCSN net({.channels = channels, .ngf = o.number["ngf"], .levels = levels}, g);
    nn::Adam adam(net, {.lr = 1e-3});
    const Tensor ladder = smld::geometric_ladder(1, 0.01, levels);
    const smld::LevelScore score = [&](const Tensor& x, const Tensor& y) { return net(x, y); };
    Tensor x = uniform({batch, channels, o.number["size"], o.number["size"]}, g);

    const auto step = [&] {
      const Tensor level = integers(0, levels, {batch}, g);
      if (o.what == "sample") {
        NoGrad guard;
        x = x + 1e-5 * score(x, zeros({batch}, i64)) + 4e-3 * randn_like(x, g);
        return;
      }
      const Tensor z = randn_like(x, g);
      const Tensor loss = o.what == "train"
                              ? smld::ncsn_loss(score, x, level, z, ladder)
                              : smld::ncsn_ssm_vr_loss(score, x, level, z, rademacher(x.shape(), g), ladder);
      adam.step(grad({loss}, net.parameters()));
      loss.item();
    };
    step();
    const double first = since(born);
    step();
    std::vector<double> times;
    for (std::int64_t i = 0; i < o.number["steps"]; ++i) {
      const auto t = Clock::now();
      step();
      times.push_back(since(t));
    }
    std::sort(times.begin(), times.end());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print(
        R"({{"what": "{}", "mode": "stein", "ngf": {}, "batch": {}, "size": {}, "seconds_min": {}, "seconds_median": {}, )"
        R"("seconds_to_first_step": {}, "peak_rss_mb": {}, "peak_tensor_mb": {}}})"
        "\n",
        o.what, o.number["ngf"], batch, o.number["size"], times.front(), times[times.size() / 2], first,
        static_cast<double>(usage.ru_maxrss) / 1024, static_cast<double>(memory_stats().peak_bytes) / (1 << 20));
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
