// SPDX-License-Identifier: MIT
// Winograd convolution, forward and input gradient: winograd_lines.h has the formulas, winograd_tiles.h says how the work is cut. The
// sources of an item's tiles are transformed, multiplied with each panel of the transformed filter at each point, and transformed back.
#include "ops/detail/conv_tile.h"
#include "ops/detail/winograd_tiles.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

static_assert(kGroup == kTileWidth[1][0]);

// Source channels of which a filter's values are gathered before they are transformed: loads wait for stores otherwise.
constexpr int64_t kGathered = 8;

/// Elements of a panel of the filter at a point: a cache line more than there are, or the 36 points of a channel would compete for one
/// place in the caches.
template <class T>
STEIN_INLINE int64_t panel_point(int64_t src_c, int64_t lanes) {
  return src_c * lanes + kLine<T>;
}

template <class T>
void plan(const ConvShape& s, ConvPass pass, ConvPlan& out) {
  const WinogradGeometry q = winograd_geometry<T>(s, pass);
  const int64_t size = static_cast<int64_t>(sizeof(T));
  out.items = q.items;
  out.pack_items = ceil_div(q.dst_c, kPanel<T>) * ceil_div(q.src_c, kGathered);
  out.packed_bytes = ceil_div(q.dst_c, kPanel<T>) * 36 * panel_point<T>(q.src_c, kPanel<T>) * size;
  out.scratch_bytes = TileScratch<T>::bytes(q, q.src_c);
}

// Packed order: panel of lanes, point, source channel, lane. A pack item is kGathered source channels of a panel.
template <class T>
void pack(const ConvPackArgs<T>& a) {
  constexpr int W = kLanes<T>;
  const bool input = a.pass == ConvPass::kInput;
  const int64_t src_c = input ? a.shape.o : a.shape.c, dst_c = input ? a.shape.c : a.shape.o;
  const int64_t stride_dst = input ? a.stride_c : a.stride_o, stride_src = input ? a.stride_o : a.stride_c;
  const int64_t parts = ceil_div(src_c, kGathered);
  int64_t offset[9];  // of the taps; the input gradient correlates with the reversed filter
  for (int t = 0; t < 9; ++t) {
    const int tap = input ? 8 - t : t;
    offset[t] = tap / 3 * a.stride_kh + tap % 3 * a.stride_kw;
  }
  alignas(64) T w[kGathered][9][W] = {};
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t c0 = item / parts * kPanel<T>, k0 = item % parts * kGathered, count = min_of(kGathered, src_c - k0);
    const int64_t lanes = round_up(min_of(kPanel<T>, dst_c - c0), W);
    T* to = static_cast<T*>(a.packed) + c0 / kPanel<T> * 36 * panel_point<T>(src_c, kPanel<T>) + k0 * lanes;
    const int64_t point = panel_point<T>(src_c, lanes);
    for (int64_t v = 0; v < lanes; v += W) {
      const int64_t wanted = min_of<int64_t>(W, dst_c - c0 - v);
      for (int64_t l = 0; l < W; ++l) {
        const T* from = a.filter + k0 * stride_src + (c0 + v + l) * stride_dst;
        for (int64_t k = 0; k < count; ++k, from += stride_src) {
          __builtin_prefetch(from + 2 * stride_dst);
          STEIN_UNROLL
          for (int t = 0; t < 9; ++t) w[k][t][l] = l < wanted ? from[offset[t]] : T(0);
        }
      }
      for (int64_t k = 0; k < count; ++k) {
        Vec<T> t[18];
        STEIN_UNROLL
        for (int j = 0; j < 3; ++j) {
          const Vec<T> d[3] = {load(w[k][j]), load(w[k][3 + j]), load(w[k][6 + j])};
          winograd_filter<T>(d, 1, t + j, 3);
        }
        STEIN_UNROLL
        for (int i = 0; i < 6; ++i) {
          Vec<T> u[6];
          winograd_filter<T>(t + 3 * i, 1, u, 1);
          STEIN_UNROLL
          for (int j = 0; j < 6; ++j) store(to + (6 * i + j) * point + k * lanes + v, u[j]);
        }
      }
    }
  }
}

