// SPDX-License-Identifier: MIT
// The seam to LAPACK, by the Fortran symbols inside OpenBLAS. T is float or double; one thread a call.
#pragma once

#include <cstdint>

namespace stein {

/// Row-major A (n x n), leading dimension lda: the lower triangle becomes L with A = L L^T, the upper one is neither read nor
/// written. Returns 0, or k when the leading minor of order k is not positive.
template <class T>
std::int64_t cholesky_factor(std::int64_t n, T* a, std::int64_t lda);

/// Row-major: B (n x k) becomes the X of op(A) X = B, A (n x n) triangular, leading dimension lda; op transposes.
/// A zero on the diagonal gives infinities, as in PyTorch.
template <class T>
void triangular_solve_in_place(bool upper, bool transposed, std::int64_t n, std::int64_t k, const T* a,
                               std::int64_t lda, T* b, std::int64_t ldb);

/// COLUMN-major A (n x n) becomes its factors P L U; `pivots` has n entries. Returns 0, or k when U(k, k) is zero.
template <class T>
std::int64_t lu_factor(std::int64_t n, T* a, std::int64_t lda, int* pivots);

/// COLUMN-major B (n x k) becomes the X of op(A) X = B with the factors that lu_factor made.
template <class T>
void lu_solve(bool transposed, std::int64_t n, std::int64_t k, const T* factors, std::int64_t lda, const int* pivots,
              T* b, std::int64_t ldb);

/// COLUMN-major A (m x n), m >= n, becomes R in its upper triangle and, below, the reflections that make Q, with `tau` (n).
/// Signs as Householder reflections leave them.
template <class T>
void qr_factor(std::int64_t m, std::int64_t n, T* a, std::int64_t lda, T* tau);

/// What qr_factor left becomes Q (m x n, orthonormal columns).
template <class T>
void qr_columns(std::int64_t m, std::int64_t n, T* a, std::int64_t lda, const T* tau);

/// Eigenvalues, ascending, of a symmetric A (n x n), whose lower triangle is read; A is overwritten.
/// Returns 0, or k when k of them did not converge.
std::int64_t symmetric_eigenvalues(std::int64_t n, double* a, double* eigenvalues);

}  // namespace stein
