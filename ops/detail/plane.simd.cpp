// SPDX-License-Identifier: MIT
#include "ops/detail/plane_kernels.h"
#include "ops/detail/plane_vec.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

template <class T>
void plane_sums(const PlaneSumsArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  for (int64_t n = a.begin; n < a.end; ++n) {
    const T *x = a.x + n * size, *y = a.y + n * size;
    repeat(a.center + n * a.c, a.c, length, rows.coefficient[0]);
    plane_totals<T, Term::kPair>({x, y, x, rows.coefficient[0]}, a.pixels, a.c, rows.sums[0], rows.sums[1]);
    for (int64_t k = 0; k < a.c; ++k) {
      a.sum_x[n * a.c + k] = static_cast<T>(rows.sums[0][k]);
      a.sum_xy[n * a.c + k] = static_cast<T>(rows.sums[1][k]);
    }
  }
}

template <class T>
void plane_affine(const PlaneAffineArgs<T>& a) {
  const int64_t length = period<T>(a.c), size = a.pixels * a.c;
  const Rows<T> rows(a.scratch, length);
  const T* const values[4] = {a.b, a.center, a.offset, a.a};
  for (int64_t n = a.begin; n < a.end; ++n) {
    for (int i = 0; i < 4; ++i) repeat(values[i] + n * a.c, a.c, length, rows.coefficient[i]);
    const T *x = a.x + n * size, *y = a.y + n * size;
    affine_plane<T, false>({x, y, x, nullptr}, rows.coefficient, size, length, a.out + n * size);
  }
}

}  // namespace

int64_t plane_scratch_bytes(int64_t c, int64_t element_size) {
  return element_size == 4 ? Rows<float>::bytes(c) : Rows<double>::bytes(c);
}
void plane_sums_f32(const PlaneSumsArgs<float>& args) { plane_sums(args); }
void plane_sums_f64(const PlaneSumsArgs<double>& args) { plane_sums(args); }
void plane_affine_f32(const PlaneAffineArgs<float>& args) { plane_affine(args); }
void plane_affine_f64(const PlaneAffineArgs<double>& args) { plane_affine(args); }

}  // namespace stein::kernels::STEIN_UNIT
