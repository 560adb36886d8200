// SPDX-License-Identifier: MIT
#pragma once

namespace stein::smld::detail {

/// The forward transition x_now = root x_before + sqrt(variance) z, of numbers or tensors.
template <class T>
struct Transition {
  T root, variance;
};

/// From `before` to the noisier `now`, both with alpha and sigma. Where hardly any noise is added, rounding may leave the variance below 0.
template <class Level>
auto transition(const Level& now, const Level& before) {
  auto root = now.alpha / before.alpha;
  const auto carried = root * before.sigma;
  return Transition<decltype(root)>{root, now.sigma * now.sigma - carried * carried};
}

}  // namespace stein::smld::detail
