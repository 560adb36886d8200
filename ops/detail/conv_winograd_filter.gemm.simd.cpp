// SPDX-License-Identifier: MIT
// Winograd filter gradient: winograd_lines.h has the formulas, winograd_tiles.h says how the work is cut. Each chunk of items
// sums, at each of the 36 points, products of transformed x and transformed g; finish adds the chunks in order and transforms the sums back.
#include "ops/detail/conv_tile.h"
#include "ops/detail/winograd_tiles.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

struct FilterPlan {
  WinogradGeometry q;        // of the forward pass: src is x, dst is g
  int64_t chunks, elements;  // of a chunk's sums, [panel][point][c][lanes]
  int64_t slices;            // of the panels; a work item is a slice of a chunk, and transforms x for itself
};

template <class T>
FilterPlan filter_plan(const ConvShape& s) {
  FilterPlan p{winograd_geometry<T>(s, ConvPass::kForward), 0, 0, 1};
  p.elements = 36 * p.q.src_c * round_up(p.q.dst_c, kLanes<T>);
  int64_t tiles = 0;
  for (const TileClass& k : p.q.classes) tiles += k.tiles;
  if (p.q.dst_c >= 4 * kPanel<T>) p.slices = 2;
  // A chunk's sums are as large as four filters: they are worth writing and reading for a few hundred tiles.
  p.chunks = min_of(p.q.items, min_of<int64_t>(16, max_of<int64_t>(4 / p.slices, tiles / 256)));
  return p;
}

// Channels of x that finish takes at once: their sums are one stretch at each point, and long enough to be fetched ahead.
constexpr int64_t kFinish = 16;

template <class T>
void plan(const ConvShape& s, ConvFilterPlan& out) {
  const FilterPlan p = filter_plan<T>(s);
  const WinogradGeometry& q = p.q;
  const int64_t size = static_cast<int64_t>(sizeof(T));
  out.chunks = p.chunks * p.slices;
  out.finish_items = ceil_div(q.dst_c, kPanel<T>) * ceil_div(q.src_c, kFinish);
  out.partial_bytes = round_up(p.chunks * p.elements * size, 64);
  out.scratch_bytes = TileScratch<T>::bytes(q, max_of(q.src_c, q.dst_c));
}

/// A g A^T of the tile at p for V vectors of channels of g, c0 and on; zero lanes behind the last.
template <class T, int V, int R, int C>
void transform_cotangent(const WinogradGeometry& q, const T* g, const TilePlace& p, const T* zeros, int64_t c0, T* to) {
  constexpr int H = R + 2, W = C + 2;
  constexpr int64_t kPixel = V * kLanes<T>;
  const Pixels<R, C, T> pixels(q, g + p.n * q.dst_h * q.dst_w * q.dst_c, p.h0, p.w0, q.dst_h, q.dst_w, q.dst_c, zeros);
  for (int64_t v = 0; v < kPixel; v += kLanes<T>) {
    const int64_t c = c0 + v, wanted = q.dst_c - c;
    Vec<T> t[H * C];
    STEIN_UNROLL
    for (int j = 0; j < C; ++j) {
      Vec<T> y[R];
      pixels.load_column(j, c, wanted, y);
      winograd_result_adjoint<T, R>(y, 1, t + j, C);
    }
    STEIN_UNROLL
    for (int i = 0; i < H; ++i) {
      Vec<T> m[W];
      winograd_result_adjoint<T, C>(t + C * i, 1, m, 1);
      STEIN_UNROLL
      for (int j = 0; j < W; ++j) store(to + (W * i + j) * kGroup * kPixel + v, m[j]);
    }
  }
}

template <class T>
using CotangentFn = void (*)(const WinogradGeometry& q, const T* g, const TilePlace& p, const T* zeros, int64_t c0,
                             T* to);
template <class T, int V>
constexpr CotangentFn<T> kTransformCotangent[3][3] = {
    {transform_cotangent<T, V, 2, 2>, transform_cotangent<T, V, 2, 3>, transform_cotangent<T, V, 2, 4>},
    {transform_cotangent<T, V, 3, 2>, transform_cotangent<T, V, 3, 3>, transform_cotangent<T, V, 3, 4>},
    {transform_cotangent<T, V, 4, 2>, transform_cotangent<T, V, 4, 3>, transform_cotangent<T, V, 4, 4>}};

