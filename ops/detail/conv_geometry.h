// SPDX-License-Identifier: MIT
// How the convolution kernels cut their work; included by the conv units only (see kernel_vec.h on the namespace).
//
// A work item is a band of destination rows of one image. The source rows it needs are copied, one group of channels at a
// time, into a zero-padded scratch
//     [channel block][row][column phase][column / phases][B channels]
// so that the micro-kernels know no borders, and neighbouring destination pixels always lie B elements apart, a compile-time
// constant: for a column stride s the columns are split into s phases. B is a cache line of channels, or 1 or 4 when there are
// no more. The input gradient at stride s writes s*s interleaved grids of pixels, each a stride-1 convolution with the taps
// that reach it.
#pragma once

#include "ops/detail/conv_kernels.h"
#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {

/// The side that is read ("src"), the side that is written ("dst") and how a pass pairs their rows and columns.
struct ConvGeometry {
  ConvShape s;
  bool input;  // input gradient
  int64_t src_h, src_w, src_c, dst_h, dst_w, dst_c;
  int64_t src_cg, dst_cg;          // channels per group
  int64_t block, blocks;           // B, and how many of them hold src_cg
  int64_t split;                   // column phases of the scratch
  int64_t grid_h, grid_w;          // interleaved grids of destination pixels
  int64_t lo_col, cols;            // first source column of the scratch; columns per phase
  int64_t band, bands, band_rows;  // destination rows per band; bands per image; most scratch rows of a band
  int64_t scratch_elements;        // without the tap table
};

/// What one band of one grid needs: destination pixel (row, col) = (row0 + i * grid_h, col0 + j * grid_w), read from scratch
/// at offset i * src_row_step + j * block + taps[t].
struct ConvGrid {
  int64_t row0, rows, col0, cols, src_row_step;
  int64_t taps;  // how many; their offsets go to the table
};

STEIN_INLINE int64_t first_at_least(int64_t lo, int64_t residue, int64_t step) {
  return residue + max_of<int64_t>(0, ceil_div(lo - residue, step)) * step;
}

inline constexpr int64_t kGuardPixels = 32;  // tiles read past the end of a row, never past this

template <class T>
STEIN_INLINE int64_t line_block() {
  return 64 / static_cast<int64_t>(sizeof(T));
}

template <class T>
STEIN_INLINE ConvGeometry conv_geometry(const ConvShape& s, ConvPass pass) {
  ConvGeometry q{};
  q.s = s;
  q.input = pass == ConvPass::kInput;
  q.src_h = q.input ? s.ho : s.h;
  q.src_w = q.input ? s.wo : s.w;
  q.src_c = q.input ? s.o : s.c;
  q.dst_h = q.input ? s.h : s.ho;
  q.dst_w = q.input ? s.w : s.wo;
  q.dst_c = q.input ? s.c : s.o;
  q.src_cg = q.src_c / s.groups;
  q.dst_cg = q.dst_c / s.groups;
  q.block = q.src_cg <= 1 ? 1 : q.src_cg <= 4 ? 4 : line_block<T>();
  q.blocks = ceil_div(q.src_cg, q.block);
  q.split = q.input ? 1 : s.stride_w;
  q.grid_h = q.input ? s.stride_h : 1;
  q.grid_w = q.input ? s.stride_w : 1;
  const int64_t reach_w = (s.kw - 1) * s.dilation_w, reach_h = (s.kh - 1) * s.dilation_h;
  if (q.input) {
    q.lo_col = floor_div(s.pad_w - reach_w, s.stride_w);
    q.cols = floor_div(q.dst_w - 1 + s.pad_w, s.stride_w) + 1 - q.lo_col;
  } else {
    q.lo_col = -s.pad_w;
    q.cols = ceil_div((q.dst_w - 1) * s.stride_w + reach_w + 1, s.stride_w);
  }
  const auto rows_of = [&](int64_t band) {
    return q.input ? (band - 1 + reach_h) / s.stride_h + 2 : (band - 1) * s.stride_h + reach_h + 1;
  };
  // A band's scratch should leave room in a second-level cache for filters; images of a small batch are cut for parallelism.
  const int64_t row_elements = q.blocks * q.split * q.cols * q.block;
  const int64_t budget = 384 * 1024 / static_cast<int64_t>(sizeof(T));
  q.band = max_of<int64_t>(q.dst_h, 1);
  while (q.band > 4 && rows_of(q.band) * row_elements > budget) q.band = ceil_div(q.band, 2);
  while (q.band > 4 && s.n * ceil_div(q.dst_h, q.band) < 8) q.band = ceil_div(q.band, 2);
  q.bands = ceil_div(q.dst_h, q.band);
  q.band_rows = rows_of(q.band);
  q.scratch_elements = round_up(q.band_rows * row_elements + kGuardPixels * q.block, line_block<T>());
  return q;
}

STEIN_INLINE int64_t conv_items(const ConvGeometry& q) { return q.dst_w == 0 ? 0 : q.s.n * q.bands; }

STEIN_INLINE int64_t scratch_offset(const ConvGeometry& q, int64_t row, int64_t phase, int64_t col) {
  return ((row * q.split + phase) * q.cols + col) * q.block;
}
STEIN_INLINE int64_t block_step(const ConvGeometry& q) { return q.band_rows * q.split * q.cols * q.block; }

