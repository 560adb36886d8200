// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/bench/bench.h"
#include "tools/bench/roofline_model.h"

namespace stein::tools::bench {
namespace {

nlohmann::ordered_json json_of(const Share& s) {
  nlohmann::ordered_json j{{"launches", s.launches}, {"bytes", s.bytes}, {"flops", s.flops}, {"seconds", s.seconds}};
  for (int b = 0; b < kBounds; ++b) j["seconds_by_bound"][name_of(static_cast<Bound>(b))] = s.by_bound[b];
  if (!s.op.empty()) j["op"] = s.op, j["bound"] = name_of(s.bound());
  return j;
}

void print(const Share& s, const std::string& name, const std::string& bound) {
  fmt::print("{:32} {:>8} {:>10.4f} {:>10.2f} {:>10.1f}{}\n", name, s.launches, s.bytes * 1e-9, s.flops * 1e-9,
             s.seconds * 1e6, bound);
}

}  // namespace

int roofline(const RooflineArgs& args) {
  const NcsnArgs& step = args.step;
  const RooflineOptions options{gpu_of(args.gpu), args.tf32, args.launch_us * 1e-6};
  use_threads(step.threads);
  const auto run = ncsn_step(step);
  const Roofline r = roofline_of(work_of(run), options);
  const Gpu& gpu = options.gpu;
  const double images = static_cast<double>(step.batch) / r.total.seconds;
  if (step.json) {
    nlohmann::ordered_json j{{"what", "roofline"},
                             {"is", "a model, not a measurement"},
                             {"gpu", args.gpu},
                             {"product", gpu.product},
                             {"source", gpu.source},
                             {"bytes_per_second", gpu.bytes_per_second},
                             {"flops_per_second", gpu.flops_per_second},
                             {"tf32_flops_per_second", gpu.tf32_flops_per_second},
                             {"tf32", args.tf32},
                             {"launch_us", args.launch_us},
                             {"ngf", step.ngf},
                             {"batch", step.batch},
                             {"size", step.size},
                             {"channels", step.channels},
                             {"levels", step.levels},
                             {"images_per_second", images},
                             {"total", json_of(r.total)}};
    for (const auto& kernel : r.kernels) j["kernels"].push_back(json_of(kernel));
    fmt::print("{}\n", j.dump());
    return 0;
  }
  fmt::print("A model, not a measurement: NCSN training step, ngf {}, batch {}, {}x{}x{}\n", step.ngf, step.batch,
             step.size, step.size, step.channels);
  fmt::print(
      "{}: {:.2f} TB/s, {:.1f} TFLOP/s in f32{}, {:g} us a launch\n({})\n\n", gpu.product, gpu.bytes_per_second * 1e-12,
      gpu.flops_per_second * 1e-12,
      args.tf32 ? fmt::format(", {:.0f} in TF32 for convolutions and products", gpu.tf32_flops_per_second * 1e-12) : "",
      args.launch_us, gpu.source);
  fmt::print("{:32} {:>8} {:>10} {:>10} {:>10}  {}\n", "kernel", "launches", "GB", "GFLOP", "us", "bound by");
  for (const auto& kernel : r.kernels) print(kernel, kernel.op, std::string("  ") + name_of(kernel.bound()));
  print(r.total, "all", "");
  fmt::print("\npredicted: {} a step, {:.0f} images/s; bound by", readable(r.total.seconds), images);
  for (int b = 0; b < kBounds; ++b)
    fmt::print("{} {} {:.0f}%", b ? "," : "", name_of(static_cast<Bound>(b)),
               r.total.by_bound[b] / r.total.seconds * 100);
  fmt::print("\n");
  return 0;
}

}  // namespace stein::tools::bench
