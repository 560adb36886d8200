// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "tensor/blas.h"
#include "tensor/detail/bf16.h"
#include "tensor/detail/device_blas.h"
#include "tensor/detail/sim_memory.h"
#include "tensor/error.h"
#include "tensor/lapack.h"

namespace stein::detail::sim {
namespace {

void need(const char* op, bool right, const char* what, std::int64_t got) {
  if (!right) fail(op, what, std::to_string(got), "CUBLAS_STATUS_INVALID_VALUE");
}
std::int64_t held(std::int64_t rows) { return std::max<std::int64_t>(1, rows); }  // by a leading dimension, at least

// cuBLAS manual, cublas<t>gemmStridedBatched: m, n, k, batch >= 0; a leading dimension holds a column; strides in elements.
void check(const GemmBatch& g) {
  need("gemm", g.m >= 0, "m of at least 0", g.m);
  need("gemm", g.n >= 0, "n of at least 0", g.n);
  need("gemm", g.k >= 0, "k of at least 0", g.k);
  need("gemm", g.batch >= 0, "a batch count of at least 0", g.batch);
  if (g.bf16 && g.dtype != f32)
    fail("gemm", "f32 for the result of bf16", name_of(g.dtype), "CUBLAS_STATUS_NOT_SUPPORTED");
  need("gemm", g.lda >= held(g.transpose_a ? g.k : g.m), "lda of at least the rows of A", g.lda);
  need("gemm", g.ldb >= held(g.transpose_b ? g.n : g.k), "ldb of at least the rows of B", g.ldb);
  need("gemm", g.ldc >= held(g.m), "ldc of at least m", g.ldc);
  need("gemm", g.stride_c >= g.ldc * (g.n - 1) + g.m || g.batch <= 1, "results that do not overlap: stride_c",
       g.stride_c);
}

// The same, cublas<t>trsm.
void check(const Trsm& t) {
  need("triangular_solve", t.m >= 0, "m of at least 0", t.m);
  need("triangular_solve", t.n >= 0, "n of at least 0", t.n);
  need("triangular_solve", t.lda >= held(t.n), "lda of at least n", t.lda);
  need("triangular_solve", t.ldb >= held(t.m), "ldb of at least m", t.ldb);
}

template <class T>
T* matrix(const void* first, std::int64_t rows, std::int64_t columns, std::int64_t ld, bool writes,
          Part part = Part::all) {
  return static_cast<T*>(reach_matrix(first, rows, columns, ld, sizeof(T), writes, part));
}

// The factor `of` number i as T, and in bf16 widened to it: then in memory of its own, a column after the other.
template <class T>
class Factor {
 public:
  Factor(const GemmBatch& g, const void* of, std::int64_t i, std::int64_t rows, std::int64_t columns, std::int64_t ld,
         std::int64_t stride)
      : ld(ld) {
    if (!g.bf16) {
      at = matrix<T>(static_cast<const T*>(of) + i * stride, rows, columns, ld, false);
      return;
    }
    const auto* bits =
        matrix<std::uint16_t>(static_cast<const std::uint16_t*>(of) + i * stride, rows, columns, ld, false);
    for (std::int64_t c = 0; bits && c < columns; ++c)
      std::transform(bits + c * ld, bits + c * ld + rows, std::back_inserter(wide_), from_bf16);
    at = wide_.data();
    this->ld = held(rows);
  }
  const T* at;
  std::int64_t ld;

 private:
  std::vector<T> wide_;
};

// A column-major matrix is the transpose of a row-major one: C^T = op(B)^T op(A)^T.
template <class T>
void product(const GemmBatch& g) {
  const auto rows_a = g.transpose_a ? g.k : g.m, rows_b = g.transpose_b ? g.n : g.k;
  for (std::int64_t i = 0; i < g.batch; ++i) {
    const Factor<T> a(g, g.a, i, rows_a, g.m + g.k - rows_a, g.lda, g.stride_a);
    const Factor<T> b(g, g.b, i, rows_b, g.k + g.n - rows_b, g.ldb, g.stride_b);
    T* c = matrix<T>(static_cast<const T*>(g.c) + i * g.stride_c, g.m, g.n, g.ldc, true);
    if (c) stein::gemm(g.transpose_b, g.transpose_a, g.n, g.m, g.k, T(1), b.at, b.ld, a.at, a.ld, T(0), c, g.ldc);
  }
}

// X op(A) = B turned: op(A)^T X^T = B^T.
template <class T>
void solution(const Trsm& t) {
  const T* a = matrix<T>(t.a, t.n, t.n, t.lda, false, t.upper ? Part::upper : Part::lower);
  T* b = matrix<T>(t.b, t.m, t.n, t.ldb, false);  // read, too; so it must have been written
  if (b) triangular_solve_in_place(!t.upper, t.transpose, t.n, t.m, a, t.lda, b, t.ldb);
}

}  // namespace

void gemm(const GemmBatch& g) {
  check(g);
  g.dtype == f32 ? product<float>(g) : product<double>(g);
}

void trsm(const Trsm& t) {
  check(t);
  t.dtype == f32 ? solution<float>(t) : solution<double>(t);
}

}  // namespace stein::detail::sim
