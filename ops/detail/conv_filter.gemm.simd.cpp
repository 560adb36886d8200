// SPDX-License-Identifier: MIT
// Filter gradient of the direct convolution: gw[o,c,k] = sum over images and pixels p of x[p + k, c] g[p, o].
//
// Work is cut into bands of images as in the forward pass (conv_geometry.h) and the bands into chunks; each chunk sums into a
// partial gradient of its own, and finish adds those in order. A band is cut again into strips of rows that fit the first-level
// cache. Micro-kernel: R rows (a tap and a channel of x each) x V vectors of g's channels stay in registers while the loop
// runs over the strip's pixels; then they are added to the partial gradient. Where g has few channels, the lanes run over the
// channels of x, the rows over taps.
#include "ops/detail/conv_geometry.h"
#include "ops/detail/conv_tile.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

constexpr int64_t kStripPixels = 196;
constexpr int64_t kMaxChunks = 16;

// Every row a pointer of its own: taps, when x has 1 or 4 channels to a block.
template <class T, int R, int V, int B>
void row_tile(const T* const* x, const T* g, const Strip& s, T* sum) {
  constexpr int W = kLanes<T>;
  Vec<T> acc[R][V];
  STEIN_UNROLL
  for (int r = 0; r < R; ++r) STEIN_UNROLL
  for (int v = 0; v < V; ++v) acc[r][v] = Vec<T>{};
  const T* xr[R];
  STEIN_UNROLL
  for (int r = 0; r < R; ++r) xr[r] = x[r];
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t j = 0; j < s.cols; ++j, g += V * W) {
      Vec<T> f[V];
      STEIN_UNROLL
      for (int v = 0; v < V; ++v) f[v] = *reinterpret_cast<const Vec<T>*>(g + v * W);
      STEIN_UNROLL
      for (int r = 0; r < R; ++r) STEIN_UNROLL
      for (int v = 0; v < V; ++v) acc[r][v] += xr[r][j * B] * f[v];
    }
    STEIN_UNROLL
    for (int r = 0; r < R; ++r) xr[r] += s.x_row_step;
  }
  STEIN_UNROLL
  for (int r = 0; r < R; ++r) STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    Vec<T>* to = reinterpret_cast<Vec<T>*>(sum + (r * V + v) * W);
    *to += acc[r][v];
  }
}

// One channel of g, R taps, lanes over one block of x's channels.
template <class T, int R>
void tap_tile(const T* const* x, const T* g, const Strip& s, T* sum) {
  constexpr int W = kLanes<T>;
  constexpr int B = 64 / static_cast<int>(sizeof(T));
  for (int k = 0; k < B; k += W) {
    Vec<T> acc[R];
    const T* xr[R];
    const T* gp = g;
    STEIN_UNROLL
    for (int r = 0; r < R; ++r) {
      acc[r] = Vec<T>{};
      xr[r] = x[r] + k;
    }
    for (int64_t i = 0; i < s.rows; ++i) {
      for (int64_t j = 0; j < s.cols; ++j, ++gp) {
        const T f = *gp;
        STEIN_UNROLL
        for (int r = 0; r < R; ++r) acc[r] += f * load(xr[r] + j * B);
      }
      STEIN_UNROLL
      for (int r = 0; r < R; ++r) xr[r] += s.x_row_step;
    }
    STEIN_UNROLL
    for (int r = 0; r < R; ++r) *reinterpret_cast<Vec<T>*>(sum + r * B + k) += acc[r];
  }
}

/// The forward geometry, the chunks, and the layout of a partial gradient: [group][panel][tap][c][lanes of the panel],
/// or [group][o][block][tap][B] when the lanes run over x's channels.
struct FilterPlan {
  ConvGeometry q;
  bool sums;
  int64_t taps, units, chunks, strip_rows;
  int64_t group_elements, partial_elements;  // partial gradient
  int64_t g_elements;                        // packed strip of g
};

template <class T>
FilterPlan filter_plan(const ConvShape& s) {
  FilterPlan p{};
  p.q = conv_geometry<T>(s, ConvPass::kForward);
  p.sums = lanes_over_source<T>(p.q);
  p.taps = s.kh * s.kw;
  p.units = conv_items(p.q);
  p.chunks = min_of(p.units, kMaxChunks);
  p.strip_rows = min_of(p.q.band, max_of<int64_t>(1, kStripPixels / max_of<int64_t>(1, s.wo)));
  p.group_elements = p.taps * (p.sums ? p.q.dst_cg * p.q.blocks * p.q.block : p.q.src_cg * padded_lanes<T>(p.q.dst_cg));
  p.partial_elements = round_up(p.group_elements * s.groups, line_block<T>());
  p.g_elements = round_up(p.strip_rows * s.wo * (p.sums ? 1 : 2 * kLanes<T>), line_block<T>());
  return p;
}

