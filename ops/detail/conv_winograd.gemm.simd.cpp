// SPDX-License-Identifier: MIT
// Winograd convolution, forward and input gradient: winograd_transform.h has the transforms. An item is a block of 4x4 tiles: their
// sources are transformed, multiplied with each panel of the transformed filter at each of the 36 points, and transformed back.
#include "ops/detail/conv_tile.h"
#include "ops/detail/winograd_transform.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

template <class T>
void plan(const ConvShape& s, ConvPass pass, ConvPlan& out) {
  const WinogradGeometry q = winograd_geometry<T>(s, pass);
  const int64_t size = static_cast<int64_t>(sizeof(T));
  out.items = q.items;
  out.packed_bytes = round_up(36 * q.src_c * round_up(q.dst_c, kLanes<T>) * size, 64);
  out.scratch_bytes = round_up(q.block / kGroup * (q.src_group + kPanelGroup<T>)*size + q.src_blocks * 64 +
                                   q.block * static_cast<int64_t>(sizeof(TilePlace)),
                               64);
}

// Packed order: panel of lanes, point, source channel, lane.
template <class T>
void pack(const ConvPackArgs<T>& a) {
  constexpr int W = kLanes<T>;
  const bool input = a.pass == ConvPass::kInput;
  const int64_t src_c = input ? a.shape.o : a.shape.c, dst_c = input ? a.shape.c : a.shape.o;
  const int64_t stride_dst = input ? a.stride_c : a.stride_o, stride_src = input ? a.stride_o : a.stride_c;
  T* to = static_cast<T*>(a.packed);
  for (int64_t c0 = 0; c0 < dst_c; c0 += kPanel<T>) {
    const int64_t lanes = round_up(min_of(kPanel<T>, dst_c - c0), W);
    for (int64_t k = 0; k < src_c; ++k) {
      for (int64_t v = 0; v < lanes; v += W) {
        alignas(64) T w[9][W];
        for (int t = 0; t < 9; ++t) {
          const int tap = input ? 8 - t : t;  // the input gradient correlates with the reversed filter
          const T* from =
              a.filter + k * stride_src + (c0 + v) * stride_dst + tap / 3 * a.stride_kh + tap % 3 * a.stride_kw;
          for (int l = 0; l < W; ++l) w[t][l] = c0 + v + l < dst_c ? from[l * stride_dst] : T(0);
        }
        Vec<T> d[9], t[18], u[36];
        for (int i = 0; i < 9; ++i) d[i] = *reinterpret_cast<const Vec<T>*>(w[i]);
        for (int j = 0; j < 3; ++j) winograd_filter<T>(d + j, 3, t + j, 3);
        for (int i = 0; i < 6; ++i) winograd_filter<T>(t + 3 * i, 1, u + 6 * i, 1);
        for (int i = 0; i < 36; ++i) store(to + (i * src_c + k) * lanes + v, u[i]);
      }
    }
    to += 36 * src_c * lanes;
  }
}

/// From the 36 products of a vector of channels, 4x4 results; those outside the image go nowhere.
template <class T>
void transform_result(const WinogradGeometry& q, const T* products, int64_t panel_lanes, int64_t c, const T* bias,
                      T* const* at, bool whole) {
  const int64_t lanes = min_of<int64_t>(kLanes<T>, q.dst_c - c);
  Vec<T> t[24], y[16];
  STEIN_UNROLL
  for (int j = 0; j < 6; ++j) {
    Vec<T> m[6];
    STEIN_UNROLL
    for (int i = 0; i < 6; ++i) m[i] = load(products + (6 * i + j) * kGroup * panel_lanes);
    winograd_result<T>(m, 1, t + j, 6);
  }
  STEIN_UNROLL
  for (int i = 0; i < 4; ++i) winograd_result<T>(t + 6 * i, 1, y + 4 * i, 1);
  if (bias != nullptr) {
    const Vec<T> b = load_n(bias + c, lanes);
    STEIN_UNROLL
    for (int i = 0; i < 16; ++i) y[i] += b;
  }
  if (whole && lanes == kLanes<T>) {
    STEIN_UNROLL
    for (int i = 0; i < 16; ++i) store(at[i] + c, y[i]);
    return;
  }
  STEIN_UNROLL
  for (int i = 0; i < 16; ++i) {
    if (at[i] == nullptr) continue;
    lanes == kLanes<T> ? store(at[i] + c, y[i]) : store_n(at[i] + c, y[i], lanes);
  }
}

