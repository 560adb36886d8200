// SPDX-License-Identifier: MIT
// How far samples are from a known mixture, each distance beside what two exact sets of the same size have between them.
#pragma once

#include <cstdint>

#include "smld/data/mixture.h"
#include "tensor/random.h"

namespace stein::tools {

struct Distances {
  double w2 = 0;       ///< sliced Wasserstein distance to an exact set of the same size
  double mmd = 0;      ///< square root of the squared MMD with the mixture, or 0 where its unbiased estimate is below 0
  double weights = 0;  ///< largest error of a component's share, over components; by the largest responsibility
};

class Yardstick {
 public:
  /// For sets of n samples: `pairs` exact sets give null(). The bandwidth of the MMD is a quarter of the median distance.
  Yardstick(smld::GaussianMixture p, std::int64_t n, std::int64_t pairs, Generator generator);
  /// x (n, d), f32 or f64.
  Distances operator()(const Tensor& x) const;
  /// 99th percentile of each distance for exact sets.
  const Distances& null() const { return null_; }
  const Tensor& exact() const { return exact_; }  ///< the set of `w2`, (n, d) f64
  double bandwidth() const { return bandwidth_; }

 private:
  Distances between(const Tensor& x, const Tensor& y) const;

  smld::GaussianMixture p_;
  Generator generator_;
  Tensor exact_;
  double bandwidth_;
  Distances null_;
};

}  // namespace stein::tools
