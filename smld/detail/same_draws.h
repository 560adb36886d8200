// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include "smld/losses.h"
#include "tensor/random.h"

namespace stein::smld::detail {

/// f, every call of which draws from default_generator() what its first call drew (dropout's masks): a difference of two results is
/// one of the points alone. The generator moves on once, by the first call. Copies made before that have a first call each.
inline Score same_draws(Score f) {
  return [f = std::move(f), first = std::optional<Generator::State>()](const Tensor& x) mutable {
    if (!first) {
      first = default_generator().state();
      return f(x);
    }
    const Substitute same(*first);
    return f(x);
  };
}

}  // namespace stein::smld::detail
