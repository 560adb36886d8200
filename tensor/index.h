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
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  std::int64_t start = kNone, stop = kNone, step = 1;
};
constexpr Slice slice(std::int64_t start, std::int64_t stop = Slice::kNone, std::int64_t step = 1) {
  return {start, stop, step};
}

struct Index {
  enum class Kind : std::uint8_t { at, slice, newaxis, ellipsis };
  Kind kind;
  Slice range{};         // kind slice
  std::int64_t pos = 0;  // kind at

  Index(Slice s) : kind(Kind::slice), range(s) {}
  Index(int i) : kind(Kind::at), pos(i) {}
  Index(std::int64_t i) : kind(Kind::at), pos(i) {}
  explicit Index(Kind k) : kind(k) {}
};

inline constexpr Slice all{};
inline const Index newaxis{Index::Kind::newaxis}, ellipsis{Index::Kind::ellipsis};

/// Reads NumPy's text, for example "1:5, :, -1, ..., None, ::2". Throws Error on anything else.
std::vector<Index> parse_indices(std::string_view text);

}  // namespace stein
