// SPDX-License-Identifier: MIT
// Errors of the convolutions in f32 against f64, by shape, pass and algorithm: the largest error by the largest result, and the root
// mean square of the errors by that of the results. Inputs are normal, weights too, scaled by 1 / sqrt(9 channels).
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ops/detail/conv_choice.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/random.h"
#include "tensor/recording.h"
#include "tools/bench/conv_shapes.h"

namespace stein::tools::bench {
namespace {

struct Errors {
  double largest, rms;
};

Errors errors_of(const Tensor& got, const Tensor& want) {
  const Tensor error = got.to(f64) - want;
  return {max(abs(error)).item() / max(abs(want)).item(),
          std::sqrt(mean(square(error)).item() / mean(square(want)).item())};
}

Tensor convolve(int pass, const Tensor& x, const Tensor& w, const Tensor& g, const Conv2dOptions& p) {
  if (pass == 0) return conv2d(x, w, {}, p);
  return pass == 1 ? conv2d_input(g, w, x.size(2), x.size(3), p) : conv2d_filter(x, g, w.size(2), w.size(3), p);
}

}  // namespace

int conv_accuracy(const ConvArgs& args) {
  constexpr const char* kPasses[] = {"forward", "input", "filter"};
  NoGrad guard;
  if (!args.json)
    fmt::print("{:>34} {:>8} {:>9} {:>14} {:>14}\n", "batch channels size dilation", "pass", "algorithm",
               "largest error", "rms error");
  for (const kernels::ConvShape& s : conv_shapes(args)) {
    Generator generator(1);
    const Conv2dOptions p{s.stride_h, s.pad_h, s.dilation_h, 1};
    const Tensor x = randn({s.n, s.c, s.h, s.w}, generator, f64).to(f32),
                 w = (randn({s.o, s.c, s.kh, s.kw}, generator, f64) / std::sqrt(9.0 * static_cast<double>(s.c)))
                         .to(f32),
                 g = randn({s.n, s.o, s.ho, s.wo}, generator, f64).to(f32);
    for (int pass = 0; pass < 3; ++pass) {
      const Tensor want = convolve(pass, x.to(f64), w.to(f64), g.to(f64), p);
      for (const bool exact : {true, false}) {
        if (!exact && !kernels::winograd_pays(s)) continue;
        const ExactConvolution algorithm(exact);
        const Errors e = errors_of(convolve(pass, x, w, g, p), want);
        const char* name = exact ? "gemm" : "winograd";
        if (args.json)
          fmt::print("{}\n", nlohmann::ordered_json{{"what", "conv_accuracy"},
                                                    {"pass", kPasses[pass]},
                                                    {"algorithm", name},
                                                    {"batch", s.n},
                                                    {"channels", s.c},
                                                    {"size", s.h},
                                                    {"out", s.o},
                                                    {"kernel", s.kh},
                                                    {"dilation", s.dilation_h},
                                                    {"stride", s.stride_h},
                                                    {"largest_error", e.largest},
                                                    {"rms_error", e.rms}}
                                 .dump());
        else
          fmt::print("{:>34} {:>8} {:>9} {:>14.2e} {:>14.2e}\n",
                     fmt::format("{} {} {} {}", s.n, s.c, s.h, s.dilation_h), kPasses[pass], name, e.largest, e.rms);
      }
    }
  }
  return 0;
}

}  // namespace stein::tools::bench
