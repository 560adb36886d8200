// SPDX-License-Identifier: MIT
// Energy models: p(x) ~ exp(-f(x)), whose score -grad f is a gradient field by construction. Every objective works on them: of_energy
// (objectives.h) hands it score_of(f).
#pragma once

#include <functional>

#include "smld/losses.h"

namespace stein::smld {

/// x (B, ...) -> f (B) or (B, 1), of x's dtype.
using Energy = std::function<Tensor(const Tensor& x)>;
/// x (B, ...), level or time (B) -> f (B) or (B, 1).
using LevelEnergy = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// f(x) as (B). Throws Error when f returns another shape or dtype.
Tensor energy_of(const Energy& energy, const Tensor& x);

/// The score -grad f: one backward pass, recorded when recording is on, so it can be differentiated for x and for parameters; a constant
/// otherwise. Samples must not interact. Throws Error when f does not return one number a sample.
Score score_of(Energy energy);
/// The same at a level or time.
LevelScore score_of(LevelEnergy energy);

}  // namespace stein::smld
