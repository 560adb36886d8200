// SPDX-License-Identifier: MIT
// Direct convolution, forward and input gradient: conv_geometry.h says how the work is cut.
//
// Where the destination has few channels, the lanes run over the source's channels, and a sum over lanes ends it.
#include "ops/detail/conv_geometry.h"
#include "ops/detail/conv_tile.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

// Q destination channels; the packed filter is [block][tap][Q][B]. Zeros pad the last block of scratch and filter.
template <class T, int P, int Q>
void sum_tile(const Tile<T>& a) {
  constexpr int W = kLanes<T>;
  constexpr int B = 64 / static_cast<int>(sizeof(T));
  Vec<T> acc[P][Q];
  STEIN_UNROLL
  for (int p = 0; p < P; ++p) STEIN_UNROLL
  for (int q = 0; q < Q; ++q) acc[p][q] = Vec<T>{};
  const T* w = a.filter;
  for (int64_t b = 0; b < a.blocks; ++b) {
    const T* base = a.src + b * a.block_step;
    for (int64_t t = 0; t < a.ntaps; ++t, w += Q * B) {
      const T* x = base + a.taps[t];
      for (int j = 0; j < B; j += W) {
        STEIN_UNROLL
        for (int p = 0; p < P; ++p) {
          const Vec<T> xv = load(x + p * B + j);
          STEIN_UNROLL
          for (int q = 0; q < Q; ++q) acc[p][q] += xv * *reinterpret_cast<const Vec<T>*>(w + q * B + j);
        }
      }
    }
  }
  alignas(64) T lane[P][Q][W];
  STEIN_UNROLL
  for (int p = 0; p < P; ++p) STEIN_UNROLL
  for (int q = 0; q < Q; ++q) *reinterpret_cast<Vec<T>*>(lane[p][q]) = acc[p][q];
  T* dst = a.dst;
  for (int p = 0; p < P && p < a.pixels; ++p, dst += a.dst_step) {
    for (int q = 0; q < Q; ++q) {
      T* l = lane[p][q];
      for (int half = W / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) l[i] += l[i + half];
      dst[q] = a.bias != nullptr ? l[0] + a.bias[q] : l[0];
    }
  }
}

constexpr int kMaxSum = 4;  // destination channels of one sum_tile
constexpr int kSumPixels[kMaxSum + 1] = {0, 8, kRegisters == 32 ? 8 : 4, kRegisters == 32 ? 6 : 3,
                                         kRegisters == 32 ? 5 : 2};
template <class T>
constexpr TileFn<T> kSumTiles[kMaxSum + 1] = {nullptr, sum_tile<T, kSumPixels[1], 1>, sum_tile<T, kSumPixels[2], 2>,
                                              sum_tile<T, kSumPixels[3], 3>, sum_tile<T, kSumPixels[4], 4>};

/// Elements of the packed filter of one tap, one group.
template <class T>
int64_t packed_per_tap(const ConvGeometry& q) {
  return lanes_over_source<T>(q) ? q.dst_cg * q.blocks * q.block : padded_lanes<T>(q.dst_cg) * q.src_cg;
}

/// One grid of one band of one group.
template <class T>
void run_grid(const ConvGeometry& q, const Cover& cover, const ConvGrid& grid, Tile<T> tile, const T* filter,
              const T* bias, T* image) {
  const T* scratch = tile.src;
  tile.ntaps = grid.taps;
  tile.dst_step = q.grid_w * q.dst_c;
  const bool sums = lanes_over_source<T>(q);
  const int64_t span = sums ? kMaxSum : 2 * kLanes<T>;
  const int64_t tap_elements = grid.taps * (sums ? q.blocks * q.block : q.src_cg);
  // One filter panel is read for each tile: it stays in the first-level cache when small enough to be the inner loop's constant.
  const bool panel_outer = tap_elements * span * static_cast<int64_t>(sizeof(T)) <= 32 * 1024;
  const int64_t panels = ceil_div(q.dst_cg, span);
  const auto row_of = [&](int64_t i, int64_t panel) {
    const int64_t c = panel * span;
    const int64_t lanes = min_of(span, q.dst_cg - c);
    const int vectors = lanes > kLanes<T> ? 2 : 1;
    tile.filter = filter + c * tap_elements;
    tile.bias = bias == nullptr ? nullptr : bias + c;
    tile.lanes = lanes;
    T* dst_row = image + (grid.row0 + i * q.grid_h) * q.dst_w * q.dst_c + c;
    const T* src_row = scratch + i * grid.src_row_step;
    for (int64_t j = 0; j < grid.cols;) {
      const int64_t left = grid.cols - j;
      const int pick = cover.choice[vectors - 1][left > kCover ? kCover : left];
      const int64_t width = sums ? kSumPixels[lanes] : kTileWidth[vectors - 1][pick];
      tile.src = src_row + j * q.block;
      tile.dst = dst_row + (grid.col0 + j * q.grid_w) * q.dst_c;
      tile.pixels = min_of(width, left);
      if (sums) {
        kSumTiles<T>[lanes](tile);
      } else {
        lane_tiles<T>(q.block)[vectors - 1][pick](tile);
      }
      j += width;
    }
  };
  for (int64_t outer = 0; outer < (panel_outer ? panels : grid.rows); ++outer)
    for (int64_t inner = 0; inner < (panel_outer ? grid.rows : panels); ++inner)
      row_of(panel_outer ? inner : outer, panel_outer ? outer : inner);
}

