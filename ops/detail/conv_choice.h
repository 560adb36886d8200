// SPDX-License-Identifier: MIT
// Which algorithm a convolution in f32 takes. For the host side only.
#pragma once

#include "ops/detail/conv_kernels.h"

namespace stein::kernels {

/// Products of all tiles along an axis: one for each result and two more for each tile of at most four (winograd_tiles.h).
inline int64_t winograd_points(int64_t results, int64_t dilation) {
  const int64_t size = results / dilation, longer = results % dilation;
  return results + 2 * (longer * ((size + 4) / 4) + (dilation - longer) * ((size + 3) / 4));
}

/// Whether winograd is the faster one, by the work of both in multiply-adds of a vector's lane: products, and for winograd the
/// transforms of tiles and of the filter. Their weights were measured with `stein bench conv` (AVX-512, 16 to 128 channels):
/// kTile for each channel and point of a tile, bound by the caches, kFilter for each pair of channels and point.
inline bool winograd_pays(const ConvShape& s) {
  constexpr double kTile = 16, kFilter = 32;
  if (!winograd_applies(s)) return false;
  const auto whole = [](int64_t channels) { return static_cast<double>((channels + 15) / 16 * 16); };
  const auto c = static_cast<double>(s.c), o = static_cast<double>(s.o), n = static_cast<double>(s.n);
  const double lanes = s.o <= 8 ? whole(s.c) * o : c * whole(s.o);  // the direct kernels run them over the longer side
  const double direct = 9 * n * static_cast<double>(s.ho * s.wo) * lanes;
  const double points =
      n * static_cast<double>(winograd_points(s.ho, s.dilation_h) * winograd_points(s.wo, s.dilation_w));
  return points * (c * whole(s.o) + kTile * (whole(s.c) + whole(s.o))) + 36 * kFilter * c * whole(s.o) < direct;
}

}  // namespace stein::kernels
