// SPDX-License-Identifier: MIT
// How the work of the winograd kernels is cut; included by the winograd units only (see kernel_vec.h on the namespace).
//
// A dilated convolution is dilation^2 undilated ones on sub-grids; a tile then takes every dilation-th pixel. Each axis of a sub-grid is
// cut exactly, into tiles of 4 results and at its end one of 3, one of 2, or both: a tile of m costs m + 2 products, so the ends of a
// 14x14 image cost 22^2 products instead of the 24^2 of whole tiles of 4. Tiles of one class, rows x columns, are worked on together.
#pragma once

#include "ops/detail/conv_kernels.h"
#include "ops/detail/winograd_lines.h"

namespace stein::kernels::STEIN_UNIT {

/// Tiles along an axis by their number of results, m = 2, 3 or 4.
struct TileAxis {
  int64_t dilation, longer, size;  // the first `longer` sub-grids have size + 1 results, the others `size`

  STEIN_INLINE TileAxis(int64_t results, int64_t step) : dilation(step), longer(results % step), size(results / step) {}
  STEIN_INLINE static int64_t tiles(int64_t m, int64_t results) {
    const int64_t rest = results % 4;
    const bool split = rest == 1 && results > 1;  // 5 = 3 + 2
    return m == 4 ? results / 4 - (split ? 1 : 0) : m == 3 ? rest == 3 || split : rest == 2 || rest == 1;
  }
  STEIN_INLINE int64_t count(int64_t m) const {
    return longer * tiles(m, size + 1) + (dilation - longer) * tiles(m, size);
  }
};

/// Goes through the tiles of m results of an axis, round and round, from the i-th on. The axis has such tiles.
class TileWalk {
 public:
  STEIN_INLINE TileWalk(const TileAxis& axis, int64_t m, int64_t i) : axis_(axis), m_(m), tile_(i) {
    for (enter(0); tile_ >= tiles_; enter(sub_ + 1)) tile_ -= tiles_;
  }
  /// The first result of the tile; the others follow in steps of the dilation.
  STEIN_INLINE int64_t origin() const { return sub_ + axis_.dilation * (before_ + 4 * tile_); }
  /// False when it is at the first tile again.
  STEIN_INLINE bool next() {
    bool same_round = true;
    for (++tile_; tile_ == tiles_; tile_ = 0) {
      same_round = same_round && sub_ + 1 < axis_.dilation;
      enter(sub_ + 1 < axis_.dilation ? sub_ + 1 : 0);
    }
    return same_round;
  }

 private:
  STEIN_INLINE void enter(int64_t sub) {
    const int64_t results = sub < axis_.longer ? axis_.size + 1 : axis_.size;
    sub_ = sub;
    tiles_ = TileAxis::tiles(m_, results);
    before_ = m_ == 4 ? 0 : 4 * TileAxis::tiles(4, results) + (m_ == 3 ? 0 : 3 * TileAxis::tiles(3, results));
  }
  const TileAxis& axis_;
  int64_t m_, sub_ = 0, tile_;      // the tile of the sub-grid
  int64_t tiles_ = 0, before_ = 0;  // of m in the sub-grid, and results before the first of them
};

/// Tiles of rows x cols results, in all images, and the items that hold them.
struct TileClass {
  int64_t rows, cols, tiles, items;

  STEIN_INLINE int64_t points() const { return (rows + 2) * (cols + 2); }
  /// f(of the class's own points, of the filter's 36) for each.
  template <class F>
  STEIN_INLINE void for_each_point(const F& f) const {
    int64_t point = 0;
    for (int64_t i = 0; i < rows + 2; ++i)
      for (int64_t j = 0; j < cols + 2; ++j, ++point) f(point, point_of(rows, i) * kPoints + point_of(cols, j));
  }
};

/// Transformed tiles lie in groups, as many as the widest micro-kernel of two vectors takes:
///     sources [group][channel block][point][tile of the group][B],  products and cotangents [group][point][tile][lanes of a panel]
/// so that what one tile writes is near, and what a micro-kernel reads is one stretch.
inline constexpr int64_t kGroup = kRegisters == 32 ? 14 : 6;
template <class T>
inline constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));  // B
template <class T>
inline constexpr int64_t kPanel = 2 * kLanes<T>;
template <class T>
inline constexpr int64_t kPanelGroup = 36 * kGroup* kPanel<T>;

