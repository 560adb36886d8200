// SPDX-License-Identifier: MIT
#include <cublas_v2.h>

#include <map>
#include <string>

#include "tensor/detail/cuda_runtime.h"
#include "tensor/detail/device_blas.h"
#include "tensor/device_math.h"
#include "tensor/error.h"

namespace stein::detail::cuda {
namespace {

void check_blas(const char* op, cublasStatus_t status, const std::string& sizes = "") {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(op, "success of cuBLAS" + sizes,
       std::string(cublasGetStatusName(status)) + ": " + cublasGetStatusString(status));
}

// One handle for a host thread and a device.
cublasHandle_t handle() {
  struct Handle {
    cublasHandle_t h = nullptr;
    Handle() { check_blas("cublas", cublasCreate(&h)); }
    ~Handle() { cublasDestroy(h); }
  };
  thread_local std::map<int, Handle> of_devices;
  int device = 0;
  check("cublas", cudaGetDevice(&device));
  const Handle& one = of_devices[device];
  check_blas("cublas", cublasSetStream(one.h, stream()));
  check_blas("cublas", cublasSetMathMode(one.h, device_math.factors == Factors::tf32 ? CUBLAS_TF32_TENSOR_OP_MATH
                                                                                     : CUBLAS_DEFAULT_MATH));
  return one.h;
}

}  // namespace

void gemm(const GemmBatch& g) {
  const auto op = [](bool t) { return t ? CUBLAS_OP_T : CUBLAS_OP_N; };
  const float one = 1, zero = 0;
  const double one64 = 1, zero64 = 0;
  if (g.bf16)
    check_blas("matmul", cublasGemmStridedBatchedEx_64(handle(), op(g.transpose_a), op(g.transpose_b), g.m, g.n, g.k,
                                                       &one, g.a, CUDA_R_16BF, g.lda, g.stride_a, g.b, CUDA_R_16BF,
                                                       g.ldb, g.stride_b, &zero, g.c, CUDA_R_32F, g.ldc, g.stride_c,
                                                       g.batch, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  else if (g.dtype == f32)
    check_blas("matmul", cublasSgemmStridedBatched_64(handle(), op(g.transpose_a), op(g.transpose_b), g.m, g.n, g.k,
                                                      &one, static_cast<const float*>(g.a), g.lda, g.stride_a,
                                                      static_cast<const float*>(g.b), g.ldb, g.stride_b, &zero,
                                                      static_cast<float*>(g.c), g.ldc, g.stride_c, g.batch));
  else
    check_blas("matmul", cublasDgemmStridedBatched_64(handle(), op(g.transpose_a), op(g.transpose_b), g.m, g.n, g.k,
                                                      &one64, static_cast<const double*>(g.a), g.lda, g.stride_a,
                                                      static_cast<const double*>(g.b), g.ldb, g.stride_b, &zero64,
                                                      static_cast<double*>(g.c), g.ldc, g.stride_c, g.batch));
}

void trsm(const Trsm& t) {
  const auto uplo = t.upper ? CUBLAS_FILL_MODE_UPPER : CUBLAS_FILL_MODE_LOWER;
  const auto op = t.transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
  const float one = 1;
  const double one64 = 1;
  const auto status =
      t.dtype == f32 ? cublasStrsm_64(handle(), CUBLAS_SIDE_RIGHT, uplo, op, CUBLAS_DIAG_NON_UNIT, t.m, t.n, &one,
                                      static_cast<const float*>(t.a), t.lda, static_cast<float*>(t.b), t.ldb)
                     : cublasDtrsm_64(handle(), CUBLAS_SIDE_RIGHT, uplo, op, CUBLAS_DIAG_NON_UNIT, t.m, t.n, &one64,
                                      static_cast<const double*>(t.a), t.lda, static_cast<double*>(t.b), t.ldb);
  check_blas("triangular_solve", status,
             "'s trsm of B (" + std::to_string(t.m) + " x " + std::to_string(t.n) + "), lda " + std::to_string(t.lda) +
                 ", ldb " + std::to_string(t.ldb));
}

}  // namespace stein::detail::cuda
