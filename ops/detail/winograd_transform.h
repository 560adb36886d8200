// SPDX-License-Identifier: MIT
// Winograd's F(4x4, 3x3) and how its work is cut; included by the winograd units only (see kernel_vec.h on the namespace).
//
// 4x4 results of a 3x3 correlation from 6x6 sources with 36 products instead of 144 (Lavin and Gray, arXiv 1509.09308):
//     y = A^T [ (G w G^T) .* (B^T d B) ] A
// at the points 0, +-a, +-b, infinity. With a = sqrt(1/2), b = sqrt(2) the matrices are balanced: the error in f32 is about twice
// that of the direct sum, against four times at the usual 1 and 2. Gradients are the transposes: that of the filter is
//     gw = G^T [ sum over tiles (B^T d B) .* (A g A^T) ] G .
// A dilated convolution is dilation^2 undilated ones on sub-grids; a tile then takes every dilation-th pixel.
#pragma once

#include "ops/detail/conv_kernels.h"
#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {

inline constexpr double kPointA = 0.70710678118654752440, kPointB = 1.41421356237309504880;

/// One line of B^T d.
template <class T>
STEIN_INLINE void winograd_source(const Vec<T>* d, int64_t step, Vec<T>* t, int64_t to) {
  const Vec<T> e1 = d[4 * step] - T(2) * d[2 * step], o1 = d[3 * step] - T(2) * d[step];
  const Vec<T> e2 = d[4 * step] - T(0.5) * d[2 * step], o2 = d[3 * step] - T(0.5) * d[step];
  t[0] = d[0] - T(2.5) * d[2 * step] + d[4 * step];
  t[to] = e1 + T(kPointA) * o1;
  t[2 * to] = e1 - T(kPointA) * o1;
  t[3 * to] = e2 + T(kPointB) * o2;
  t[4 * to] = e2 - T(kPointB) * o2;
  t[5 * to] = d[5 * step] - T(2.5) * d[3 * step] + d[step];
}

/// One line of A^T m.
template <class T>
STEIN_INLINE void winograd_result(const Vec<T>* m, int64_t step, Vec<T>* y, int64_t to) {
  const Vec<T> s1 = m[step] + m[2 * step], d1 = m[step] - m[2 * step];
  const Vec<T> s2 = m[3 * step] + m[4 * step], d2 = m[3 * step] - m[4 * step];
  y[0] = m[0] + s1 + s2;
  y[to] = T(kPointA) * d1 + T(kPointB) * d2;
  y[2 * to] = T(0.5) * s1 + T(2) * s2;
  y[3 * to] = T(kPointA / 2) * d1 + T(2 * kPointB) * d2 + m[5 * step];
}

/// One line of G w.
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

