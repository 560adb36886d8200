// SPDX-License-Identifier: MIT
// Times NCSN as peers/bench_ncsn_torch.py and peers/bench_ssm_torch.py do.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "stein/stein.h"
#include "tensor/simd.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {

namespace {

struct Step {
  NcsnArgs args;
  Device device;
  Generator g{0};
  nn::NCSN net;
  nn::Adam adam;
  Tensor ladder, x;
  std::optional<Replay> replay;

  explicit Step(const NcsnArgs& a)
      : args(a),
        device(parse_device(a.device)),
        net(on_device({.channels = a.channels, .ngf = a.ngf, .levels = a.levels})),
        adam(net, {.lr = 1e-3}),
        ladder(smld::geometric_ladder(1, 0.01, a.levels).to(device)),
        x(uniform({a.batch, a.channels, a.size, a.size}, g, 0, 1, f32, device)) {}

  nn::NCSN on_device(const nn::NCSNOptions& options) {
    nn::NCSN made(options, g);
    made.to(device);
    return made;
  }
  // f(inputs), launched as one with --replay.
  Tensors run(const Replay::Function& f, const Tensors& inputs) {
    if (args.replay && !replay) replay.emplace(f, inputs);
    return replay ? (*replay)(inputs) : f(inputs);
  }
  void sample() {
    const auto move = [this](const Tensors& in) -> Tensors {
      return {in[0] + 1e-5 * net(in[0], zeros({args.batch}, i64, device)) + 4e-3 * in[1]};
    };
    NoGrad guard;
    x = run(move, {x, randn_like(x, g)})[0];
    x.to(cpu);  // the device has finished
  }
  void train() {
    const auto loss_and_gradients = [this](const Tensors& in) -> Tensors {
      const smld::LevelScore score = [&](const Tensor& at, const Tensor& y) { return net(at, y); };
      const Tensor loss = in.size() == 4 ? smld::ncsn_ssm_vr_loss(score, in[0], in[1], in[2], in[3], ladder)
                                         : smld::ncsn_loss(score, in[0], in[1], in[2], ladder);
      Tensors all = grad({loss}, net.parameters());
      all.push_back(loss.detach());
      return all;
    };
    Tensors inputs{x, integers(0, args.levels, {args.batch}, g).to(device), randn_like(x, g)};
    if (args.what == "ssm") inputs.push_back(rademacher(x.shape(), g, f32, device));
    Tensors gradients = run(loss_and_gradients, inputs);
    const Tensor loss = gradients.back();
    gradients.pop_back();
    adam.step(gradients);
    loss.item();
    if (device != cpu) net.parameters().back().to(cpu);  // the optimizer, which comes after the loss, has finished
  }
};

}  // namespace

std::function<void()> ncsn_step(const NcsnArgs& args) {
  const auto step = std::make_shared<Step>(args);
  return [step] { step->args.what == "sample" ? step->sample() : step->train(); };
}

int ncsn(const NcsnArgs& args) {
  const int threads = use_threads(args.threads);
  const auto step = ncsn_step(args);
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
    const nlohmann::ordered_json j{
        {"what", args.what},
        {"mode", "stein"},
        {"ngf", args.ngf},
        {"batch", args.batch},
        {"size", args.size},
        {"channels", args.channels},
        {"device", args.device},
        {"math", name_of(stein::detail::device_math.factors)},
        {"replay", args.replay},
        {"threads", threads},
        {"seconds_min", t.min},
        {"seconds_median", t.median},
        {"seconds_to_first_step", first},
        {"peak_rss_mb", peak_rss_mb()},
        {"peak_tensor_mb", static_cast<double>(memory_stats(parse_device(args.device)).peak_bytes) / (1 << 20)}};
    fmt::print("{}\n", j.dump());
    return 0;
  }
  const bool on_cpu = args.device == "cpu";
  fmt::print("NCSN {} step, ngf {}, batch {}, {}x{}x{}, {}\n",
             args.what == "sample" ? "Langevin"
             : args.what == "ssm"  ? "training (SSM-VR)"
                                   : "training",
             args.ngf, args.batch, args.size, args.size, args.channels,
             on_cpu ? fmt::format("threads {}, SIMD {}", threads, name_of(simd_level())) : args.device);
  fmt::print("  a step       {} (median of {}; minimum {})\n", readable(t.median), args.steps, readable(t.min));
  fmt::print("  first step   ended {} after the start of the program\n", readable(first));
  fmt::print("  peak memory  {:.0f} MB\n", peak_rss_mb());
  return 0;
}

}  // namespace stein::tools::bench