/// Channels [c, c + channels) of a strip of g as [pixel][lanes], zeros behind the last channel.
template <class T>
void pack_strip(const T* g, int64_t pixels, int64_t step, int64_t channels, int64_t lanes, T* to) {
  if (channels == lanes && lanes % kLanes<T> == 0) {
    for (int64_t p = 0; p < pixels; ++p, g += step)
      for (int64_t c = 0; c < lanes; c += kLanes<T>, to += kLanes<T>) store(to, load(g + c));
  } else {
    for (int64_t p = 0; p < pixels; ++p, g += step)
      for (int64_t c = 0; c < lanes; ++c) *to++ = c < channels ? g[c] : T(0);
  }
}

template <class T, int B>
void small_rows(const FilterPlan& p, const T* x, const int64_t* taps, const T* g, const Strip& s, int vectors, T* sum) {
  const T* rows[8] = {};
  constexpr int R = kRegisters == 32 ? 8 : 4;
  const int64_t total = p.taps * p.q.src_cg;
  for (int64_t r = 0; r < total;) {
    const int64_t n = total - r >= R ? R : total - r >= 4 ? 4 : 1;
    for (int64_t i = 0; i < n; ++i) rows[i] = x + taps[(r + i) / p.q.src_cg] + (r + i) % p.q.src_cg;
    T* to = sum + r * vectors * kLanes<T>;
    if (n == R) {
      vectors == 1 ? row_tile<T, R, 1, B>(rows, g, s, to) : row_tile<T, R, 2, B>(rows, g, s, to);
    } else if (n == 4) {
      vectors == 1 ? row_tile<T, 4, 1, B>(rows, g, s, to) : row_tile<T, 4, 2, B>(rows, g, s, to);
    } else {
      vectors == 1 ? row_tile<T, 1, 1, B>(rows, g, s, to) : row_tile<T, 1, 2, B>(rows, g, s, to);
    }
    r += n;
  }
}

template <class T>
void channel_rows(const FilterPlan& p, const T* x, const int64_t* taps, const T* g, const Strip& s, int64_t lanes,
                  T* sum) {
  for (int64_t b = 0; b < p.q.blocks; ++b)
    for (int64_t t = 0; t < p.taps; ++t)
      channel_tiles(x + b * block_step(p.q) + taps[t], g, s, min_of(p.q.block, p.q.src_cg - b * p.q.block), lanes,
                    sum + (t * p.q.src_cg + b * p.q.block) * lanes);
}

template <class T>
void sum_rows(const FilterPlan& p, const T* x, const int64_t* taps, const T* g, const Strip& s, T* sum) {
  constexpr int R = 8;
  const T* rows[R] = {};
  for (int64_t b = 0; b < p.q.blocks; ++b) {
    for (int64_t t = 0; t < p.taps;) {
      const int64_t n = p.taps - t >= R ? R : p.taps - t >= 4 ? 4 : 1;
      for (int64_t i = 0; i < n; ++i) rows[i] = x + b * block_step(p.q) + taps[t + i];
      T* to = sum + (b * p.taps + t) * p.q.block;
      if (n == R) {
        tap_tile<T, R>(rows, g, s, to);
      } else if (n == 4) {
        tap_tile<T, 4>(rows, g, s, to);
      } else {
        tap_tile<T, 1>(rows, g, s, to);
      }
      t += n;
    }
  }
}

template <class T>
void run_filter(const ConvFilterArgs<T>& a) {
  const FilterPlan p = filter_plan<T>(a.shape);
  const ConvGeometry& q = p.q;
  T* scratch = static_cast<T*>(a.scratch);
  T* strip_g = scratch + q.scratch_elements;
  int64_t* taps = reinterpret_cast<int64_t*>(strip_g + p.g_elements);
  const int64_t span = p.sums ? 1 : 2 * kLanes<T>;
  for (int64_t chunk = a.begin; chunk < a.end; ++chunk) {
    T* partial = static_cast<T*>(a.partial) + chunk * p.partial_elements;
    __builtin_memset(partial, 0, static_cast<size_t>(p.partial_elements) * sizeof(T));
    for (int64_t unit = chunk * p.units / p.chunks; unit < (chunk + 1) * p.units / p.chunks; ++unit) {
      const int64_t n = unit / q.bands, h0 = unit % q.bands * q.band, h1 = min_of(q.dst_h, h0 + q.band);
      const ConvGrid grid = conv_grid(q, 0, 0, h0, h1, taps);
      const T* g = a.g + n * q.dst_h * q.dst_w * q.dst_c;
      for (int64_t group = 0; group < a.shape.groups; ++group) {
        fill_scratch(q, a.x + n * q.src_h * q.src_w * q.src_c, h0, group * q.src_cg, scratch);
        T* group_sum = partial + group * p.group_elements;
        for (int64_t row = h0; row < h1; row += p.strip_rows) {
          const Strip s{min_of(p.strip_rows, h1 - row), q.dst_w, grid.src_row_step, 0, true};
          const T* x = scratch + (row - h0) * grid.src_row_step;
          T* sum = group_sum;
          for (int64_t c = 0; c < q.dst_cg; c += span) {
            const int64_t channels = min_of(span, q.dst_cg - c);
            const int64_t lanes = p.sums ? 1 : padded_lanes<T>(channels);
            const int vectors = static_cast<int>(lanes / kLanes<T>);
            pack_strip(g + row * q.dst_w * q.dst_c + group * q.dst_cg + c, s.rows * s.cols, q.dst_c, channels, lanes,
                       strip_g);
            if (p.sums) {
              sum_rows(p, x, taps, strip_g, s, sum);
              sum += p.taps * q.blocks * q.block;
              continue;
            }
            if (q.block == 1) {
              small_rows<T, 1>(p, x, taps, strip_g, s, vectors, sum);
            } else if (q.block == 4) {
              small_rows<T, 4>(p, x, taps, strip_g, s, vectors, sum);
            } else {
              channel_rows(p, x, taps, strip_g, s, lanes, sum);
            }
            sum += p.taps * q.src_cg * lanes;
          }
        }
      }
    }
  }
}

