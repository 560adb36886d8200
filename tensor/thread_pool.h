// SPDX-License-Identifier: MIT
// The one thread pool of the process.
#pragma once

#include <cstdint>
#include <functional>

namespace stein {

/// Number of threads that parallel_for uses, the caller included. Starts as the number of cores, or STEIN_THREADS; at most
/// 256, and fewer where the system has no more to give.
int num_threads();
/// Throws Error when n < 1 or n > 256, and inside a body of parallel_for.
void set_num_threads(int n);

/// Calls body(begin, end) over disjoint ranges that cover [0, n), each `grain` items long (the last may be shorter),
/// on the pool and the calling thread, which take the next range from a counter; returns when all are done. While the pool works for
/// another thread, the caller does all of it. The ranges depend on n and grain alone, never on the
/// number of threads, so results do not either. Calls from inside a body run on the calling thread. Bodies record, or do
/// not (NoGrad), as the caller does. The first exception thrown by a body is rethrown here, and no further range begun.
void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace stein
