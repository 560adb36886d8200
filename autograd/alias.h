// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/tensor.h"

namespace stein {

/// The same elements under a node of its own: the identity, recorded. Differentiating with respect to an alias sees
/// only what was computed from the alias, not from the original.
Tensor alias(const Tensor& t);

}  // namespace stein
