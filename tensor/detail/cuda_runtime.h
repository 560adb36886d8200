// SPDX-License-Identifier: MIT
// What every CUDA unit needs: statuses that become errors, and the stream for kernels.
#pragma once

#include <cuda_runtime.h>

namespace stein::detail::cuda {

/// Throws Error in the name of `op` with CUDA's own words unless `status` is success.
void check(const char* op, cudaError_t status);

/// The stream for kernels and libraries on this thread's current device: one for all threads.
cudaStream_t stream();

}  // namespace stein::detail::cuda
