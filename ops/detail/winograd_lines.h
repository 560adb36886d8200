// SPDX-License-Identifier: MIT
// Winograd's transforms of one line; included by the winograd units only (see kernel_vec.h on the namespace).
//
// M x M results of a 3x3 correlation from (M+2) x (M+2) sources with as many products (Lavin and Gray, arXiv 1509.09308):
//     y = A^T [ (G w G^T) .* (B^T d B) ] A ,   gradients are the transposes:   gw = G^T [ sum over tiles (B^T d B) .* (A g A^T) ] G .
// The filter is taken to the points 0, a, -a, b, -b, infinity, a = sqrt(1/2), b = sqrt(2): there the matrices are balanced, the error
// in f32 is about twice that of the direct sum, against four times at the usual 1 and 2. Tiles of 4 results use all six points,
// tiles of 3 the finite ones, tiles of 2 the points 0, a, -a, infinity: one transformed filter serves all three. Its scale at a point
// is that of six points, so B holds what a tile of two lacks (Toom-Cook: G's row at p is (1, p, p^2) / prod (p - other points)).
#pragma once

#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {

inline constexpr double kPointA = 0.70710678118654752440, kPointB = 1.41421356237309504880;
inline constexpr int kPoints = 6;

/// Which of the six points is the i-th of a tile of m results.
STEIN_INLINE int64_t point_of(int64_t m, int64_t i) { return m == 2 && i == 3 ? 5 : i; }

/// One line of B^T d: M + 2 values of d, which lie `step` apart, to M + 2 values that lie `to` apart.
template <class T, int M>
STEIN_INLINE void winograd_source(const Vec<T>* d, int64_t step, Vec<T>* t, int64_t to) {
  if constexpr (M == 2) {
    const Vec<T> e = T(-1.5) * d[2 * step], o = T(1.5 * kPointA) * d[step];
    t[0] = d[0] - T(2) * d[2 * step];
    t[to] = e - o;
    t[2 * to] = e + o;
    t[3 * to] = d[3 * step] - T(0.5) * d[step];
  } else {
    const Vec<T> e1 = d[4 * step] - T(2) * d[2 * step], o1 = d[3 * step] - T(2) * d[step];
    const Vec<T> e2 = d[4 * step] - T(0.5) * d[2 * step], o2 = d[3 * step] - T(0.5) * d[step];
    t[0] = d[0] - T(2.5) * d[2 * step] + d[4 * step];
    t[to] = e1 + T(kPointA) * o1;
    t[2 * to] = e1 - T(kPointA) * o1;
    t[3 * to] = e2 + T(kPointB) * o2;
    t[4 * to] = e2 - T(kPointB) * o2;
    if constexpr (M == 4) t[5 * to] = d[5 * step] - T(2.5) * d[3 * step] + d[step];
  }
}

/// One line of A^T m: M + 2 values to M.
template <class T, int M>
STEIN_INLINE void winograd_result(const Vec<T>* m, int64_t step, Vec<T>* y, int64_t to) {
  const Vec<T> s1 = m[step] + m[2 * step], d1 = m[step] - m[2 * step];
  if constexpr (M == 2) {
    y[0] = m[0] + s1;
    y[to] = T(kPointA) * d1 + m[3 * step];
  } else {
    const Vec<T> s2 = m[3 * step] + m[4 * step], d2 = m[3 * step] - m[4 * step];
    y[0] = m[0] + s1 + s2;
    y[to] = T(kPointA) * d1 + T(kPointB) * d2;
    y[2 * to] = T(0.5) * s1 + T(2) * s2;
    if constexpr (M == 4) y[3 * to] = T(kPointA / 2) * d1 + T(2 * kPointB) * d2 + m[5 * step];
  }
}

/// One line of A y, the transpose of winograd_result.
template <class T, int M>
STEIN_INLINE void winograd_result_adjoint(const Vec<T>* y, int64_t step, Vec<T>* m, int64_t to) {
  Vec<T> e1 = y[0], o1 = T(kPointA) * y[step];
  if constexpr (M >= 3) e1 += T(0.5) * y[2 * step];
  if constexpr (M == 4) o1 += T(kPointA / 2) * y[3 * step];
  m[0] = y[0];
  m[to] = e1 + o1;
  m[2 * to] = e1 - o1;
  if constexpr (M >= 3) {
    const Vec<T> e2 = y[0] + T(2) * y[2 * step];
    Vec<T> o2 = T(kPointB) * y[step];
    if constexpr (M == 4) o2 += T(2 * kPointB) * y[3 * step];
    m[3 * to] = e2 + o2;
    m[4 * to] = e2 - o2;
  }
  if constexpr (M != 3) m[(M + 1) * to] = y[(M - 1) * step];
}

/// One line of G w: 3 values to the six points.
template <class T>
STEIN_INLINE void winograd_filter(const Vec<T>* w, int64_t step, Vec<T>* u, int64_t to) {
  const Vec<T> e1 = T(-2.0 / 3) * w[0] - T(1.0 / 3) * w[2 * step], o1 = T(-2.0 / 3 * kPointA) * w[step];
  const Vec<T> e2 = T(1.0 / 6) * w[0] + T(1.0 / 3) * w[2 * step], o2 = T(kPointB / 6) * w[step];
  u[0] = w[0];
  u[to] = e1 + o1;
  u[2 * to] = e1 - o1;
  u[3 * to] = e2 + o2;
  u[4 * to] = e2 - o2;
  u[5 * to] = w[2 * step];
}

/// One line of G^T u, the transpose of winograd_filter.
template <class T>
STEIN_INLINE void winograd_filter_adjoint(const Vec<T>* u, int64_t step, Vec<T>* w, int64_t to) {
  const Vec<T> s1 = u[step] + u[2 * step], d1 = u[step] - u[2 * step];
  const Vec<T> s2 = u[3 * step] + u[4 * step], d2 = u[3 * step] - u[4 * step];
  w[0] = u[0] - T(2.0 / 3) * s1 + T(1.0 / 6) * s2;
  w[to] = T(kPointB / 6) * d2 - T(2.0 / 3 * kPointA) * d1;
  w[2 * to] = T(1.0 / 3) * (s2 - s1) + u[5 * step];
}

}  // namespace stein::kernels::STEIN_UNIT
