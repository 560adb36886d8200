// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace stein {

/// A short list of integers kept inline: shapes, strides and lists of axes. At most kMaxRank entries.
/// Indexing accepts negative positions counted from the end, as in NumPy.
class Dims {
 public:
  static constexpr int kMaxRank = 12;  ///< most entries

  Dims() = default;
  /// Throws Error for more than kMaxRank.
  Dims(std::initializer_list<std::int64_t> values) : Dims(values.begin(), values.end()) {}
  /// One entry: sum(x, 1), zeros(5).
  template <std::integral I>
  Dims(I value) : rank_(1) {
    data_[0] = static_cast<std::int64_t>(value);
  }
  /// The entries of [first, last). Throws Error for more than kMaxRank.
  template <class It>
  Dims(It first, It last) {
    for (; first != last; ++first) push_back(static_cast<std::int64_t>(*first));
  }
  static Dims filled(int rank, std::int64_t value);  ///< `rank` times `value`

  int rank() const { return rank_; }                                    ///< number of entries
  bool empty() const { return rank_ == 0; }                             ///< whether there are none
  std::size_t size() const { return static_cast<std::size_t>(rank_); }  ///< number of entries
  /// Throws Error when `axis` is not in [-rank, rank).
  std::int64_t operator[](int axis) const { return data_[position(axis)]; }
  std::int64_t& operator[](int axis) { return data_[position(axis)]; }  ///< to be written
  std::int64_t back() const { return (*this)[-1]; }                     ///< the last; throws Error when there is none

  void push_back(std::int64_t value);           ///< throws Error at kMaxRank
  void insert(int before, std::int64_t value);  ///< so that it stands at `before`; throws Error at kMaxRank
  void erase(int axis);                         ///< negative: from the end
  /// The sub-list [first, last).
  Dims slice(int first, int last) const { return Dims(begin() + first, begin() + last); }

  const std::int64_t* begin() const { return data_.data(); }        ///< first entry
  const std::int64_t* end() const { return data_.data() + rank_; }  ///< behind the last
  std::int64_t* begin() { return data_.data(); }                    ///< first entry
  std::int64_t* end() { return data_.data() + rank_; }              ///< behind the last

  /// The same entries in the same order.
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.data_[static_cast<std::size_t>(i)] != b.data_[static_cast<std::size_t>(i)]) return false;
    return true;
  }

 private:
  std::size_t position(int axis) const {
    const int p = axis < 0 ? axis + rank_ : axis;
    if (p < 0 || p >= rank_) out_of_range(axis);
    return static_cast<std::size_t>(p);
  }
  [[noreturn]] void out_of_range(int axis) const;

  std::array<std::int64_t, kMaxRank> data_;  // only the first rank_ entries are ever read
  int rank_ = 0;
};

using Shape = Dims;    ///< sizes of axes
using Strides = Dims;  ///< elements between neighbours along each axis
using Axes = Dims;     ///< positions of axes

/// Concatenation: lead axes + core axes.
Dims operator+(const Dims& a, const Dims& b);

/// "(2, 3)"; "()" for rank 0; "(2,)" for rank 1, as NumPy prints it.
std::string to_string(const Dims& dims);
std::ostream& operator<<(std::ostream& out, const Dims& dims);  ///< writes to_string(dims)

/// Number of elements (1 for rank 0). Throws Error on negative sizes and when the product overflows int64.
std::int64_t numel(const Shape& shape);

/// Row-major strides, in elements.
Strides row_major(const Shape& shape);

/// NumPy broadcasting. Throws Error in the name of `op` when the shapes do not agree.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);

/// `axis` as a non-negative position in [0, rank). Throws Error in the name of `op`.
int normal_axis(std::string_view op, std::int64_t axis, int rank);

/// Axes as sorted, distinct, NEGATIVE positions (counted from the end), so that axes added on the left do not disturb
/// them. An empty list means all axes; for rank 0, which takes axis 0 or -1 as PyTorch does, the result is empty. Throws
/// Error in the name of `op` when one is out of range or stands twice.
Axes from_end(std::string_view op, const Axes& axes, int rank);

}  // namespace stein
