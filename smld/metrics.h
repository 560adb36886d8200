// SPDX-License-Identifier: MIT
// How far samples are from a known mixture or from other samples, and a score from the true one. Numbers come back as double: computed in
// f64, not recorded. x, y: (n, d), f32 or f64, on any device; distances are computed by the host.
#pragma once

#include "smld/data/mixture.h"
#include "smld/losses.h"
#include "tensor/random.h"

namespace stein::smld {

// Squared maximum mean discrepancy with the kernel exp(-|x - y|^2 / (2 h^2)) (Gretton et al. 2012), h the bandwidth. Unbiased, so a
// good sample's may be below 0: pairs i = j are left out. Memory O(n), time O(n^2 d).
/// Against the mixture itself, whose two terms are known in closed form. n >= 2.
double mmd2(const Tensor& x, const GaussianMixture& p, double bandwidth);
/// Between two samples, of any sizes >= 2.
double mmd2(const Tensor& x, const Tensor& y, double bandwidth);
/// Median distance between two rows of x, of `pairs` pairs drawn by the generator: the bandwidth for mode weights; a quarter of it for shapes.
double median_distance(const Tensor& x, Generator& generator, std::int64_t pairs = 10000);

/// Sliced Wasserstein distance, sqrt of the mean over `directions` u on the unit sphere of the mean of (sort(u.x) - sort(u.y))^2 (Rabin et al. 2011).
/// x and y of the same n. Between two draws of one 2-D mixture: about 0.075 at n = 1000, 0.030 at 10000: compare with that, not with 0.
double sliced_w2(const Tensor& x, const Tensor& y, Generator& generator, std::int64_t directions = 128);

/// Share of the samples in each component, (K) f64, summing to 1: soft sums the responsibilities, hard counts the largest one.
enum class Assignment : std::uint8_t { hard, soft };
/// The share of each component of p in x (n, d): (K) f64, of sum 1.
Tensor mode_weights(const Tensor& x, const GaussianMixture& p, Assignment assignment = Assignment::soft);

/// E |s(x) - grad log p(x)|^2 over the samples x, which should come from p (smoothed by N(0, sigma^2 I)). Without a 1/2: twice the explicit loss.
double fisher_divergence(const Score& score, const GaussianMixture& p, const Tensor& x, double sigma = 0);

/// E |A|_F^2 / E |J|_F^2 of J = ds/dx, A = (J - J^T) / 2, in [0, 1]: 0 for a gradient field, which a true score is. Estimated with `probes` Gaussian
/// probes a sample: |A|_F^2 = 1/4 E |J v - J^T v|^2, |J|_F^2 = E |J^T v|^2: one JVP and one VJP each. x (B, ...). 0 when J is 0.
double curl_ratio(const Score& score, const Tensor& x, Generator& generator, std::int64_t probes = 1);

}  // namespace stein::smld
