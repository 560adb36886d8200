// SPDX-License-Identifier: MIT
// What ops over planes share.
#pragma once

#include <algorithm>

#include "ops/ops.h"
#include "tensor/thread_pool.h"

namespace stein::host {

/// f(begin, end) over ranges of n images of `work` elements each.
template <class F>
void each_image(std::int64_t n, std::int64_t work, F f) {
  parallel_for(n, std::max<std::int64_t>(std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(work, 1)), n / 16),
               f);
}

// (N, C) -> (N, C, 1, 1), with any lead axes.
inline Tensor planes(const Tensor& t) { return reshape(t, t.shape() + Shape{1, 1}); }

}  // namespace stein::host