/// From the products of a panel of V vectors, channels c0 and on, to R x C results.
template <class T, int V, int R, int C>
void transform_result(const WinogradGeometry& q, const T* products, int64_t c0, const T* bias, T* dst,
                      const TilePlace& p) {
  constexpr int H = R + 2, W = C + 2;
  constexpr int64_t kPixel = V * kLanes<T>;
  const int64_t step_h = q.rows.dilation, step_w = q.cols.dilation;
  const int64_t down = step_h * q.dst_w * q.dst_c, right = step_w * q.dst_c;
  // Tiles lie inside the image, but for those of an axis with one result.
  const bool inside = p.h0 + (R - 1) * step_h < q.dst_h && p.w0 + (C - 1) * step_w < q.dst_w;
  T* first = dst + ((p.n * q.dst_h + p.h0) * q.dst_w + p.w0) * q.dst_c + c0;
  for (int64_t v = 0; v < kPixel; v += kLanes<T>, first += kLanes<T>) {
    const int64_t lanes = min_of<int64_t>(kLanes<T>, q.dst_c - c0 - v);
    Vec<T> t[R * W], b = {};
    if (bias != nullptr) b = load_n(bias + c0 + v, lanes);
    STEIN_UNROLL
    for (int j = 0; j < W; ++j) {
      Vec<T> m[H];
      STEIN_UNROLL
      for (int i = 0; i < H; ++i) m[i] = load(products + (W * i + j) * kGroup * kPixel + v);
      winograd_result<T, R>(m, 1, t + j, W);
    }
    T* row = first;
    STEIN_UNROLL
    for (int i = 0; i < R; ++i, row += down) {
      Vec<T> y[C];
      winograd_result<T, C>(t + W * i, 1, y, 1);
      if (inside && lanes == kLanes<T>) {
        STEIN_UNROLL
        for (int j = 0; j < C; ++j) store(row + j * right, y[j] + b);
      } else if (p.h0 + i * step_h < q.dst_h) {
        for (int j = 0; j < C && p.w0 + j * step_w < q.dst_w; ++j) store_n(row + j * right, y[j] + b, lanes);
      }
    }
  }
}

template <class T>
using ResultFn = void (*)(const WinogradGeometry& q, const T* products, int64_t c0, const T* bias, T* dst,
                          const TilePlace& p);
template <class T, int V>
constexpr ResultFn<T> kTransformResult[3][3] = {
    {transform_result<T, V, 2, 2>, transform_result<T, V, 2, 3>, transform_result<T, V, 2, 4>},
    {transform_result<T, V, 3, 2>, transform_result<T, V, 3, 3>, transform_result<T, V, 3, 4>},
    {transform_result<T, V, 4, 2>, transform_result<T, V, 4, 3>, transform_result<T, V, 4, 4>}};

/// Groups of tiles and a panel of the filter, to be multiplied at each point of the tiles' class.
template <class T>
struct Product {
  const TileClass& k;
  int64_t src_c, groups;
  const T* sources;
  int64_t src_group;
  const T* filter;
  T* products;
  int64_t products_group;
};