// Channels of g that finish takes at once: a panel of the partial sums.
template <class T>
int64_t finish_span(const FilterPlan& p) {
  return p.sums ? 1 : 2 * kLanes<T>;
}

template <class T>
void plan_filter(const ConvShape& s, ConvFilterPlan& out) {
  const FilterPlan p = filter_plan<T>(s);
  const int64_t size = static_cast<int64_t>(sizeof(T));
  out.chunks = p.chunks;
  out.finish_items = s.groups * ceil_div(p.q.dst_cg, finish_span<T>(p));
  out.partial_bytes = round_up(p.chunks * p.partial_elements * size, 64);
  out.scratch_bytes = round_up((p.q.scratch_elements + p.g_elements) * size + p.taps * 8, 64);
}

// Output channels [o, end), one panel, whose partial sums begin at `partial`.
template <class T>
void finish_panel(const ConvFilterFinishArgs<T>& a, const FilterPlan& p, const T* partial, int64_t o, int64_t end) {
  const int64_t lanes = padded_lanes<T>(end - o);
  alignas(64) T sum[2 * kLanes<T>];
  for (int64_t t = 0; t < p.taps; ++t) {
    T* to = a.filter + o * a.stride_o + t / a.shape.kw * a.stride_kh + t % a.shape.kw * a.stride_kw;
    for (int64_t c = 0; c < p.q.src_cg; ++c, partial += lanes, to += a.stride_c) {
      for (int64_t l = 0; l < lanes; l += kLanes<T>) {
        Vec<T> v = {};
        for (int64_t chunk = 0; chunk < p.chunks; ++chunk) v += load(partial + chunk * p.partial_elements + l);
        store(sum + l, v);
      }
      for (int64_t i = o; i < end; ++i) to[(i - o) * a.stride_o] = sum[i - o];
    }
  }
}

// One output channel, in the layout whose lanes run over x's channels.
template <class T>
void finish_channel(const ConvFilterFinishArgs<T>& a, const FilterPlan& p, const T* partial, int64_t o) {
  for (int64_t c = 0; c < p.q.src_cg; ++c) {
    for (int64_t t = 0; t < p.taps; ++t) {
      const T* from = partial + ((c / p.q.block) * p.taps + t) * p.q.block + c % p.q.block;
      T sum = 0;
      for (int64_t chunk = 0; chunk < p.chunks; ++chunk) sum += from[chunk * p.partial_elements];
      a.filter[o * a.stride_o + c * a.stride_c + t / a.shape.kw * a.stride_kh + t % a.shape.kw * a.stride_kw] = sum;
    }
  }
}

template <class T>
void finish_filter(const ConvFilterFinishArgs<T>& a) {
  const FilterPlan p = filter_plan<T>(a.shape);
  const T* partial = static_cast<const T*>(a.partial);
  const int64_t span = finish_span<T>(p), panels = ceil_div(p.q.dst_cg, span);
  for (int64_t item = a.begin; item < a.end; ++item) {
    const int64_t group = item / panels, first = item % panels * span, o = group * p.q.dst_cg + first;
    const T* from = partial + group * p.group_elements;
    if (p.sums)
      finish_channel(a, p, from + first * p.taps * p.q.blocks * p.q.block, o);
    else
      finish_panel(a, p, from + first * p.taps * p.q.src_cg, o, o + min_of(span, p.q.dst_cg - first));
  }
}

}  // namespace

void conv_filter_plan_f32(const ConvShape& shape, ConvFilterPlan& out) { plan_filter<float>(shape, out); }
void conv_filter_plan_f64(const ConvShape& shape, ConvFilterPlan& out) { plan_filter<double>(shape, out); }
void conv_filter_run_f32(const ConvFilterArgs<float>& args) { run_filter(args); }
void conv_filter_run_f64(const ConvFilterArgs<double>& args) { run_filter(args); }
void conv_filter_finish_f32(const ConvFilterFinishArgs<float>& args) { finish_filter(args); }
void conv_filter_finish_f64(const ConvFilterFinishArgs<double>& args) { finish_filter(args); }

}  // namespace stein::kernels::STEIN_UNIT
