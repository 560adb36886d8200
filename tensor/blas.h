// SPDX-License-Identifier: MIT
// The seam to BLAS. Row-major matrices with leading dimensions, single-threaded calls: splitting is the caller's
// business, by size and never by thread count, so products are bit-equal for any number of threads. OpenBLAS is held to one thread
// for the whole process, from the start: code of your own that wants more asks for them, outside of stein's calls.
#pragma once

#include <cstdint>
#include <string>

namespace stein {

/// C (m x n, leading dimension ldc) = alpha op(A) op(B) + beta C; op transposes when the flag is set.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
          const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);
/// The same in f64.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c,
          std::int64_t ldc);

/// Name, version and threading of the library that was linked, for `stein info`.
std::string blas_info();

namespace detail {
/// Every thread that may call BLAS passes here once: it holds OpenBLAS to one thread, also its OpenMP build.
void blas_thread_started();
}  // namespace detail

}  // namespace stein
