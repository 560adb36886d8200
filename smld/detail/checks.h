// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <string>

#include "tensor/error.h"
#include "tensor/tensor.h"

namespace stein::smld::detail {

/// Throws Error unless b has a's shape and dtype; `what` b is.
inline void same_shape(const char* op, const Tensor& a, const Tensor& b, const char* what) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) fail(op, std::string(what) + " of " + describe(a), describe(b));
}

/// Throws Error unless 0 < value < infinity.
inline void check_positive(const char* op, const char* what, double value) {
  if (!(value > 0) || !std::isfinite(value)) fail(op, std::string(what) + " above 0", std::to_string(value));
}

}  // namespace stein::smld::detail
