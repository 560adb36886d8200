// SPDX-License-Identifier: MIT
// Device units only (tensor/kernel.h): blocks of threads on matrices (rows, columns) that lie row by row, `count` of them one after
// the other. Images that lie channels-last are such: a matrix for each image, with its pixels as rows and its channels as columns.
#pragma once

#include "tensor/detail/host_device.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {

/// How threads share the matrices. A block has one group of columns of one matrix and one of `parts` ranges of its rows: `across` threads
/// stand side by side on columns, a pack each, the others on further rows.
struct ColumnBlocks {
  static constexpr int kThreads = 256;
  std::int64_t count, rows, columns;
  int pack, across;          // across: a power of two
  std::int64_t parts, part;  // part: rows of a range

  STEIN_HOST_DEVICE int width() const { return pack * across; }
  STEIN_HOST_DEVICE int down() const { return kThreads / across; }
  STEIN_HOST_DEVICE std::int64_t groups() const { return (columns + width() - 1) / width(); }
  STEIN_HOST_DEVICE std::int64_t blocks() const { return count * groups() * parts; }
  /// What block number `work` has: rows begin to end, columns from `column` on.
  struct Range {
    std::int64_t matrix, part, begin, end, column;
  };
  STEIN_HOST_DEVICE Range range(std::int64_t work) const {
    const auto group = work % groups(), p = work / groups() % parts, begin = p * part, end = begin + part;
    return {work / groups() / parts, p, begin < rows ? begin : rows, end < rows ? end : rows, group * width()};
  }
  Grid grid() const { return {blocks() < 65536 ? blocks() : 65536, kThreads}; }
  /// Cuts the rows into ranges of that many.
  ColumnBlocks cut(std::int64_t into) const {
    ColumnBlocks b = *this;
    b.part = into;
    b.parts = (rows + into - 1) / into;
    return b;
  }
};

/// For elements of type T at `addresses`. Neighbouring threads take 128 bytes of a row, less (never below the 32 that memory gives at
/// once) while there are too few blocks for a device.
template <class T>
ColumnBlocks column_blocks(std::int64_t count, std::int64_t rows, std::int64_t columns,
                           std::initializer_list<const void*> addresses) {
  const int pack = columns % kPackOf<T> == 0 && aligned_for_packs(addresses) ? kPackOf<T> : 1;
  const int bytes = pack * static_cast<int>(sizeof(T));
  ColumnBlocks b{count, rows, columns, pack, 128 / bytes, 1, rows};
  while (b.across > 1 && (b.width() / 2 >= columns || (b.across * bytes > 32 && b.blocks() < 512))) b.across /= 2;
  return b;
}

/// f(std::integral_constant<int, pack>), for kernels on elements of type T.
template <class T, class F>
void by_pack(const ColumnBlocks& b, const F& f) {
  b.pack == 1 ? f(std::integral_constant<int, 1>{}) : f(std::integral_constant<int, kPackOf<T>>{});
}

/// Combines the rows of each column of each range by `op`: walk(mine, range, column, row, step) has a thread add rows row, row + step, ...
/// before range.end of the pack of columns from `column` on to mine[0..kPack); finish(range, column, all) is told a column's result.
template <int kPack, class State, class Op, class Walk, class Finish>
STEIN_KERNEL void fold_columns(Block& block, const ColumnBlocks& at, const State& neutral, const Op& op,
                               const Walk& walk, const Finish& finish) {
  STEIN_SHARED(State, room, ColumnBlocks::kThreads * kPack);
  for (auto work = block.index(); work < at.blocks(); work += block.count()) {
    const auto range = at.range(work);
    block.phase([&](int t) {
      State mine[kPack];
      STEIN_UNROLL
      for (int k = 0; k < kPack; ++k) mine[k] = neutral;
      const auto column = range.column + t % at.across * kPack;
      if (column < at.columns) walk(mine, range, column, range.begin + t / at.across, at.down());
      STEIN_UNROLL
      for (int k = 0; k < kPack; ++k) room[t * kPack + k] = mine[k];
    });
    for (int half = at.down() / 2; half > 0; half /= 2)
      block.phase([&](int t) {
        for (int i = t; i < half * at.width(); i += block.size()) {
          const State a = room[i], b = room[i + half * at.width()];
          room[i] = op(a, b);
        }
      });
    block.phase([&](int t) {
      for (int i = t; i < at.width() && range.column + i < at.columns; i += block.size()) {
        const State all = room[i];
        finish(range, range.column + i, all);
      }
    });
  }
}

}  // namespace stein::STEIN_UNIT
