// SPDX-License-Identifier: MIT
#include "smld/ladder.h"

#include <cmath>

#include "ops/ops.h"

namespace stein::smld {

Tensor geometric_ladder(double sigma_max, double sigma_min, std::int64_t levels, DType dtype) {
  if (!(sigma_max >= sigma_min && sigma_min > 0 && std::isfinite(sigma_max)) || levels < 1)
    fail("geometric_ladder", "sigma_max >= sigma_min > 0 and at least 1 level",
         std::to_string(sigma_max) + ", " + std::to_string(sigma_min) + ", " + std::to_string(levels));
  return exp(linspace(std::log(sigma_max), std::log(sigma_min), levels, f64)).to(dtype);
}

Tensor sigma_of(const Tensor& ladder, const Tensor& level, int rank) {
  return reshape(index_select(ladder.to(level.device()), 0, level), Shape{level.size(0)} + Dims::filled(rank - 1, 1));
}

}  // namespace stein::smld