/// Both passes are stride-1 correlations of src with a filter, of dst's size.
struct WinogradGeometry {
  int64_t n, src_h, src_w, src_c, dst_h, dst_w, dst_c, pad_h, pad_w;
  TileAxis rows, cols;
  int64_t groups;      // of tiles in an item at most
  int64_t src_blocks;  // cache lines of channels
  int64_t src_group;   // elements of a group of tiles, transformed
  int64_t items;
  TileClass classes[9];
};

template <class T>
STEIN_INLINE WinogradGeometry winograd_geometry(const ConvShape& s, ConvPass pass) {
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
                     {}};
  q.src_blocks = ceil_div(q.src_c, kLine<T>);
  q.src_group = q.src_blocks * 36 * kGroup * kLine<T>;
  int64_t all = 0;
  for (int i = 0; i < 9; ++i) {
    TileClass& k = q.classes[i];
    k.rows = 4 - i / 3;
    k.cols = 4 - i % 3;
    k.tiles = q.n * q.rows.count(k.rows) * q.cols.count(k.cols);
    all += ceil_div(k.tiles, kGroup);
  }
  // Two groups share a read of the filter's panel (or of the sums); more would leave the second-level cache.
  q.groups = all >= 16 ? 2 : 1;
  for (TileClass& k : q.classes) {
    k.items = ceil_div(ceil_div(k.tiles, kGroup), q.groups);
    q.items += k.items;
  }
  return q;
}

/// The tiles of an item: count of them from the first on, all of one class.
struct TileSpan {
  TileClass k;
  int64_t first, count;
};

STEIN_INLINE TileSpan tiles_of(const WinogradGeometry& q, int64_t item) {
  int i = 0;
  for (; item >= q.classes[i].items; ++i) item -= q.classes[i].items;
  const TileClass& k = q.classes[i];
  const int64_t groups = ceil_div(k.tiles, kGroup), first = item * groups / k.items * kGroup;
  return {k, first, min_of(k.tiles, (item + 1) * groups / k.items * kGroup) - first};
}

/// Where a tile is: its first result, and the image.
struct TilePlace {
  int64_t n, h0, w0;
};

/// What a range of items works in: transformed sources; the groups' products or cotangents of a panel; zeros for Pixels; places.
template <class T>
struct TileScratch {
  T *sources, *panels, *zeros;
  TilePlace* places;

  /// `channels`: of the images that Pixels reads.
  TileScratch(const WinogradGeometry& q, int64_t channels, void* memory)
      : sources(static_cast<T*>(memory)),
        panels(sources + q.groups * q.src_group),
        zeros(panels + q.groups * kPanelGroup<T>),
        places(reinterpret_cast<TilePlace*>(zeros + row(q, channels))) {
    __builtin_memset(zeros, 0, static_cast<size_t>(row(q, channels)) * sizeof(T));
  }
  static int64_t bytes(const WinogradGeometry& q, int64_t channels) {
    const int64_t elements = q.groups * (q.src_group + kPanelGroup<T>)+row(q, channels);
    return round_up(
        elements * static_cast<int64_t>(sizeof(T)) + q.groups * kGroup * static_cast<int64_t>(sizeof(TilePlace)), 64);
  }

 private:
  // A row of pixels as wide as a tile is, a whole number of lines.
  static int64_t row(const WinogradGeometry& q, int64_t channels) {
    return round_up((5 * q.cols.dilation + 1) * channels, kLine<T>);
  }
};

/// The places of the tiles of a span.
STEIN_INLINE void locate(const WinogradGeometry& q, const TileSpan& span, TilePlace* places) {
  const int64_t cols = q.cols.count(span.k.cols), per_image = q.rows.count(span.k.rows) * cols;
  const int64_t i = span.first % per_image;
  int64_t n = span.first / per_image;
  TileWalk row(q.rows, span.k.rows, i / cols), col(q.cols, span.k.cols, i % cols);
  for (int64_t k = 0; k < span.count; ++k) {
    places[k] = {n, row.origin(), col.origin()};
    if (!col.next() && !row.next()) ++n;
  }
}

