// SPDX-License-Identifier: MIT
#include "smld/inverse_transform.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/ops.h"
#include "tensor/error.h"

namespace stein::smld {
namespace {

struct Table {
  std::vector<double> x, y;  // y: cdf, or density
};

Table table(const char* op, const Tensor& grid, const Tensor& values) {
  if (grid.rank() != 1 || grid.size(0) < 2 || grid.dtype() != f64 || values.shape() != grid.shape() ||
      values.dtype() != f64)
    fail(op, "a grid and values (m), m >= 2, f64", describe(grid) + " and " + describe(values));
  Table t{grid.to_vector<double>(), values.to_vector<double>()};
  for (std::size_t i = 0; i < t.x.size(); ++i) {
    if (!std::isfinite(t.x[i]) || !std::isfinite(t.y[i])) fail(op, "finite numbers", "others at " + std::to_string(i));
    if (i > 0 && !(t.x[i] > t.x[i - 1])) fail(op, "an increasing grid", "a fall at " + std::to_string(i));
  }
  return t;
}

/// The interval i with cdf[i] <= u < cdf[i + 1], never an empty one but at the ends.
std::size_t interval(const std::vector<double>& cdf, double u) {
  const auto above = std::upper_bound(cdf.begin(), cdf.end(), u);
  const auto i = std::max<std::ptrdiff_t>(above - cdf.begin() - 1, 0);
  return std::min(static_cast<std::size_t>(i), cdf.size() - 2);
}

}  // namespace

Quantile quantile_of_cdf(const Tensor& grid, const Tensor& cdf) {
  Table t = table("quantile_of_cdf", grid, cdf);
  const double low = t.y.front(), range = t.y.back() - low;
  for (std::size_t i = 1; i < t.y.size(); ++i)
    if (t.y[i] < t.y[i - 1]) fail("quantile_of_cdf", "a cdf that does not decrease", "a fall at " + std::to_string(i));
  if (!(range > 0)) fail("quantile_of_cdf", "a cdf that rises somewhere", "a constant");
  for (double& v : t.y) v = (v - low) / range;
  return [t = std::move(t)](double u) {
    const std::size_t i = interval(t.y, u);
    const double rise = t.y[i + 1] - t.y[i];
    return t.x[i] + (rise > 0 ? (u - t.y[i]) / rise : 0.0) * (t.x[i + 1] - t.x[i]);
  };
}

Quantile quantile_of_density(const Tensor& grid, const Tensor& density) {
  Table t = table("quantile_of_density", grid, density);
  std::vector<double> cdf{0};
  for (std::size_t i = 0; i < t.y.size(); ++i) {
    if (t.y[i] < 0) fail("quantile_of_density", "a density of at least 0", std::to_string(t.y[i]));
    if (i > 0) cdf.push_back(cdf.back() + 0.5 * (t.y[i] + t.y[i - 1]) * (t.x[i] - t.x[i - 1]));
  }
  const double total = cdf.back();
  if (!(total > 0)) fail("quantile_of_density", "a density above 0 somewhere", "0 everywhere");
  return [t = std::move(t), cdf = std::move(cdf), total](double u) {
    const std::size_t i = interval(cdf, u * total);
    const double width = t.x[i + 1] - t.x[i], p = t.y[i], slope = (t.y[i + 1] - p) / width;
    // p h + slope h^2 / 2 = area, solved without cancellation
    const double area = u * total - cdf[i], root = std::sqrt(std::max(p * p + 2 * slope * area, 0.0));
    return t.x[i] + (p + root > 0 ? std::clamp(2 * area / (p + root), 0.0, width) : 0.0);
  };
}

Tensor inverse_transform(const Quantile& quantile, std::int64_t n, Generator& generator, DType dtype) {
  if (n < 0) fail("inverse_transform", "n >= 0", std::to_string(n));
  if (!is_floating(dtype)) fail("inverse_transform", "f32 or f64", std::string(name_of(dtype)));
  // Draws are multiples of 2^-53 below 1; 0, where quantiles may be infinite, becomes the middle of its cell.
  const Tensor u = uniform({n}, generator, 0, 1, f64);
  Tensor out = empty({n}, f64);
  double* to = out.mutable_data<double>();
  for (std::int64_t i = 0; i < n; ++i) {
    const double v = std::max(u.data<double>()[i], 0x1p-54);
    to[i] = quantile(v);
    if (!std::isfinite(to[i]))
      fail("inverse_transform", "finite quantiles", std::to_string(to[i]) + " for u = " + std::to_string(v));
  }
  return out.to(dtype);
}

}  // namespace stein::smld