STEIN_INLINE int64_t band_lo_row(const ConvGeometry& q, int64_t h0) {
  const ConvShape& s = q.s;
  return q.input ? floor_div(h0 + s.pad_h - (s.kh - 1) * s.dilation_h, s.stride_h) : h0 * s.stride_h - s.pad_h;
}

/// Whether tap (ky, kx) reaches the grid (gy, gx): always so in a forward pass.
STEIN_INLINE bool tap_reaches(const ConvGeometry& q, int64_t gy, int64_t gx, int64_t ky, int64_t kx) {
  const ConvShape& s = q.s;
  return !q.input ||
         ((gy + s.pad_h - ky * s.dilation_h) % s.stride_h == 0 && (gx + s.pad_w - kx * s.dilation_w) % s.stride_w == 0);
}

STEIN_INLINE ConvGrid conv_grid(const ConvGeometry& q, int64_t gy, int64_t gx, int64_t h0, int64_t h1,
                                int64_t* offsets) {
  const ConvShape& s = q.s;
  ConvGrid r{};
  r.row0 = first_at_least(h0, gy, q.grid_h);
  r.rows = max_of<int64_t>(0, ceil_div(h1 - r.row0, q.grid_h));
  r.col0 = gx;
  r.cols = max_of<int64_t>(0, ceil_div(q.dst_w - gx, q.grid_w));
  r.src_row_step = scratch_offset(q, q.input ? 1 : s.stride_h, 0, 0);
  const int64_t lo = band_lo_row(q, h0);
  for (int64_t ky = 0; ky < s.kh; ++ky) {
    for (int64_t kx = 0; kx < s.kw; ++kx) {
      if (!tap_reaches(q, gy, gx, ky, kx)) continue;
      const int64_t row = q.input ? (r.row0 + s.pad_h - ky * s.dilation_h) / s.stride_h - lo : ky * s.dilation_h;
      const int64_t col = q.input ? (gx + s.pad_w - kx * s.dilation_w) / s.stride_w - q.lo_col : kx * s.dilation_w;
      offsets[r.taps++] = scratch_offset(q, row, col % q.split, col / q.split);
    }
  }
  return r;
}

/// Copies the source rows of the band that starts at destination row h0, channels [c0, c0 + src_cg), with zeros around.
template <class T, int B>
STEIN_INLINE void fill_rows(const ConvGeometry& q, const T* image, int64_t h0, int64_t c0, T* scratch) {
  const int64_t lo = band_lo_row(q, h0);
  for (int64_t b = 0; b < q.blocks; ++b) {
    const int64_t nb = min_of<int64_t>(B, q.src_cg - b * B);
    for (int64_t r = 0; r < q.band_rows; ++r) {
      T* row = scratch + b * block_step(q) + scratch_offset(q, r, 0, 0);
      const int64_t src_row = lo + r;
      if (src_row < 0 || src_row >= q.src_h) {
        __builtin_memset(row, 0, static_cast<size_t>(q.split * q.cols * B) * sizeof(T));
        continue;
      }
      for (int64_t phase = 0; phase < q.split; ++phase, row += q.cols * B) {
        const int64_t first = q.lo_col + phase;  // source column of scratch column 0
        const int64_t j0 = min_of(q.cols, max_of<int64_t>(0, ceil_div(-first, q.split)));
        const int64_t j1 = max_of(j0, min_of(q.cols, ceil_div(q.src_w - first, q.split)));
        __builtin_memset(row, 0, static_cast<size_t>(j0 * B) * sizeof(T));
        __builtin_memset(row + j1 * B, 0, static_cast<size_t>((q.cols - j1) * B) * sizeof(T));
        const T* from = image + (src_row * q.src_w + first + j0 * q.split) * q.src_c + c0 + b * B;
        const int64_t step = q.split * q.src_c;
        T* to = row + j0 * B;
        if (nb == B) {
          for (int64_t j = j0; j < j1; ++j, to += B, from += step) __builtin_memcpy(to, from, B * sizeof(T));
        } else {
          for (int64_t j = j0; j < j1; ++j, to += B, from += step)
            for (int64_t c = 0; c < B; ++c) to[c] = c < nb ? from[c] : T(0);
        }
      }
    }
  }
}

template <class T>
STEIN_INLINE void fill_scratch(const ConvGeometry& q, const T* image, int64_t h0, int64_t c0, T* scratch) {
  if (q.block == 1) {
    fill_rows<T, 1>(q, image, h0, c0, scratch);
  } else if (q.block == 4) {
    fill_rows<T, 4>(q, image, h0, c0, scratch);
  } else {
    fill_rows<T, 64 / static_cast<int>(sizeof(T))>(q, image, h0, c0, scratch);
  }
  const int64_t used = q.blocks * block_step(q);
  __builtin_memset(scratch + used, 0, static_cast<size_t>(q.scratch_elements - used) * sizeof(T));
}

template <class T>
STEIN_INLINE int64_t padded_lanes(int64_t channels) {
  return round_up(channels, kLanes<T>);
}

/// Few destination channels leave most lanes of a vector idle; then the lanes run over the source's channels instead.
template <class T>
STEIN_INLINE bool lanes_over_source(const ConvGeometry& q) {
  return q.block == line_block<T>() && 2 * q.dst_cg <= kLanes<T>;
}

}  // namespace stein::kernels::STEIN_UNIT
