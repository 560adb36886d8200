// SPDX-License-Identifier: MIT
// The micro-kernels of the direct convolutions and of filter gradients; included by the conv units only (see kernel_vec.h on the
// namespace). A tile is a few pixels here, of a few vectors of channels.
//
// P pixels x V vectors of destination channels stay in registers while the loop runs over the source's channels and the taps;
// each step loads V filter vectors, packed in exactly this order, and multiplies them with P broadcast pixels.
#pragma once

#include <cstdint>

#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {

template <class T>
struct Tile {
  const T* src;         // scratch at the first pixel of the tile
  const int64_t* taps;  // offsets from src
  int64_t ntaps;
  int64_t blocks, block_step, last_block;  // channel blocks of the source, their distance, channels in the last
  const T* filter;                         // packed
  const T* bias;                           // null, or at the first channel of the tile
  T* dst;
  int64_t dst_step;       // between neighbouring pixels
  int64_t pixels, lanes;  // how many of P and of V * kLanes are wanted
};

/// Adds P values, kStep apart, times V vectors. The arrays must vanish into registers.
template <int kStep, class T, int P, int V>
STEIN_INLINE void multiply_add(const T* x, const T* w, Vec<T> (&acc)[P][V]) {
  Vec<T> f[V];
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) f[v] = *reinterpret_cast<const Vec<T>*>(w + v * kLanes<T>);
  STEIN_UNROLL
  for (int p = 0; p < P; ++p) STEIN_UNROLL
  for (int v = 0; v < V; ++v) acc[p][v] += x[p * kStep] * f[v];
}

template <class T, int P, int V, int B>
void lane_tile(const Tile<T>& a) {
  constexpr int W = kLanes<T>;
  Vec<T> acc[P][V];
  STEIN_UNROLL
  for (int p = 0; p < P; ++p) STEIN_UNROLL
  for (int v = 0; v < V; ++v) acc[p][v] = Vec<T>{};
  const T* w = a.filter;
  for (int64_t b = 0; b < a.blocks; ++b) {
    const int64_t nb = B == 1 ? 1 : b + 1 == a.blocks ? a.last_block : B;
    const T* base = a.src + b * a.block_step;
    for (int64_t t = 0; t < a.ntaps; ++t) {
      const T* x = base + a.taps[t];
      for (const T* end = x + nb; x != end; ++x, w += V * W) multiply_add<B>(x, w, acc);
    }
  }
  if (a.bias != nullptr) {
    Vec<T> f[V];
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) f[v] = load_n(a.bias + v * W, min_of<int64_t>(W, max_of<int64_t>(0, a.lanes - v * W)));
    STEIN_UNROLL
    for (int p = 0; p < P; ++p) STEIN_UNROLL
    for (int v = 0; v < V; ++v) acc[p][v] += f[v];
  }
  T* dst = a.dst;
  const bool full = a.lanes == V * W;
  STEIN_UNROLL
  for (int p = 0; p < P; ++p, dst += a.dst_step) {
    if (p >= a.pixels) return;
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) {
      if (full || a.lanes >= (v + 1) * W) {
        store(dst + v * W, acc[p][v]);
      } else if (a.lanes > v * W) {
        store_n(dst + v * W, acc[p][v], a.lanes - v * W);
      }
    }
  }
}

template <class T>
using TileFn = void (*)(const Tile<T>&);

// Tile widths, widest first; the last is 1 so that any width can be covered.
inline constexpr int kSizes = 5;
inline constexpr int kWide[2][kSizes] = {{14, 10, 8, 4, 1}, {14, 10, 8, 4, 1}};  // by vectors - 1
inline constexpr int kNarrow[2][kSizes] = {{12, 8, 6, 4, 1}, {6, 5, 4, 2, 1}};   // for sixteen registers
inline constexpr const int (&kTileWidth)[2][kSizes] = kRegisters == 32 ? kWide : kNarrow;