template <class T>
void plan(const ConvShape& s, ConvPass pass, ConvPlan& out) {
  const ConvGeometry q = conv_geometry<T>(s, pass);
  out.items = conv_items(q);
  out.pack_items = 1;
  out.packed_bytes = round_up(s.groups * s.kh * s.kw * packed_per_tap<T>(q) * static_cast<int64_t>(sizeof(T)), 64);
  out.scratch_bytes = round_up(q.scratch_elements * static_cast<int64_t>(sizeof(T)) + s.kh * s.kw * 8, 64);
}

// Packed order: grid, group, panel, block, tap, then [channel of the block][lanes] or, for sum tiles, [panel's channels][B].
template <class T>
void pack(const ConvPackArgs<T>& a) {
  const ConvGeometry q = conv_geometry<T>(a.shape, a.pass);
  const int64_t stride_dst = q.input ? a.stride_c : a.stride_o, stride_src = q.input ? a.stride_o : a.stride_c;
  const bool sums = lanes_over_source<T>(q);
  const int64_t span = sums ? kMaxSum : 2 * kLanes<T>;
  T* to = static_cast<T*>(a.packed);
  for (int64_t grid = 0; grid < q.grid_h * q.grid_w; ++grid) {
    for (int64_t group = 0; group < a.shape.groups; ++group) {
      const T* w = a.filter + group * (a.shape.o / a.shape.groups) * a.stride_o;
      for (int64_t c0 = 0; c0 < q.dst_cg; c0 += span) {
        const int64_t nc = min_of(span, q.dst_cg - c0);
        const int64_t lanes = sums ? nc : padded_lanes<T>(nc);
        for (int64_t b = 0; b < q.blocks; ++b) {
          const int64_t nb = min_of(q.block, q.src_cg - b * q.block);
          for (int64_t ky = 0; ky < a.shape.kh; ++ky) {
            for (int64_t kx = 0; kx < a.shape.kw; ++kx) {
              if (!tap_reaches(q, grid / q.grid_w, grid % q.grid_w, ky, kx)) continue;
              const T* tap = w + b * q.block * stride_src + c0 * stride_dst + ky * a.stride_kh + kx * a.stride_kw;
              if (sums) {
                for (int64_t c = 0; c < lanes; ++c)
                  for (int64_t k = 0; k < q.block; ++k) *to++ = k < nb ? tap[k * stride_src + c * stride_dst] : T(0);
              } else {
                for (int64_t k = 0; k < nb; ++k)
                  for (int64_t c = 0; c < lanes; ++c) *to++ = c < nc ? tap[k * stride_src + c * stride_dst] : T(0);
              }
            }
          }
        }
      }
    }
  }
}

template <class T>
void run(const ConvRunArgs<T>& a) {
  const ConvGeometry q = conv_geometry<T>(a.shape, a.pass);
  const Cover cover;
  T* scratch = static_cast<T*>(a.scratch);
  int64_t* taps = reinterpret_cast<int64_t*>(scratch + q.scratch_elements);
  Tile<T> tile{};
  tile.src = scratch;
  tile.taps = taps;
  tile.blocks = q.blocks;
  tile.block_step = block_step(q);
  tile.last_block = q.src_cg - (q.blocks - 1) * q.block;
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t n = item / q.bands, h0 = item % q.bands * q.band, h1 = min_of(q.dst_h, h0 + q.band);
    T* image = a.dst + n * q.dst_h * q.dst_w * q.dst_c;
    for (int64_t group = 0; group < a.shape.groups; ++group) {
      fill_scratch(q, a.src + n * q.src_h * q.src_w * q.src_c, h0, group * q.src_cg, scratch);
      const T* bias = a.bias == nullptr ? nullptr : a.bias + group * q.dst_cg;
      int64_t taps_before = 0;
      for (int64_t g = 0; g < q.grid_h * q.grid_w; ++g) {
        const ConvGrid grid = conv_grid(q, g / q.grid_w, g % q.grid_w, h0, h1, taps);
        const T* filter =
            static_cast<const T*>(a.packed) + (taps_before * a.shape.groups + group * grid.taps) * packed_per_tap<T>(q);
        run_grid(q, cover, grid, tile, filter, bias, image + group * q.dst_cg);
        taps_before += grid.taps;
      }
    }
  }
}

}  // namespace

void conv_plan_f32(const ConvShape& shape, ConvPass pass, ConvPlan& out) { plan<float>(shape, pass, out); }
void conv_plan_f64(const ConvShape& shape, ConvPass pass, ConvPlan& out) { plan<double>(shape, pass, out); }
void conv_pack_f32(const ConvPackArgs<float>& args) { pack(args); }
void conv_pack_f64(const ConvPackArgs<double>& args) { pack(args); }
void conv_run_f32(const ConvRunArgs<float>& args) { run(args); }
void conv_run_f64(const ConvRunArgs<double>& args) { run(args); }

}  // namespace stein::kernels::STEIN_UNIT
