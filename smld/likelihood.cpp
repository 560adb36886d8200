// SPDX-License-Identifier: MIT
#include "smld/likelihood.h"

#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "smld/detail/samples.h"
#include "smld/ode.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::smld {

Likelihood log_likelihood(const TimeScore& score, const Sde& sde, const Tensor& x, const LikelihoodOptions& o) {
  constexpr const char* op = "log_likelihood";
  if (x.rank() < 1 || !is_floating(x.dtype())) fail(op, "samples (B, ...), f32 or f64", describe(x));
  if (!(o.start > 0 && o.start < 1)) fail(op, "a start in (0, 1)", std::to_string(o.start));
  NoGrad guard;
  const std::int64_t batch = x.size(0), d = detail::sample_size(x);
  // The same probes at every evaluation: the estimators draw from a generator that is set back each time.
  Generator& source = o.trace.generator ? *o.trace.generator : default_generator();
  Generator probes = source.fork(source.take(1).position);
  const Generator::State drawn = probes.state();
  TraceOptions trace = o.trace;
  trace.generator = &probes;

  // y (B, d + 1): x, and the integral of the divergence.
  const OdeRhs f = [&](double t, const Tensor& y) {
    const Tensor at = reshape(narrow(y, 1, 0, d), x.shape()), time = full({batch}, t, x.dtype(), x.device());
    probes.set_state(drawn);
    const auto both = value_and_trace([&](const Tensor& p) { return score(p, time); }, at, trace);
    const double drift = sde.drift(t), half = 0.5 * sde.diffusion2(t);
    const Tensor velocity = drift * at - half * both.first;
    const Tensor divergence = drift * static_cast<double>(d) - half * both.second;
    return concat({reshape(velocity, {batch, d}), reshape(divergence, {batch, 1})}, 1);
  };
  const Tensor start = concat({reshape(x.detach(), {batch, d}), zeros({batch, 1}, x.dtype(), x.device())}, 1);
  const OdeResult r = dormand_prince(f, start, o.start, 1, {.rtol = o.rtol, .atol = o.atol, .progress = o.progress});
  const Tensor latent = narrow(r.y, 1, 0, d), integral = reshape(narrow(r.y, 1, d, 1), {batch});
  const double variance = sde.prior_deviation() * sde.prior_deviation();
  const double constant = -0.5 * static_cast<double>(d) * std::log(2 * std::numbers::pi * variance);
  return {constant - per_sample(square(latent)) / (2 * variance) + integral, reshape(latent, x.shape()), r.evaluations};
}

Tensor bits_per_dim(const Tensor& log_p, std::int64_t d, PixelRange range) {
  if (d < 1) fail("bits_per_dim", "at least one dimension", std::to_string(d));
  // u = (k + U) / 256 divides each of d densities by 256 = 2^8; 2 u - 1 by 2^7.
  return log_p * (-1 / (std::numbers::ln2 * static_cast<double>(d))) + (range == PixelRange::unit ? 8.0 : 7.0);
}

Tensor dequantise(const Tensor& levels, PixelRange range, Generator& generator, DType dtype) {
  constexpr const char* op = "dequantise";
  if (!is_floating(dtype)) fail(op, "f32 or f64", std::string(name_of(dtype)));
  const Tensor k = levels.detach().to(dtype);
  if (levels.dtype() != u8 && k.numel() > 0 &&
      !all_of(logical_and(logical_and(k >= 0.0, k <= 255.0), eq(k, floor(k)))).item<bool>())
    fail(op, "whole numbers in 0 ... 255", describe(levels) + " with others");
  // U to 16 bits (45 for f64), so that k + U is exact and stays below k + 1.
  const double steps = dtype == f32 ? 0x1p16 : 0x1p45;
  const Tensor u = (k + floor(steps * uniform(k.shape(), generator, 0, 1, dtype, k.device())) / steps) / 256.0;
  return range == PixelRange::unit ? u : 2.0 * u - 1.0;
}

}  // namespace stein::smld
