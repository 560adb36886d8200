// SPDX-License-Identifier: MIT
// The independent random streams of a training run. All are functions of its seed: a resumed run repeats the draws of the
// interrupted one.
#pragma once

#include "tensor/random.h"

namespace stein::smld {

enum class Stream : std::uint64_t { weights = 1, batches = 2, evaluation = 3, samples = 4, steps = 1000 };

/// The stream `which`; of `steps` the one of step `index`.
inline Generator stream_of(std::uint64_t seed, Stream which, std::int64_t index = 0) {
  return Generator(seed).fork(static_cast<std::uint64_t>(which) + static_cast<std::uint64_t>(index));
}

}  // namespace stein::smld
