// SPDX-License-Identifier: MIT
#include "tensor/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include "tensor/error.h"

namespace stein {
namespace {

// BLAS takes 32-bit sizes.
int narrow(std::int64_t v) {
  if (v < 0 || v > INT32_MAX) fail("gemm", "sizes below 2^31", std::to_string(v));
  return static_cast<int>(v);
}

CBLAS_TRANSPOSE flag(bool t) { return t ? CblasTrans : CblasNoTrans; }

void one_thread_once() {
  static const bool done = (openblas_set_num_threads(1), true);
  (void)done;
}

}  // namespace

void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  one_thread_once();
  cblas_sgemm(CblasRowMajor, flag(ta), flag(tb), narrow(m), narrow(n), narrow(k), alpha, a, narrow(lda), b, narrow(ldb),
              beta, c, narrow(ldc));
}

void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, double alpha, const double* a,
          std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c, std::int64_t ldc) {
  one_thread_once();
  cblas_dgemm(CblasRowMajor, flag(ta), flag(tb), narrow(m), narrow(n), narrow(k), alpha, a, narrow(lda), b, narrow(ldb),
              beta, c, narrow(ldc));
}

std::string blas_info() {
  static const char* const kinds[] = {"sequential", "pthread", "OpenMP"};
  const int parallel = openblas_get_parallel();
  return std::string(openblas_get_config()) + " (" + (parallel >= 0 && parallel < 3 ? kinds[parallel] : "unknown") +
         " build, core " + openblas_get_corename() + ", held to one thread a call)";
}

namespace detail {

void blas_thread_started() {
  one_thread_once();
  // The OpenMP build keeps a setting per thread, and ignores openblas_set_num_threads in threads started later.
  if (openblas_get_parallel() == 2)
    if (auto* set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
}

}  // namespace detail
}  // namespace stein