template <class T, int B>
struct LaneTiles {
  static constexpr int W1[kSizes] = {kTileWidth[0][0], kTileWidth[0][1], kTileWidth[0][2], kTileWidth[0][3], 1};
  static constexpr int W2[kSizes] = {kTileWidth[1][0], kTileWidth[1][1], kTileWidth[1][2], kTileWidth[1][3], 1};
  static constexpr TileFn<T> fn[2][kSizes] = {
      {lane_tile<T, W1[0], 1, B>, lane_tile<T, W1[1], 1, B>, lane_tile<T, W1[2], 1, B>, lane_tile<T, W1[3], 1, B>,
       lane_tile<T, 1, 1, B>},
      {lane_tile<T, W2[0], 2, B>, lane_tile<T, W2[1], 2, B>, lane_tile<T, W2[2], 2, B>, lane_tile<T, W2[3], 2, B>,
       lane_tile<T, 1, 2, B>}};
};

/// The cheapest sequence of tiles that covers a row: choice[n] is the first tile for n pixels, n <= kCover.
inline constexpr int64_t kCover = 42;
struct Cover {
  int8_t choice[2][kCover + 1];
  Cover() {
    for (int v = 0; v < 2; ++v) {
      int cost[kCover + 1] = {};
      for (int n = 1; n <= kCover; ++n) {
        for (int i = 0; i < kSizes; ++i) {
          const int p = kTileWidth[v][i];
          const int c = (p + 1) * (v + 1) + 1 + (p >= n ? 0 : cost[n - p]);  // fma's, and something for the loads
          if (i == 0 || c < cost[n]) {
            cost[n] = c;
            choice[v][n] = static_cast<int8_t>(i);
          }
        }
      }
    }
  }
};

template <class T>
const TileFn<T> (&lane_tiles(int64_t block))[2][kSizes] {
  if (block == 1) return LaneTiles<T, 1>::fn;
  if (block == 4) return LaneTiles<T, 4>::fn;
  return LaneTiles<T, 64 / static_cast<int>(sizeof(T))>::fn;
}

// Filter gradient: pixels of x and of the packed g, whose channels are multiplied in pairs and summed.
struct Strip {
  int64_t rows, cols;  // pixels
  int64_t x_row_step;  // elements between rows of x
  int64_t g_row_gap;   // elements between the end of a row of g and the next
  bool add;            // to the sums, rather than be the first
};

// The rows are neighbouring channels of one tap; the first `rows` of R are wanted.
template <class T, int R, int V>
void channel_tile(const T* x, const T* g, const Strip& s, T* sum, int64_t rows) {
  constexpr int W = kLanes<T>;
  constexpr int B = 64 / static_cast<int>(sizeof(T));
  Vec<T> acc[R][V];
  STEIN_UNROLL
  for (int r = 0; r < R; ++r) STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    acc[r][v] = Vec<T>{};
    __builtin_prefetch(sum + (r * V + v) * W, 1);
  }
  for (int64_t i = 0; i < s.rows; ++i, x += s.x_row_step, g += s.g_row_gap) {
    const T* xp = x;
    for (const T* end = xp + s.cols * B; xp != end; xp += B, g += V * W) multiply_add<1>(xp, g, acc);
  }
  STEIN_UNROLL
  for (int r = 0; r < R; ++r) {
    if (r >= rows) return;
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) {
      Vec<T>* to = reinterpret_cast<Vec<T>*>(sum + (r * V + v) * W);
      *to = s.add ? *to + acc[r][v] : acc[r][v];
    }
  }
}

/// channel_tile over all of `channels` (at most one block) neighbouring channels; lanes are 1 or 2 vectors.
template <class T>
STEIN_INLINE void channel_tiles(const T* x, const T* g, const Strip& s, int64_t channels, int64_t lanes, T* sum) {
  constexpr int R = kRegisters == 32 ? 8 : 4, B = 64 / static_cast<int>(sizeof(T));
  constexpr int R1 = 2 * R <= B ? 2 * R : R;
  for (int64_t c = 0; c < channels;) {
    if (lanes > kLanes<T>) {
      channel_tile<T, R, 2>(x + c, g, s, sum + c * lanes, channels - c);
      c += R;
    } else if (channels - c > R) {
      channel_tile<T, R1, 1>(x + c, g, s, sum + c * lanes, channels - c);
      c += R1;
    } else {
      channel_tile<T, R, 1>(x + c, g, s, sum + c * lanes, channels - c);
      c += R;
    }
  }
}

}  // namespace stein::kernels::STEIN_UNIT
