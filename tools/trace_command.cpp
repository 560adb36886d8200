// SPDX-License-Identifier: MIT
// `stein trace`: per-sample traces of a network's Jacobian, to compare with any other framework.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "smld/trace.h"
#include "tensor/npy.h"
#include "tensor/recording.h"
#include "tools/model.h"

namespace stein::tools {

int trace(TraceArgs args) {
  const ExactConvolution exact(!args.model.fast);
  if (args.out.empty() && !args.explain) fail("trace", "--out FILE, --explain, or both", "neither");
  const Model m = load_model(args.model);
  const Tensor x = read_array(args.input, m);
  if (x.rank() < 1) fail("trace", "an input (B, ...)", describe(x));
  const Tensor y = read_levels(args.level, args.model, x.size(0));
  const smld::Score s = [&](const Tensor& at) { return m.score(at, y); };
  Generator generator(args.seed);
  const smld::TraceOptions options{.method = smld::trace_method(args.method),
                                   .law = smld::probe_law(args.law),
                                   .probes = args.probes,
                                   .generator = &generator,
                                   .step = args.step,
                                   .memory = args.memory_mb << 20};
  NoGrad guard;
  const std::string plan = args.explain ? smld::explain_trace(s, x, options) : "";
  if (!args.json) std::fputs(plan.c_str(), stdout);
  nlohmann::ordered_json j{{"method", args.method}, {"dtype", args.model.dtype}};
  if (args.explain) j["plan"] = plan;
  if (!args.out.empty()) {
    const Tensor t = smld::trace(s, x, options);
    save_npy(args.out, t);
    const Tensor traces = t.to(cpu).to(f64);
    const double average = mean(traces).item(), deviation = stein::std(traces, {}, 0).item();  // over the samples
    j["shape"] = std::vector<std::int64_t>(t.shape().begin(), t.shape().end());
    j["mean"] = average;
    j["standard_deviation"] = deviation;
    j["out"] = args.out;
    if (!args.json)
      fmt::print("{}: {}, mean {:.6g}, standard deviation {:.6g}\n", args.out, describe(t), average, deviation);
  }
  if (args.json) fmt::print("{}\n", j.dump());
  return 0;
}

}  // namespace stein::tools
