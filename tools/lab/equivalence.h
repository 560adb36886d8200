// SPDX-License-Identifier: MIT
// What the parts of the experiment `equivalence` share.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "smld/data/mixture.h"
#include "tools/lab/lab.h"

namespace stein::tools {

/// The mean of f(x) over x ~ q in the plane, f: (n, 2) -> (n), by the midpoint rule, which converges faster than any power for smooth
/// densities: steps of a quarter of the smallest deviation, out to ten of the largest.
double over_plane(const smld::GaussianMixture& q, const std::function<Tensor(const Tensor& x)>& f);
/// C(sigma) = 1 / sigma^2 - 1/2 E |grad log q|^2 in the plane, q the law of x~ = x + sigma z.
double constant_of(const smld::GaussianMixture& p, double sigma);
/// |v|^2 of each row.
Tensor squared_norm(const Tensor& v);

struct Noisy {
  Tensor x, noisy, target;  // target: grad log q(noisy | x)
};
/// Gaussian noise.
Noisy perturb(const Tensor& x, double sigma, Generator& g);

/// n numbers in geometric progression, both ends included.
std::vector<double> geometric(double from, double to, std::int64_t n);

void ratio_estimator(Lab& lab, const smld::GaussianMixture& p);
void stein_identity(Lab& lab, const smld::GaussianMixture& p);
void tweedie(Lab& lab, const smld::GaussianMixture& p);

}  // namespace stein::tools
