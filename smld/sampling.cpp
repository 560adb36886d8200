// SPDX-License-Identifier: MIT
#include "smld/sampling.h"

#include "ops/ops.h"
#include "smld/detail/hooks.h"
#include "tensor/recording.h"

namespace stein::smld {

Constraint inpaint(const Tensor& known, const Tensor& mask, Generator& generator) {
  const Tensor y = known.detach(), m = mask.dtype() == boolean ? mask : ne(mask.detach(), 0.0);
  if (!is_floating(y.dtype())) fail("inpaint", "known values of a floating dtype", describe(known));
  return [y, m, g = &generator](const Tensor& x, double alpha, double sigma) {
    if (y.dtype() != x.dtype()) fail("inpaint", "known values of the samples' dtype, " + describe(x), describe(y));
    const Tensor at_level = sigma > 0 ? alpha * y + sigma * randn_like(x, *g) : alpha * y;
    const Tensor out = where(m, at_level, x);
    if (out.shape() != x.shape())
      fail("inpaint", "known values and a mask that broadcast to the samples, " + describe(x),
           describe(y) + " and " + describe(m));
    return out;
  };
}

NoiseSource interpolation_noise(const Tensor& u, Generator& generator) {
  if (u.rank() != 1 || !is_floating(u.dtype())) fail("interpolation_noise", "angles (B), f32 or f64", describe(u));
  const Tensor angle = u.detach();
  return [angle, g = &generator](const Tensor& like) {
    if (like.rank() < 1 || like.size(0) != angle.size(0))
      fail("interpolation_noise", "a sample for each angle of " + describe(angle), describe(like));
    NoGrad guard;
    const Shape one = Shape{1} + like.shape().slice(1, like.rank());
    const Tensor p = randn(one, *g, like.dtype(), like.device()), q = randn(one, *g, like.dtype(), like.device());
    const Tensor a = reshape(angle.to(like.dtype()), Shape{like.size(0)} + Dims::filled(like.rank() - 1, 1));
    return cos(a) * p + sin(a) * q;
  };
}

}  // namespace stein::smld