/// The narrowest micro-kernel for so many tiles of a group.
template <class T>
TileFn<T> group_tile(int vectors, int64_t tiles) {
  int i = kSizes - 1;
  while (kTileWidth[vectors - 1][i] < tiles) --i;
  return lane_tiles<T>(64 / static_cast<int64_t>(sizeof(T)))[vectors - 1][i];
}

template <class T>
void run(const ConvRunArgs<T>& a) {
  constexpr int64_t B = 64 / static_cast<int64_t>(sizeof(T));
  const WinogradGeometry q = winograd_geometry<T>(a.shape, a.pass);
  T* sources = static_cast<T*>(a.scratch);
  T* products = sources + q.block / kGroup * q.src_group;
  T* zeros = products + q.block / kGroup * kPanelGroup<T>;
  TilePlace* places = reinterpret_cast<TilePlace*>(zeros + q.src_blocks * B);
  __builtin_memset(zeros, 0, static_cast<size_t>(q.src_blocks) * 64);
  const int64_t no_offset = 0;
  Tile<T> tile{};
  tile.taps = &no_offset;
  tile.ntaps = 1;
  tile.blocks = q.src_blocks;
  tile.block_step = 36 * kGroup * B;
  tile.last_block = q.src_c - (q.src_blocks - 1) * B;
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t first = item * q.block, count = min_of(q.block, q.tiles - first);
    for (int64_t i = 0; i < count; ++i) {
      places[i] = locate(q, first + i);
      transform_source(q, a.src, places[i], static_cast<const T*>(zeros),
                       sources + i / kGroup * q.src_group + i % kGroup * B);
    }
    const T* filter = static_cast<const T*>(a.packed);
    for (int64_t c0 = 0; c0 < q.dst_c; c0 += kPanel<T>) {
      const int64_t lanes = round_up(min_of(kPanel<T>, q.dst_c - c0), kLanes<T>);
      const int vectors = lanes > kLanes<T> ? 2 : 1;
      tile.lanes = tile.dst_step = lanes;
      for (int64_t point = 0; point < 36; ++point, filter += q.src_c * lanes) {
        tile.filter = filter;
        for (int64_t i = 0; i < count; i += kGroup) {
          tile.pixels = min_of(kGroup, count - i);
          tile.src = sources + i / kGroup * q.src_group + point * kGroup * B;
          tile.dst = products + i / kGroup * kPanelGroup<T> + point * kGroup * lanes;
          group_tile<T>(vectors, tile.pixels)(tile);
        }
      }
      for (int64_t i = 0; i < count; ++i) {
        const TilePlace& p = places[i];
        T* at[16];
        const bool whole = pixel_pointers<4>(a.dst + p.n * q.dst_h * q.dst_w * q.dst_c, p.h0, p.w0, q.rows.dilation,
                                             q.cols.dilation, q.dst_h, q.dst_w, q.dst_c, static_cast<T*>(nullptr), at);
        const T* from = products + i / kGroup * kPanelGroup<T> + i % kGroup * lanes;
        for (int64_t v = 0; v < lanes; v += kLanes<T>) transform_result(q, from + v, lanes, c0 + v, a.bias, at, whole);
      }
    }
  }
}

}  // namespace

void winograd_plan_f32(const ConvShape& shape, ConvPass pass, ConvPlan& out) { plan<float>(shape, pass, out); }
void winograd_pack_f32(const ConvPackArgs<float>& args) { pack(args); }
void winograd_run_f32(const ConvRunArgs<float>& args) { run(args); }

}  // namespace stein::kernels::STEIN_UNIT
