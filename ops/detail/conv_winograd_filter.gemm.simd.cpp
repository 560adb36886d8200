// SPDX-License-Identifier: MIT
// Winograd filter gradient: winograd_transform.h has the transforms. Each chunk of tile blocks sums, at each of the 36 points, products
// of transformed x and transformed g; finish adds the chunks in order and transforms the sums back.
#include "ops/detail/conv_tile.h"
#include "ops/detail/winograd_transform.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

struct FilterPlan {
  WinogradGeometry q;        // of the forward pass: src is x, dst is g
  int64_t chunks, elements;  // of a chunk's sums, [panel][point][c][lanes]
};

template <class T>
FilterPlan filter_plan(const ConvShape& s) {
  FilterPlan p{winograd_geometry<T>(s, ConvPass::kForward), 0, 0};
  p.elements = 36 * p.q.src_c * round_up(p.q.dst_c, kLanes<T>);
  // A chunk's sums are as large as four filters: they are worth writing and reading for a few hundred tiles.
  p.chunks = min_of(p.q.items, min_of<int64_t>(16, max_of<int64_t>(4, p.q.tiles / 256)));
  return p;
}

template <class T>
void plan(const ConvShape& s, ConvFilterPlan& out) {
  const FilterPlan p = filter_plan<T>(s);
  const WinogradGeometry& q = p.q;
  const int64_t size = static_cast<int64_t>(sizeof(T));
  out.chunks = p.chunks;
  out.partial_bytes = round_up(p.chunks * p.elements * size, 64);
  out.scratch_bytes =
      round_up(q.block / kGroup * (q.src_group + kPanelGroup<T>)*size + max_of(q.src_c, q.dst_c) * size + 64 +
                   q.block * static_cast<int64_t>(sizeof(TilePlace)),
               64);
}

/// A g A^T for the channels [c, c + lanes) of g; zero lanes behind the last.
template <class T>
void transform_cotangent(const WinogradGeometry& q, const T* const* at, int64_t c, int64_t lanes, T* to) {
  for (int64_t v = 0; v < lanes; v += kLanes<T>) {
    const int64_t wanted = q.dst_c - c - v;
    Vec<T> y[16], t[24];
    if (wanted >= kLanes<T>) {
      STEIN_UNROLL
      for (int i = 0; i < 16; ++i) y[i] = load(at[i] + c + v);
    } else {
      for (int i = 0; i < 16; ++i) y[i] = load_n(at[i] + c + v, wanted);
    }
    STEIN_UNROLL
    for (int j = 0; j < 4; ++j) winograd_result_adjoint<T>(y + j, 4, t + j, 4);
    STEIN_UNROLL
    for (int i = 0; i < 6; ++i) {
      Vec<T> m[6];
      winograd_result_adjoint<T>(t + 4 * i, 1, m, 1);
      STEIN_UNROLL
      for (int j = 0; j < 6; ++j) store(to + (6 * i + j) * kGroup * lanes + v, m[j]);
    }
  }
}

