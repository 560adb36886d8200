// SPDX-License-Identifier: MIT
#include "tools/lab/yardstick.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/ops.h"
#include "smld/metrics.h"
#include "tools/lab/fit.h"

namespace stein::tools {

Yardstick::Yardstick(smld::GaussianMixture p, std::int64_t n, std::int64_t pairs, Generator generator)
    : p_(std::move(p)), generator_(generator.fork(0)), exact_(p_.sample(n, generator.state().seed)) {
  bandwidth_ = smld::median_distance(exact_, generator) / 4;
  std::vector<double> w2, mmd, weights;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto seed = generator.fork(static_cast<std::uint64_t>(i) + 1).state().seed;
    const Distances d = between(p_.sample(n, seed), p_.sample(n, seed + 1));
    w2.push_back(d.w2);
    mmd.push_back(d.mmd);
    weights.push_back(d.weights);
  }
  null_ = {percentile(w2, 0.99), percentile(mmd, 0.99), percentile(weights, 0.99)};
}

Distances Yardstick::between(const Tensor& x, const Tensor& y) const {
  Generator directions = generator_;  // the same for all
  const Tensor share = smld::mode_weights(x, p_, smld::Assignment::hard);
  return {smld::sliced_w2(x, y, directions, 64), std::sqrt(std::max(0.0, smld::mmd2(x, p_, bandwidth_))),
          max(abs(share - p_.weights())).item()};
}

Distances Yardstick::operator()(const Tensor& x) const { return between(x.to(f64), exact_); }

}  // namespace stein::tools