/// H x W pixels of an image, the first at (h0, w0); there are zeros around it. `zeros`: of TileScratch.
template <int H, int W, class T>
class Pixels {
 public:
  STEIN_INLINE Pixels(const WinogradGeometry& q, const T* image, int64_t h0, int64_t w0, int64_t height, int64_t width,
                      int64_t channels, const T* zeros)
      : right_(q.cols.dilation * channels), w0_(w0), width_(width), step_(q.cols.dilation), zeros_(zeros) {
    const T* row = image + (h0 * width + w0) * channels;
    STEIN_UNROLL
    for (int i = 0; i < H; ++i) {
      const bool exists = static_cast<uint64_t>(h0 + i * q.rows.dilation) < static_cast<uint64_t>(height);
      rows_[i] = exists ? row : zeros;
      row += q.rows.dilation * width * channels;
    }
  }
  /// Column j of kLanes channels from c on, of which there are `lanes`.
  STEIN_INLINE void load_column(int j, int64_t c, int64_t lanes, Vec<T>* to) const {
    const bool exists = static_cast<uint64_t>(w0_ + j * step_) < static_cast<uint64_t>(width_);
    const int64_t offset = j * right_ + c;
    STEIN_UNROLL
    for (int i = 0; i < H; ++i) {
      const T* from = (exists ? rows_[i] : zeros_) + offset;  // without a branch, for tiles differ
      to[i] = lanes >= kLanes<T> ? load(from) : load_n(from, lanes);
    }
  }

 private:
  const T* rows_[H];
  int64_t right_, w0_, width_, step_;
  const T* zeros_;
};

/// B^T d B of all channels of the tile of R x C results at p.
template <class T, int R, int C>
void transform_source(const WinogradGeometry& q, const T* src, const TilePlace& p, const T* zeros, T* to) {
  constexpr int H = R + 2, W = C + 2;
  const Pixels<H, W, T> pixels(q, src + p.n * q.src_h * q.src_w * q.src_c, p.h0 - q.pad_h, p.w0 - q.pad_w, q.src_h,
                               q.src_w, q.src_c, zeros);
  for (int64_t c = 0; c < q.src_c; c += kLanes<T>) {
    const int64_t lanes = q.src_c - c;
    Vec<T> t[H * W];
    STEIN_UNROLL
    for (int j = 0; j < W; ++j) {
      Vec<T> d[H];
      pixels.load_column(j, c, lanes, d);
      winograd_source<T, R>(d, 1, t + j, W);
    }
    T* out = to + c / kLine<T> * 36 * kGroup * kLine<T> + c % kLine<T>;
    STEIN_UNROLL
    for (int i = 0; i < H; ++i) {
      // The next tile's places. A group is larger than the first-level cache: stores would wait for its lines one by one.
      STEIN_UNROLL
      for (int j = 0; j < W; ++j) __builtin_prefetch(out + (W * i + j) * kGroup * kLine<T> + kLine<T>, 1);
      Vec<T> line[W];
      winograd_source<T, C>(t + W * i, 1, line, 1);
      STEIN_UNROLL
      for (int j = 0; j < W; ++j) store(out + (W * i + j) * kGroup * kLine<T>, line[j]);
    }
  }
}

template <class T>
using SourceFn = void (*)(const WinogradGeometry& q, const T* src, const TilePlace& p, const T* zeros, T* to);
template <class T>
inline constexpr SourceFn<T> kTransformSource[3][3] = {
    {transform_source<T, 2, 2>, transform_source<T, 2, 3>, transform_source<T, 2, 4>},
    {transform_source<T, 3, 2>, transform_source<T, 3, 3>, transform_source<T, 3, 4>},
    {transform_source<T, 4, 2>, transform_source<T, 4, 3>, transform_source<T, 4, 4>}};

/// Finds a span's tiles and transforms all channels of them, to their places in the groups.
template <class T>
STEIN_INLINE void transform_sources(const WinogradGeometry& q, const T* src, const TileSpan& span,
                                    const TileScratch<T>& to) {
  constexpr int64_t kAhead = 2;  // tiles; their rows are too short for the hardware to see them coming
  const SourceFn<T> transform = kTransformSource<T>[span.k.rows - 2][span.k.cols - 2];
  locate(q, span, to.places);
  for (int64_t i = 0; i < span.count; ++i) {
    if (i + kAhead < span.count) {
      const TilePlace& p = to.places[i + kAhead];
      const T* row = src + ((p.n * q.src_h + p.h0) * q.src_w + p.w0) * q.src_c;
      for (int64_t r = 0; r < span.k.rows; ++r, row += q.rows.dilation * q.src_w * q.src_c)
        for (int64_t j = 0; j < span.k.cols; ++j)
          for (int64_t c = 0; c < q.src_c; c += kLine<T>) __builtin_prefetch(row + j * q.cols.dilation * q.src_c + c);
    }
    transform(q, src, to.places[i], to.zeros, to.sources + i / kGroup * q.src_group + i % kGroup * kLine<T>);
  }
}

}  // namespace stein::kernels::STEIN_UNIT