template <class T>
void run(const ConvFilterArgs<T>& a) {
  const FilterPlan p = filter_plan<T>(a.shape);
  const WinogradGeometry& q = p.q;
  const TileScratch<T> scratch(q, max_of(q.src_c, q.dst_c), a.scratch);
  T *sources = scratch.sources, *cotangents = scratch.panels;
  const int64_t panels = ceil_div(q.dst_c, kPanel<T>);
  for (int64_t work = a.begin; work < a.end; ++work) {
    const int64_t chunk = work / p.slices, slice = work % p.slices;
    const int64_t from = slice * panels / p.slices * kPanel<T>,
                  to = min_of(q.dst_c, (slice + 1) * panels / p.slices * kPanel<T>);
    T* partial = static_cast<T*>(a.partial) + chunk * p.elements + 36 * q.src_c * from;
    const int64_t first_item = chunk * q.items / p.chunks;
    const bool all_points =
        tiles_of(q, first_item).k.points() == 36;  // the first item's sums are the first at every point
    if (!all_points)
      __builtin_memset(partial, 0, static_cast<size_t>(36 * q.src_c * round_up(to - from, kLanes<T>)) * sizeof(T));
    for (int64_t item = first_item; item < (chunk + 1) * q.items / p.chunks; ++item) {
      const TileSpan span = tiles_of(q, item);
      transform_sources(q, a.x, span, scratch);
      T* sums = partial;
      for (int64_t c0 = from; c0 < to; c0 += kPanel<T>) {
        const int64_t lanes = round_up(min_of(kPanel<T>, q.dst_c - c0), kLanes<T>);
        const CotangentFn<T> adjoint =
            (lanes == kPanel<T> ? kTransformCotangent<T, 2>
                                : kTransformCotangent<T, 1>)[span.k.rows - 2][span.k.cols - 2];
        for (int64_t i = 0; i < span.count; ++i)
          adjoint(q, a.g, scratch.places[i], scratch.zeros, c0,
                  cotangents + i / kGroup * kPanelGroup<T> + i % kGroup * lanes);
        const int64_t groups = span.count / kGroup, rest = span.count % kGroup;
        const Strip whole{groups, kGroup, q.src_group, kPanelGroup<T> - kGroup * lanes,
                          item > first_item || !all_points};
        const Strip last{1, rest, 0, 0, whole.add || groups > 0};
        span.k.for_each_point([&](int64_t point, int64_t of_filter) {
          const T* g = cotangents + point * kGroup * lanes;
          for (int64_t b = 0; b < q.src_blocks; ++b) {
            const T* x = sources + (b * 36 + point) * kGroup * kLine<T>;
            const int64_t channels = min_of(kLine<T>, q.src_c - b * kLine<T>);
            T* sum = sums + (of_filter * q.src_c + b * kLine<T>)*lanes;
            if (groups > 0) channel_tiles(x, g, whole, channels, lanes, sum);
            if (rest > 0)
              channel_tiles(x + groups * q.src_group, g + groups * kPanelGroup<T>, last, channels, lanes, sum);
          }
        });
        sums += 36 * q.src_c * lanes;
      }
    }
  }
}

/// Sums over the chunks, then G^T u G of each channel pair. An item is kFinish channels of x in a panel.
template <class T>
void finish(const ConvFilterFinishArgs<T>& a) {
  constexpr int W = kLanes<T>;
  constexpr int64_t kStep =
      kFinish * kPanel<T> + W;  // not a power of two: the points would compete for places in the cache
  const FilterPlan p = filter_plan<T>(a.shape);
  const WinogradGeometry& q = p.q;
  const int64_t parts = ceil_div(q.src_c, kFinish);
  alignas(64) T u[36 * kStep], values[9][W];
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t panel = item / parts * kPanel<T>, c0 = item % parts * kFinish;
    const int64_t lanes = round_up(min_of(kPanel<T>, q.dst_c - panel), W), channels = min_of(kFinish, q.src_c - c0);
    for (int i = 0; i < 36; ++i) {
      const T* sums = static_cast<const T*>(a.partial) + 36 * q.src_c * panel + (i * q.src_c + c0) * lanes;
      for (int64_t k = 0; k < channels * lanes; k += W) {
        Vec<T> sum = {};
        for (int64_t chunk = 0; chunk < p.chunks; ++chunk) sum += load(sums + chunk * p.elements + k);
        store(u + i * kStep + k, sum);
      }
    }
    for (int64_t k = 0; k < channels * lanes; k += W) {
      const int64_t c = c0 + k / lanes, o = panel + k % lanes;
      Vec<T> t[18];
      STEIN_UNROLL
      for (int j = 0; j < 6; ++j) {
        Vec<T> d[6];
        STEIN_UNROLL
        for (int i = 0; i < 6; ++i) d[i] = load(u + (6 * i + j) * kStep + k);
        winograd_filter_adjoint<T>(d, 1, t + j, 6);
      }
      STEIN_UNROLL
      for (int i = 0; i < 3; ++i) {
        Vec<T> w[3];
        winograd_filter_adjoint<T>(t + 6 * i, 1, w, 1);
        for (int j = 0; j < 3; ++j) store(values[3 * i + j], w[j]);
      }
      for (int64_t l = o; l < min_of(o + W, q.dst_c); ++l) {
        T* to = a.filter + l * a.stride_o + c * a.stride_c;
        STEIN_UNROLL
        for (int i = 0; i < 9; ++i) to[i / 3 * a.stride_kh + i % 3 * a.stride_kw] = values[i][l - o];
      }
    }
  }
}

}  // namespace

void winograd_filter_plan_f32(const ConvShape& shape, ConvFilterPlan& out) { plan<float>(shape, out); }
void winograd_filter_run_f32(const ConvFilterArgs<float>& args) { run(args); }
void winograd_filter_finish_f32(const ConvFilterFinishArgs<float>& args) { finish(args); }

}  // namespace stein::kernels::STEIN_UNIT
