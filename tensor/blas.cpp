// SPDX-License-Identifier: MIT
#include "tensor/blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include "tensor/error.h"

extern "C" int blas_thread_shutdown_() __attribute__((weak));  // in no header

namespace stein {
namespace {

// BLAS takes 32-bit sizes.
int narrow(std::int64_t v) {
  if (v < 0 || v > INT32_MAX) fail("gemm", "sizes below 2^31", std::to_string(v));
  return static_cast<int>(v);
}

CBLAS_TRANSPOSE flag(bool t) { return t ? CblasTrans : CblasNoTrans; }

// OpenBLAS' pthread build begins threads when it is loaded, which would look for work on our cores for a tenth of a second. It ends
// them by this function before a fork, too, and begins them again at the next openblas_set_num_threads.
void one_thread_once() {
  static const bool done = [] {
    openblas_set_num_threads(1);
    if (openblas_get_parallel() == 1 && blas_thread_shutdown_) blas_thread_shutdown_();
    return true;
  }();
  (void)done;
}
// Before main, for nobody may multiply on several threads meanwhile; sooner where a static initialiser multiplies.
[[maybe_unused]] const bool at_start = (one_thread_once(), true);

// A product with a vector, which gemm is slow at: true when it was one.
template <class T, class Gemv>
bool as_gemv(Gemv gemv, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, T alpha, const T* a,
             std::int64_t lda, const T* b, std::int64_t ldb, T beta, T* c, std::int64_t ldc) {
  if (k == 0 || (n != 1 && m != 1)) return false;
  for (auto size : {m, n, k}) narrow(size);  // before anything is written
  if (beta == T(0))                          // c may hold anything, NaN too
    for (std::int64_t i = 0; i < (n == 1 ? m : n); ++i) c[n == 1 ? i * ldc : i] = T(0);
  if (n == 1)
    gemv(CblasRowMajor, flag(ta), narrow(ta ? k : m), narrow(ta ? m : k), alpha, a, narrow(lda), b,
         tb ? 1 : narrow(ldb), beta, c, narrow(ldc));
  else
    gemv(CblasRowMajor, flag(!tb), narrow(tb ? n : k), narrow(tb ? k : n), alpha, b, narrow(ldb), a,
         ta ? narrow(lda) : 1, beta, c, 1);
  return true;
}

}  // namespace

void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  one_thread_once();
  if (as_gemv(cblas_sgemv, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)) return;
  cblas_sgemm(CblasRowMajor, flag(ta), flag(tb), narrow(m), narrow(n), narrow(k), alpha, a, narrow(lda), b, narrow(ldb),
              beta, c, narrow(ldc));
}

void gemm(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, double alpha, const double* a,
          std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c, std::int64_t ldc) {
  one_thread_once();
  if (as_gemv(cblas_dgemv, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)) return;
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
