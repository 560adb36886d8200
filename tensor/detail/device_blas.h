// SPDX-License-Identifier: MIT
// The seam to cuBLAS: its calls as the manual states them, by the library on cuda and by a double on sim, which checks every
// argument and computes as the cpu does.
#pragma once

#include <cstdint>

#include "tensor/device.h"
#include "tensor/dtype.h"

namespace stein::detail {

/// cublas<t>gemmStridedBatched with alpha 1 and beta 0: COLUMN-major C_i (m x n) = op(A_i) op(B_i), i < batch; matrix i lies
/// i times its stride further on. op(A) is m x k, op(B) k x n. With `bf16`, of f32 only, A and B hold that, and it is
/// cublasGemmStridedBatchedEx, whose sums are f32 as is C.
struct GemmBatch {
  DType dtype;
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  const void* a;
  std::int64_t lda, stride_a;
  const void* b;
  std::int64_t ldb, stride_b;
  void* c;
  std::int64_t ldc, stride_c, batch;
  bool bf16 = false;
};
/// Throws Error for arguments that the library refuses.
void device_gemm(const Device& device, const GemmBatch& g);

/// cublas<t>trsm from the right with alpha 1: COLUMN-major B (m x n) becomes the X of X op(A) = B, A (n x n) upper or lower
/// triangular, its other triangle not read.
struct Trsm {
  DType dtype;
  bool upper, transpose;
  std::int64_t m, n;
  const void* a;
  std::int64_t lda;
  void* b;
  std::int64_t ldb;
};
/// Throws Error for arguments that the library refuses.
void device_trsm(const Device& device, const Trsm& t);

namespace sim {
void gemm(const GemmBatch& g);
void trsm(const Trsm& t);
}  // namespace sim
namespace cuda {  // in builds with CUDA
void gemm(const GemmBatch& g);
void trsm(const Trsm& t);
}  // namespace cuda

}  // namespace stein::detail