/// The first P tiles of each group times V vectors of channels, which stay in registers; places of missing tiles are multiplied, too,
/// and never read. `products` may be `sources` when there is one block of channels and V vectors are no wider than it: the products of
/// point i then cover sources of points up to i only, already read.
template <class T, int P, int V>
void multiply(const Product<T>& a) {
  constexpr int W = kLanes<T>;
  constexpr int B = kLine<T>;
  a.k.for_each_point([&](int64_t point, int64_t of_filter) {
    for (int64_t g = 0; g < a.groups; ++g) {
      Vec<T> acc[P][V];
      STEIN_UNROLL
      for (int p = 0; p < P; ++p) STEIN_UNROLL
      for (int v = 0; v < V; ++v) acc[p][v] = Vec<T>{};
      const T* w = a.filter + of_filter * panel_point<T>(a.src_c, V * W);
      const T* block = a.sources + g * a.src_group + point * kGroup * B;
      for (int64_t c = 0; c < a.src_c; c += B, block += 36 * kGroup * B) {
        for (const T *x = block, *end = x + min_of<int64_t>(B, a.src_c - c); x != end; ++x, w += V * W)
          multiply_add<B>(x, w, acc);
      }
      T* to = a.products + g * a.products_group + point * kGroup * V * W;
      STEIN_UNROLL
      for (int p = 0; p < P; ++p) STEIN_UNROLL
      for (int v = 0; v < V; ++v) store(to + (p * V + v) * W, acc[p][v]);
    }
  });
}

template <class T>
using MultiplyFn = void (*)(const Product<T>&);
/// The narrowest kernel for so many tiles of a group.
template <class T, int V>
MultiplyFn<T> multiply_tiles(int64_t tiles) {
  constexpr const int(&widths)[kSizes] = kTileWidth[V - 1];
  constexpr MultiplyFn<T> fn[kSizes] = {multiply<T, widths[0], V>, multiply<T, widths[1], V>, multiply<T, widths[2], V>,
                                        multiply<T, widths[3], V>, multiply<T, 1, V>};
  int i = kSizes - 1;
  while (widths[i] < tiles) --i;
  return fn[i];
}

template <class T>
void run(const ConvRunArgs<T>& a) {
  const WinogradGeometry q = winograd_geometry<T>(a.shape, a.pass);
  const TileScratch<T> scratch(q, q.src_c, a.scratch);
  T* sources = scratch.sources;
  // One block of channels and one panel no wider: the products of a point take places of its sources and of earlier points', which
  // are near.
  const bool in_place = q.src_blocks == 1 && q.dst_c <= min_of<int64_t>(kPanel<T>, kLine<T>);
  T* products = in_place ? sources : scratch.panels;
  const int64_t products_group = in_place ? q.src_group : kPanelGroup<T>;
  for (int64_t item = a.begin; item < a.end; ++item) {
    const TileSpan span = tiles_of(q, item);
    transform_sources(q, a.src, span, scratch);
    const T* filter = static_cast<const T*>(a.packed);
    for (int64_t c0 = 0; c0 < q.dst_c; c0 += kPanel<T>) {
      const int64_t lanes = round_up(min_of(kPanel<T>, q.dst_c - c0), kLanes<T>);
      const auto kernel = lanes > kLanes<T> ? multiply_tiles<T, 2> : multiply_tiles<T, 1>;
      const int64_t whole = span.count / kGroup, rest = span.count % kGroup;
      const Product<T> all{span.k, q.src_c, whole, sources, q.src_group, filter, products, products_group};
      if (whole > 0) kernel(kGroup)(all);
      if (rest > 0) {
        Product<T> last = all;
        last.groups = 1;
        last.sources += whole * q.src_group;
        last.products += whole * products_group;
        kernel(rest)(last);
      }
      const ResultFn<T> back =
          (lanes > kLanes<T> ? kTransformResult<T, 2> : kTransformResult<T, 1>)[span.k.rows - 2][span.k.cols - 2];
      for (int64_t i = 0; i < span.count; ++i)
        back(q, products + i / kGroup * products_group + i % kGroup * lanes, c0, a.bias, a.dst, scratch.places[i]);
      filter += 36 * panel_point<T>(q.src_c, lanes);
    }
  }
}

}  // namespace

void winograd_plan_f32(const ConvShape& shape, ConvPass pass, ConvPlan& out) { plan<float>(shape, pass, out); }
void winograd_pack_f32(const ConvPackArgs<float>& args) { pack(args); }
void winograd_run_f32(const ConvRunArgs<float>& args) { run(args); }

}  // namespace stein::kernels::STEIN_UNIT
