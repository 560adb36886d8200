// SPDX-License-Identifier: MIT
// Times one training step of implicit score matching, mean(1/2 |s|^2 + tr ds/dx), for a softplus MLP, as peers/bench_trace.py
// does: loss, gradients, Adam; f32. Same options; one JSON line a method.
//   bench_trace_step [--dim 64] [--hidden 512] [--layers 2] [--batch 128] [--method dsm|hutchinson|NAME of smld::trace,...]
//                    [--seconds 4]
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "stein/stein.h"

using namespace stein;

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Options {
  std::string method = "dsm,hutchinson,exact";
  double seconds = 4;
  std::map<std::string, std::int64_t> number{{"dim", 64}, {"hidden", 512}, {"layers", 2}, {"batch", 128}};
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i] + 2;
    if (name == "method")
      o.method = argv[i + 1];
    else if (name == "seconds")
      o.seconds = std::stod(argv[i + 1]);
    else if (o.number.count(name))
      o.number[name] = std::stoll(argv[i + 1]);
    else
      fail("bench_trace_step", "one of the options in its first lines", argv[i]);
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options o = parse(argc, argv);
    const auto d = o.number["dim"], batch = o.number["batch"];
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(o.number["layers"]) + 2, o.number["hidden"]);
    sizes.front() = sizes.back() = d;
    Generator g(0);
    const nn::MLP net(sizes, "softplus", g);
    nn::Adam adam(net, {.lr = 1e-3});
    const Tensor x = randn({batch, d}, g);
    const double before = peak_rss_mb();
    const auto step = [&](const std::string& method) {
      Tensor loss;
      if (method == "dsm") {
        const Tensor z = randn_like(x, g);
        loss = mean(0.5 * smld::per_sample(square(0.1 * net(x + 0.1 * z) + z)));
      } else {
        const auto [s, t] = smld::value_and_trace([&](const Tensor& at) { return net(at); }, x,
                                                  {.method = smld::trace_method(method), .generator = &g});
        loss = mean(0.5 * smld::per_sample(square(s)) + t);
      }
      adam.step(grad({loss}, net.parameters()));
      return loss.item();
    };
    std::stringstream methods(o.method);
    for (std::string method; std::getline(methods, method, ',');) {
      step(method);
      const auto t = Clock::now();
      step(method);
      const auto n = std::clamp(static_cast<int>(o.seconds / std::max(since(t), 1e-5)), 3, 4000);
      std::vector<double> times;
      for (int i = 0; i < n; ++i) {
        const auto start = Clock::now();
        step(method);
        times.push_back(since(start));
      }
      std::sort(times.begin(), times.end());
      fmt::print(R"({{"framework": "stein", "method": "{}", "dim": {}, "hidden": {}, "layers": {}, "batch": {}, )"
                 R"("seconds_min": {:.6g}, "seconds_median": {:.6g}, "peak_rss_mb": {:.4g}, "peak_step_mb": {:.4g}}})"
                 "\n",
                 method, d, o.number["hidden"], o.number["layers"], batch, times.front(), times[times.size() / 2],
                 peak_rss_mb(), peak_rss_mb() - before);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
