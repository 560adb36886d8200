// SPDX-License-Identifier: MIT
// The trace of a score network's Jacobian, the costly term of score matching, by every method: exact ones agree, estimators have variance.
// Given a folder it leaves the network, the points and probes there, for `stein trace` and `stein loss`.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

#include "stein/stein.h"

using namespace stein;

int main(int argc, char** argv) {
  Generator generator(1);
  const std::int64_t d = 64, batch = 64;
  nn::MLP net({d, 256, 256, d}, "tanh", generator);
  net.to(f64);
  const auto score = [&](const Tensor& x) { return net(x); };
  const Tensor x = randn({batch, d}, generator, f64);
  const NoGrad guard;
  if (argc > 1) {
    const std::string folder = argv[1];
    save_safetensors(folder + "/score.safetensors", net.state_dict());
    save_npy(folder + "/x.npy", x);
    save_npy(folder + "/v.npy", smld::draw_probes(smld::ProbeLaw::rademacher, 1, x, generator)[0]);
  }
  const Tensor reference = smld::trace(score, x, {.method = smld::TraceMethod::naive});

  double worst_exact = 0;
  std::printf("method      milliseconds   error (root mean square; the trace itself: %.3f)\n",
              std::sqrt(mean(square(reference)).item()));
  for (const std::string name :
       {"naive", "chunked", "structured", "collapsed", "exact", "hutchinson", "hutch++", "xtrace", "fd"}) {
    smld::TraceOptions options{.method = smld::trace_method(name), .generator = &generator};
    const bool estimates = options.method >= smld::TraceMethod::hutchinson;
    if (estimates) options.probes = 12;
    const auto before = std::chrono::steady_clock::now();
    const Tensor t = smld::trace(score, x, options);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - before;
    const double error = std::sqrt(mean(square(t - reference)).item());
    std::printf("%-10s %9.1f       %.1e%s\n", name.c_str(), time.count(), error,
                estimates ? "   12 products with J" : "");
    if (!estimates) worst_exact = std::max(worst_exact, error);
  }
  std::printf("\n%s\n", smld::explain_trace(score, x).c_str());
  return worst_exact < 1e-10 ? 0 : 1;
}
