// SPDX-License-Identifier: MIT
// Sampling in one dimension by inverse transform: u uniform in (0, 1), x = F^-1(u), F the distribution function.
#pragma once

#include <functional>

#include "tensor/random.h"

namespace stein::smld {

/// F^-1: u in (0, 1) -> x.
using Quantile = std::function<double(double u)>;

/// F^-1 of a table F(grid[i]) = cdf[i], straight between the points: grid (m), strictly increasing, cdf (m), not decreasing, f64, m >= 2. The
/// table is normalised: its first value becomes 0 and its last 1. Throws Error otherwise.
Quantile quantile_of_cdf(const Tensor& grid, const Tensor& cdf);
/// F^-1 for a density that is straight between its values at grid (m), strictly increasing: density (m), >= 0 and not 0
/// everywhere, f64, need not be normalised. Exact for such a density: F is a quadratic in each interval. Throws Error otherwise.
Quantile quantile_of_density(const Tensor& grid, const Tensor& density);

/// n draws x = quantile(u), (n) of dtype f32 or f64. Throws Error for n < 0, and when a quantile is not finite.
Tensor inverse_transform(const Quantile& quantile, std::int64_t n, Generator& generator, DType dtype = f64);

}  // namespace stein::smld
