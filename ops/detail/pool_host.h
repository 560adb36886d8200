// SPDX-License-Identifier: MIT
// Average pooling of the host from memory to memory, on all threads: for the op, and for the double of cuDNN on sim.
#pragma once

#include <algorithm>

#include "ops/detail/pool_kernels.h"
#include "ops/detail/scratch.h"
#include "ops/images.h"
#include "tensor/thread_pool.h"

namespace stein::host {

/// x -> y, or the adjoint g -> gx.
template <class T>
void avg_pool(const kernels::PoolShape& s, bool adjoint, bool count_include_pad, const T* from, T* to) {
  const auto rows = s.n * (adjoint ? s.h : s.ho), row = s.c * s.w;
  parallel_for(rows,
               std::max<std::int64_t>(std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(row, 1)), rows / 16),
               [&](std::int64_t b, std::int64_t e) {
                 const Scratch scratch(kernels::avg_pool_scratch_bytes()(s, sizeof(T)));
                 const kernels::AvgPoolArgs<T> args{s, count_include_pad, from, to, b, e, scratch.data()};
                 if (adjoint)
                   STEIN_KERNEL_OF(T, avg_pool_adjoint)(args);
                 else
                   STEIN_KERNEL_OF(T, avg_pool)(args);
               });
}

}  // namespace stein::host
