// SPDX-License-Identifier: MIT
#include "tensor/lapack.h"

#include <cblas.h>

#include <vector>

#include "tensor/blas.h"
#include "tensor/error.h"

extern "C" {
void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w, double* work,
            const int* lwork, int* info);
void spotrf_(const char* uplo, const int* n, float* a, const int* lda, int* info);
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void sgetrf_(const int* m, const int* n, float* a, const int* lda, int* pivots, int* info);
void dgetrf_(const int* m, const int* n, double* a, const int* lda, int* pivots, int* info);
void sgetrs_(const char* trans, const int* n, const int* k, const float* a, const int* lda, const int* pivots, float* b,
             const int* ldb, int* info);
void dgetrs_(const char* trans, const int* n, const int* k, const double* a, const int* lda, const int* pivots,
             double* b, const int* ldb, int* info);
void sgeqrf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work, const int* size, int* info);
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work, const int* size,
             int* info);
void sorgqr_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau, float* work,
             const int* size, int* info);
void dorgqr_(const int* m, const int* n, const int* k, double* a, const int* lda, const double* tau, double* work,
             const int* size, int* info);
}

namespace stein {
namespace {

template <class T>
struct Routines;
template <>
struct Routines<float> {
  static constexpr auto potrf = spotrf_;
  static constexpr auto getrf = sgetrf_;
  static constexpr auto getrs = sgetrs_;
  static constexpr auto geqrf = sgeqrf_;
  static constexpr auto orgqr = sorgqr_;
  static constexpr auto trsm = cblas_strsm;
};
template <>
struct Routines<double> {
  static constexpr auto potrf = dpotrf_;
  static constexpr auto getrf = dgetrf_;
  static constexpr auto getrs = dgetrs_;
  static constexpr auto geqrf = dgeqrf_;
  static constexpr auto orgqr = dorgqr_;
  static constexpr auto trsm = cblas_dtrsm;
};

// LAPACK takes 32-bit sizes, and leading dimensions of at least 1.
int size32(std::int64_t v) {
  if (v < 0 || v > INT32_MAX) fail("lapack", "sizes below 2^31", std::to_string(v));
  return static_cast<int>(v);
}
int leading(std::int64_t v) { return size32(v > 0 ? v : 1); }

void check(const char* routine, int info) {  // argument -info was refused
  if (info < 0) fail(routine, "valid arguments", "a refusal of argument " + std::to_string(-info));
}

}  // namespace

template <class T>
std::int64_t cholesky_factor(std::int64_t n, T* a, std::int64_t lda) {
  detail::blas_thread_started();
  int info = 0;
  const int size = size32(n), ld = leading(lda);
  Routines<T>::potrf("U", &size, a, &ld, &info);  // the lower triangle, read column by column, is the upper one
  check("potrf", info);
  return info;
}

template <class T>
void triangular_solve_in_place(bool upper, bool transposed, std::int64_t n, std::int64_t k, const T* a,
                               std::int64_t lda, T* b, std::int64_t ldb) {
  detail::blas_thread_started();
  Routines<T>::trsm(CblasRowMajor, CblasLeft, upper ? CblasUpper : CblasLower, transposed ? CblasTrans : CblasNoTrans,
                    CblasNonUnit, size32(n), size32(k), T(1), a, leading(lda), b, leading(ldb));
}

template <class T>
std::int64_t lu_factor(std::int64_t n, T* a, std::int64_t lda, int* pivots) {
  detail::blas_thread_started();
  int info = 0;
  const int size = size32(n), ld = leading(lda);
  Routines<T>::getrf(&size, &size, a, &ld, pivots, &info);
  check("getrf", info);
  return info;
}

template <class T>
void lu_solve(bool transposed, std::int64_t n, std::int64_t k, const T* factors, std::int64_t lda, const int* pivots,
              T* b, std::int64_t ldb) {
  detail::blas_thread_started();
  int info = 0;
  const int size = size32(n), columns = size32(k), ld_a = leading(lda), ld_b = leading(ldb);
  Routines<T>::getrs(transposed ? "T" : "N", &size, &columns, factors, &ld_a, pivots, b, &ld_b, &info);
  check("getrs", info);
}

template <class T>
void qr_factor(std::int64_t m, std::int64_t n, T* a, std::int64_t lda, T* tau) {
  detail::blas_thread_started();
  int info = 0;
  const int rows = size32(m), columns = size32(n), ld = leading(lda), ask = -1;
  T best = 0;
  Routines<T>::geqrf(&rows, &columns, a, &ld, tau, &best, &ask, &info);
  const int size = leading(static_cast<std::int64_t>(best));
  std::vector<T> work(static_cast<std::size_t>(size));
  Routines<T>::geqrf(&rows, &columns, a, &ld, tau, work.data(), &size, &info);
  check("geqrf", info);
}

template <class T>
void qr_columns(std::int64_t m, std::int64_t n, T* a, std::int64_t lda, const T* tau) {
  detail::blas_thread_started();
  int info = 0;
  const int rows = size32(m), columns = size32(n), ld = leading(lda), ask = -1;
  T best = 0;
  Routines<T>::orgqr(&rows, &columns, &columns, a, &ld, tau, &best, &ask, &info);
  const int size = leading(static_cast<std::int64_t>(best));
  std::vector<T> work(static_cast<std::size_t>(size));
  Routines<T>::orgqr(&rows, &columns, &columns, a, &ld, tau, work.data(), &size, &info);
  check("orgqr", info);
}

std::int64_t symmetric_eigenvalues(std::int64_t n, double* a, double* eigenvalues) {
  detail::blas_thread_started();
  int info = 0;
  const int size = size32(n), ld = leading(n), ask = -1;
  double best = 0;
  // The lower triangle of a row-major matrix is the upper one of a column-major matrix.
  dsyev_("N", "U", &size, a, &ld, eigenvalues, &best, &ask, &info);
  const int space = leading(static_cast<std::int64_t>(best));
  std::vector<double> work(static_cast<std::size_t>(space));
  dsyev_("N", "U", &size, a, &ld, eigenvalues, work.data(), &space, &info);
  check("syev", info);
  return info;
}

#define STEIN_LAPACK_FOR(T)                                                                                          \
  template std::int64_t cholesky_factor<T>(std::int64_t, T*, std::int64_t);                                          \
  template void triangular_solve_in_place<T>(bool, bool, std::int64_t, std::int64_t, const T*, std::int64_t, T*,     \
                                             std::int64_t);                                                          \
  template std::int64_t lu_factor<T>(std::int64_t, T*, std::int64_t, int*);                                          \
  template void lu_solve<T>(bool, std::int64_t, std::int64_t, const T*, std::int64_t, const int*, T*, std::int64_t); \
  template void qr_factor<T>(std::int64_t, std::int64_t, T*, std::int64_t, T*);                                      \
  template void qr_columns<T>(std::int64_t, std::int64_t, T*, std::int64_t, const T*);
STEIN_LAPACK_FOR(float)
STEIN_LAPACK_FOR(double)
#undef STEIN_LAPACK_FOR

}  // namespace stein