/// One line of A y, the transpose of winograd_result.
template <class T>
STEIN_INLINE void winograd_result_adjoint(const Vec<T>* y, int64_t step, Vec<T>* m, int64_t to) {
  const Vec<T> e1 = y[0] + T(0.5) * y[2 * step], o1 = T(kPointA) * y[step] + T(kPointA / 2) * y[3 * step];
  const Vec<T> e2 = y[0] + T(2) * y[2 * step], o2 = T(kPointB) * y[step] + T(2 * kPointB) * y[3 * step];
  m[0] = y[0];
  m[to] = e1 + o1;
  m[2 * to] = e1 - o1;
  m[3 * to] = e2 + o2;
  m[4 * to] = e2 - o2;
  m[5 * to] = y[3 * step];
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

/// Tiles along an axis: for each of `dilation` sub-grids, the least that cover it.
struct TileAxis {
  int64_t dilation, longer, per_longer, per_other, count;

  STEIN_INLINE TileAxis(int64_t size, int64_t step) : dilation(step), longer(size % step) {
    per_longer = ceil_div(size / step + 1, 4);
    per_other = ceil_div(size / step, 4);
    count = longer * per_longer + (step - longer) * per_other;
  }
  /// The first result position of tile i; the others follow in steps of the dilation.
  STEIN_INLINE int64_t origin(int64_t i) const {
    const bool in_longer = i < longer * per_longer;
    const int64_t j = in_longer ? i : i - longer * per_longer, per = in_longer ? per_longer : per_other;
    return (in_longer ? 0 : longer) + j / per + 4 * dilation * (j % per);
  }
};

/// Transformed tiles lie in groups, as many as the widest micro-kernel takes:
///     sources [group][channel block][point][tile of the group][B],  products and cotangents [group][point][tile][lanes of a panel]
/// so that what one tile writes is near, and what a micro-kernel reads is one stretch.
inline constexpr int64_t kGroup = kRegisters == 32 ? 14 : 6;
template <class T>
inline constexpr int64_t kPanel = 2 * kLanes<T>;
template <class T>
inline constexpr int64_t kPanelGroup = 36 * kGroup* kPanel<T>;

/// Both passes are stride-1 correlations of src with a filter, of dst's size.
struct WinogradGeometry {
  int64_t n, src_h, src_w, src_c, dst_h, dst_w, dst_c, pad_h, pad_w;
  TileAxis rows, cols;
  int64_t tiles, block, items;  // tiles of all images; per item
  int64_t src_blocks;           // cache lines of channels
  int64_t src_group;            // elements of a group of tiles, transformed
};

template <class T>
STEIN_INLINE WinogradGeometry winograd_geometry(const ConvShape& s, ConvPass pass, int64_t budget = 450 * 1024) {
  constexpr int64_t B = 64 / static_cast<int64_t>(sizeof(T));
  const bool input = pass == ConvPass::kInput;
  const int64_t dst_h = input ? s.h : s.ho, dst_w = input ? s.w : s.wo;
  WinogradGeometry q{s.n,
                     input ? s.ho : s.h,
                     input ? s.wo : s.w,
                     input ? s.o : s.c,
                     dst_h,
                     dst_w,
                     input ? s.c : s.o,
                     input ? 2 * s.dilation_h - s.pad_h : s.pad_h,
                     input ? 2 * s.dilation_w - s.pad_w : s.pad_w,
                     TileAxis(dst_h, s.dilation_h),
                     TileAxis(dst_w, s.dilation_w),
                     0,
                     0,
                     0,
                     0,
                     0};
  q.tiles = q.n * q.rows.count * q.cols.count;
  q.src_blocks = ceil_div(q.src_c, B);
  // The transformed block (budget bytes) should stay in a second-level cache, beside a panel of the filter.
  q.src_group = q.src_blocks * 36 * kGroup * B;
  const int64_t group_bytes = (q.src_group + kPanelGroup<T>)*static_cast<int64_t>(sizeof(T));
  const int64_t groups = min_of(budget / group_bytes, q.tiles / (8 * kGroup));
  q.block = kGroup * max_of<int64_t>(2, min_of<int64_t>(groups, 112 / kGroup));
  q.items = ceil_div(q.tiles, q.block);
  return q;
}

/// Where a tile is: first row and column of its 4x4 results, and the image.
struct TilePlace {
  int64_t n, h0, w0;
};

STEIN_INLINE TilePlace locate(const WinogradGeometry& q, int64_t tile) {
  const int64_t per_image = q.rows.count * q.cols.count, in_image = tile % per_image;
  return {tile / per_image, q.rows.origin(in_image / q.cols.count), q.cols.origin(in_image % q.cols.count)};
}

/// Pointers to NxN pixels of an image, to `outside` where there is none. True when all are inside.
template <int N, class P>
STEIN_INLINE bool pixel_pointers(P* image, int64_t h0, int64_t w0, int64_t step_h, int64_t step_w, int64_t height,
                                 int64_t width, int64_t c, P* outside, P** at) {
  if (h0 >= 0 && w0 >= 0 && h0 + (N - 1) * step_h < height && w0 + (N - 1) * step_w < width) {
    P* row = image + (h0 * width + w0) * c;
    for (int i = 0; i < N; ++i, row += step_h * width * c)
      for (int j = 0; j < N; ++j) at[i * N + j] = row + j * step_w * c;
    return true;
  }
  for (int i = 0; i < N; ++i) {
    const int64_t h = h0 + i * step_h;
    for (int j = 0; j < N; ++j) {
      const int64_t w = w0 + j * step_w;
      at[i * N + j] = h >= 0 && h < height && w >= 0 && w < width ? image + (h * width + w) * c : outside;
    }
  }
  return false;
}

/// Transforms all channels of a tile; zeros: src_c of them.
template <class T>
STEIN_INLINE void transform_source(const WinogradGeometry& q, const T* src, const TilePlace& p, const T* zeros, T* to) {
  constexpr int64_t B = 64 / static_cast<int64_t>(sizeof(T));
  const T* at[36];
  pixel_pointers<6>(src + p.n * q.src_h * q.src_w * q.src_c, p.h0 - q.pad_h, p.w0 - q.pad_w, q.rows.dilation,
                    q.cols.dilation, q.src_h, q.src_w, q.src_c, zeros, at);
  for (int64_t c = 0; c < q.src_c; c += kLanes<T>) {
    const int64_t lanes = q.src_c - c;
    Vec<T> d[36], t[36];
    if (lanes >= kLanes<T>) {
      STEIN_UNROLL
      for (int i = 0; i < 36; ++i) d[i] = load(at[i] + c);
    } else {
      for (int i = 0; i < 36; ++i) d[i] = load_n(at[i] + c, lanes);
    }
    STEIN_UNROLL
    for (int j = 0; j < 6; ++j) winograd_source<T>(d + j, 6, t + j, 6);
    T* out = to + c / B * 36 * kGroup * B + c % B;
    STEIN_UNROLL
    for (int i = 0; i < 6; ++i) {
      winograd_source<T>(t + 6 * i, 1, d, 1);
      STEIN_UNROLL
      for (int j = 0; j < 6; ++j) store(out + (6 * i + j) * kGroup * B, d[j]);
    }
  }
}

}  // namespace stein::kernels::STEIN_UNIT