template <class T>
void run(const ConvFilterArgs<T>& a) {
  constexpr int64_t B = 64 / static_cast<int64_t>(sizeof(T));
  const FilterPlan p = filter_plan<T>(a.shape);
  const WinogradGeometry& q = p.q;
  T* sources = static_cast<T*>(a.scratch);
  T* cotangents = sources + q.block / kGroup * q.src_group;
  T* zeros = cotangents + q.block / kGroup * kPanelGroup<T>;
  const int64_t channels = round_up(max_of(q.src_c, q.dst_c), B);
  TilePlace* places = reinterpret_cast<TilePlace*>(zeros + channels);
  __builtin_memset(zeros, 0, static_cast<size_t>(channels) * sizeof(T));
  for (int64_t chunk = a.begin; chunk < a.end; ++chunk) {
    T* partial = static_cast<T*>(a.partial) + chunk * p.elements;
    __builtin_memset(partial, 0, static_cast<size_t>(p.elements) * sizeof(T));
    for (int64_t item = chunk * q.items / p.chunks; item < (chunk + 1) * q.items / p.chunks; ++item) {
      const int64_t first = item * q.block, count = min_of(q.block, q.tiles - first), groups = ceil_div(count, kGroup);
      // What the last group lacks must add 0.
      if (count % kGroup != 0)
        __builtin_memset(sources + (groups - 1) * q.src_group, 0, static_cast<size_t>(q.src_group) * sizeof(T));
      for (int64_t i = 0; i < count; ++i) {
        places[i] = locate(q, first + i);
        transform_source(q, a.x, places[i], static_cast<const T*>(zeros),
                         sources + i / kGroup * q.src_group + i % kGroup * B);
      }
      T* sum = partial;
      for (int64_t c0 = 0; c0 < q.dst_c; c0 += kPanel<T>) {
        const int64_t lanes = round_up(min_of(kPanel<T>, q.dst_c - c0), kLanes<T>);
        if (count % kGroup != 0)
          __builtin_memset(cotangents + (groups - 1) * kPanelGroup<T>, 0,
                           static_cast<size_t>(kPanelGroup<T>) * sizeof(T));
        for (int64_t i = 0; i < count; ++i) {
          const TilePlace& at = places[i];
          const T* pixels[16];
          pixel_pointers<4>(a.g + at.n * q.dst_h * q.dst_w * q.dst_c, at.h0, at.w0, q.rows.dilation, q.cols.dilation,
                            q.dst_h, q.dst_w, q.dst_c, static_cast<const T*>(zeros), pixels);
          transform_cotangent(q, pixels, c0, lanes, cotangents + i / kGroup * kPanelGroup<T> + i % kGroup * lanes);
        }
        const Strip strip{groups, kGroup, q.src_group, kPanelGroup<T> - kGroup * lanes};
        for (int64_t point = 0; point < 36; ++point, sum += q.src_c * lanes)
          for (int64_t b = 0; b < q.src_blocks; ++b)
            channel_tiles(sources + (b * 36 + point) * kGroup * B, cotangents + point * kGroup * lanes, strip,
                          min_of(B, q.src_c - b * B), lanes, sum + b * B * lanes);
      }
    }
  }
}

template <class T>
void finish(const ConvFilterFinishArgs<T>& a) {
  constexpr int W = kLanes<T>;
  const FilterPlan p = filter_plan<T>(a.shape);
  const WinogradGeometry& q = p.q;
  const int64_t first = a.begin / W * W;
  for (int64_t o = first; o < a.end; o += W) {
    const int64_t panel = o / kPanel<T> * kPanel<T>, lanes = round_up(min_of(kPanel<T>, q.dst_c - panel), W);
    const T* sums = static_cast<const T*>(a.partial) + 36 * q.src_c * panel + (o - panel);
    const int64_t from = max_of(o, a.begin), to = min_of(o + W, a.end);
    for (int64_t c = 0; c < q.src_c; ++c) {
      Vec<T> u[36], t[18], w[9];
      for (int i = 0; i < 36; ++i) {
        u[i] = Vec<T>{};
        for (int64_t chunk = 0; chunk < p.chunks; ++chunk)
          u[i] += load(sums + chunk * p.elements + (i * q.src_c + c) * lanes);
      }
      for (int j = 0; j < 6; ++j) winograd_filter_adjoint<T>(u + j, 6, t + j, 6);
      for (int i = 0; i < 3; ++i) winograd_filter_adjoint<T>(t + 6 * i, 1, w + 3 * i, 1);
      for (int i = 0; i < 9; ++i) {
        T* tap = a.filter + c * a.stride_c + i / 3 * a.stride_kh + i % 3 * a.stride_kw;
        alignas(64) T values[W];
        store(values, w[i]);
        for (int64_t k = from; k < to; ++k) tap[k * a.stride_o] = values[k - o];
      }
    }
  }
}

}  // namespace

void winograd_filter_plan_f32(const ConvShape& shape, ConvFilterPlan& out) { plan<float>(shape, out); }
void winograd_filter_run_f32(const ConvFilterArgs<float>& args) { run(args); }
void winograd_filter_finish_f32(const ConvFilterFinishArgs<float>& args) { finish(args); }

}  // namespace stein::kernels::STEIN_UNIT
