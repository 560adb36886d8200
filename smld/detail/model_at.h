// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "smld/losses.h"

namespace stein::smld::detail {

/// The model at t. It owns what it needs: a checkpoint inside may call it in the backward pass, when the caller's variables are gone.
inline Score at(LevelScore model, Tensor t) {
  return [m = std::move(model), t = std::move(t)](const Tensor& x) { return m(x, t); };
}

}  // namespace stein::smld::detail
