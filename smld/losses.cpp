// SPDX-License-Identifier: MIT
#include "smld/losses.h"

#include "autograd/alias.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/ladder.h"
#include "smld/trace.h"

namespace stein::smld {
namespace {

// x as something to differentiate with respect to, without touching the caller's tensor.
Tensor variable(const Tensor& x) { return x.requires_grad() ? alias(x) : x.detach().requires_grad_(); }

void same_shape(const char* op, const Tensor& a, const Tensor& b, const char* what) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) fail(op, std::string(what) + " of " + describe(a), describe(b));
}

void check_levels(const char* op, const Tensor& x, const Tensor& level) {
  if (level.shape() != Shape{x.size(0)} || level.dtype() != i64)
    fail(op, "a level i64 for each of " + std::to_string(x.size(0)) + " samples", describe(level));
}

Tensor half_square(const Tensor& s) { return 0.5 * per_sample(square(s)); }

}  // namespace

Tensor per_sample(const Tensor& t) {
  if (t.rank() == 1) return t;
  Axes axes;
  for (int i = 1; i < t.rank(); ++i) axes.push_back(i);
  return sum(t, axes);
}

Tensor hutchinson_trace(const Tensor& s, const Tensor& x, const Tensor& v) {
  same_shape("hutchinson_trace", x, s, "a score");
  same_shape("hutchinson_trace", x, v, "a probe");
  return per_sample(grad(s, x, {.cotangents = {v}, .create_graph = true}) * v);
}

Tensor explicit_loss(const Score& score, const Tensor& x, const Tensor& target) {
  const Tensor s = score(x);
  same_shape("explicit_loss", x, s, "a score");
  same_shape("explicit_loss", x, target, "a target");
  return mean(half_square(s - target));
}

Tensor implicit_loss(const Score& score, const Tensor& x) {
  const auto [s, trace] = value_and_trace(score, x);
  return mean(half_square(s) + trace);
}

Tensor ssm_loss(const Score& score, const Tensor& input, const Tensor& v) {
  const Tensor x = variable(input), s = score(x);
  const Tensor trace = hutchinson_trace(s, x, v);
  return mean(0.5 * square(per_sample(s * v)) + trace);
}

Tensor ssm_vr_loss(const Score& score, const Tensor& input, const Tensor& v) {
  const Tensor x = variable(input), s = score(x);
  return mean(half_square(s) + hutchinson_trace(s, x, v));
}

Tensor dsm_loss(const Score& score, const Tensor& x, const Tensor& z, double sigma) {
  if (!(sigma > 0)) fail("dsm_loss", "a noise level above 0", std::to_string(sigma));
  same_shape("dsm_loss", x, z, "noise");
  const Tensor s = score(x + sigma * z);
  same_shape("dsm_loss", x, s, "a score");
  return mean(half_square(s + z / sigma));
}

Tensor ncsn_losses(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z,
                   const Tensor& ladder) {
  same_shape("ncsn_loss", x, z, "noise");
  check_levels("ncsn_loss", x, level);
  const Tensor sigma = sigma_of(ladder, level, x.rank());
  const Tensor s = score(x + sigma * z, level);
  same_shape("ncsn_loss", x, s, "a score");
  return half_square(sigma * s + z);
}

Tensor ncsn_loss(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& ladder) {
  return mean(ncsn_losses(score, x, level, z, ladder));
}

Tensor ncsn_ssm_vr_loss(const LevelScore& score, const Tensor& clean, const Tensor& level, const Tensor& z,
                        const Tensor& v, const Tensor& ladder) {
  same_shape("ncsn_ssm_vr_loss", clean, z, "noise");
  check_levels("ncsn_ssm_vr_loss", clean, level);
  const Tensor sigma = sigma_of(ladder, level, clean.rank());
  const Tensor x = variable(clean + sigma * z), s = score(x, level);
  return mean(square(reshape(sigma, {-1})) * (half_square(s) + hutchinson_trace(s, x, v)));
}

}  // namespace stein::smld
