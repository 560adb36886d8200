// SPDX-License-Identifier: MIT
#include "smld/losses.h"

#include "ops/ops.h"
#include "smld/detail/checks.h"
#include "smld/detail/slices.h"
#include "smld/terms.h"

namespace stein::smld {

using detail::same_shape;

Tensor per_sample(const Tensor& t) {
  if (t.rank() == 1) return t;
  Axes axes;
  for (int i = 1; i < t.rank(); ++i) axes.push_back(i);
  return sum(t, axes);
}

Tensor hutchinson_trace(const Tensor& s, const Tensor& x, const Tensor& v) {
  same_shape("hutchinson_trace", x, s, "a score");
  same_shape("hutchinson_trace", x, v, "a probe");
  return detail::dot(detail::left_product(s, x, v, 0, true), v, 0);
}

Tensor explicit_loss(const Score& score, const Tensor& x, const Tensor& target) {
  return mean(total(explicit_terms(score, x, target)));
}

Tensor implicit_loss(const Score& score, const Tensor& x) { return mean(total(implicit_terms(score, x))); }

Tensor ssm_loss(const Score& score, const Tensor& x, const Tensor& v) { return mean(total(ssm_terms(score, x, v))); }

Tensor ssm_vr_loss(const Score& score, const Tensor& x, const Tensor& v) {
  return mean(total(ssm_vr_terms(score, x, v)));
}

Tensor dsm_loss(const Score& score, const Tensor& x, const Tensor& z, double sigma) {
  if (!(sigma > 0)) fail("dsm_loss", "a noise level above 0", std::to_string(sigma));
  same_shape("dsm_loss", x, z, "noise");
  return mean(total(dsm_terms(score, x + sigma * z, neg(z / sigma))));
}

Tensor ncsn_losses(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z,
                   const Tensor& ladder) {
  return total(ncsn_terms(score, x, level, z, ladder));
}

Tensor ncsn_loss(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& ladder) {
  return mean(ncsn_losses(score, x, level, z, ladder));
}

Tensor ncsn_ssm_vr_loss(const LevelScore& score, const Tensor& x, const Tensor& level, const Tensor& z, const Tensor& v,
                        const Tensor& ladder) {
  return mean(total(ncsn_ssm_vr_terms(score, x, level, z, v, ladder)));
}

}  // namespace stein::smld
