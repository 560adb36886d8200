// SPDX-License-Identifier: MIT
// What may stand between the brackets of x[...] and x(...): the pieces of NumPy's basic indexing.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace stein {

/// slice(start, stop, step): as Python's start:stop:step; negative start and stop count from the end. Steps may be
/// negative, as in NumPy.
struct Slice {
  /// An end that was left open.
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  std::int64_t start = kNone;  ///< first position
  std::int64_t stop = kNone;   ///< one behind the last
  std::int64_t step = 1;       ///< not 0
};
/// Positions start, start + step, ... before stop.
constexpr Slice slice(std::int64_t start, std::int64_t stop = Slice::kNone, std::int64_t step = 1) {
  return {start, stop, step};
}

/// One entry between the brackets.
struct Index {
  /// A position, a slice, a new axis of size 1, or as many full slices as are needed.
  enum class Kind : std::uint8_t { at, slice, newaxis, ellipsis };
  Kind kind;             ///< which of them
  Slice range{};         ///< of kind slice
  std::int64_t pos = 0;  ///< of kind at; negative: from the end

  Index(Slice s) : kind(Kind::slice), range(s) {}    ///< part of an axis
  Index(int i) : kind(Kind::at), pos(i) {}           ///< one position, whose axis goes
  Index(std::int64_t i) : kind(Kind::at), pos(i) {}  ///< one position, whose axis goes
  explicit Index(Kind k) : kind(k) {}                ///< newaxis and ellipsis
};

/// A whole axis: NumPy's `:`.
inline constexpr Slice all{};
inline const Index newaxis{Index::Kind::newaxis};    ///< an axis of size 1: NumPy's None
inline const Index ellipsis{Index::Kind::ellipsis};  ///< all axes that are not mentioned: NumPy's ...

/// Reads NumPy's text, for example "1:5, :, -1, ..., None, ::2". Throws Error on anything else.
std::vector<Index> parse_indices(std::string_view text);

}  // namespace stein
