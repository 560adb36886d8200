// SPDX-License-Identifier: MIT
// What everything that differentiates a model in x (B, ...) needs.
#pragma once

#include <cstdint>

#include "autograd/alias.h"

namespace stein::smld::detail {

/// Numbers in a sample of x (B, ...).
inline std::int64_t sample_size(const Tensor& x) { return numel(x.shape().slice(1, x.rank())); }

/// x under a node of its own, to differentiate with respect to; derivatives go on to the caller's x when that has any, unless not
/// `linked`. To be called while recording.
inline Tensor variable(const Tensor& x, bool linked = true) {
  return linked && x.requires_grad() ? alias(x) : x.detach().requires_grad_();
}

}  // namespace stein::smld::detail
