// SPDX-License-Identifier: MIT
#include "tensor/shape.h"

#include <algorithm>
#include <ostream>

namespace stein {

Dims Dims::filled(int rank, std::int64_t value) {
  Dims d;
  for (int i = 0; i < rank; ++i) d.push_back(value);
  return d;
}

void Dims::push_back(std::int64_t value) {
  if (rank_ == kMaxRank)
    fail("shape", "at most " + std::to_string(kMaxRank) + " axes", "one more after " + to_string(*this));
  data_[static_cast<std::size_t>(rank_++)] = value;
}

void Dims::insert(int before, std::int64_t value) {
  if (before < 0 || before > rank_) out_of_range(before);
  push_back(value);
  std::rotate(begin() + before, end() - 1, end());
}

void Dims::erase(int axis) {
  const auto p = static_cast<std::ptrdiff_t>(position(axis));
  std::rotate(begin() + p, begin() + p + 1, end());
  --rank_;
}

void Dims::out_of_range(int axis) const {
  fail("shape", "an axis in [" + std::to_string(-rank_) + ", " + std::to_string(rank_) + ")",
       std::to_string(axis) + " for " + to_string(*this));
}

Dims operator+(const Dims& a, const Dims& b) {
  Dims r = a;
  for (auto v : b) r.push_back(v);
  return r;
}

std::ostream& operator<<(std::ostream& out, const Dims& dims) { return out << to_string(dims); }

std::string to_string(const Dims& dims) {
  std::string s = "(";
  for (int i = 0; i < dims.rank(); ++i) s += (i ? ", " : "") + std::to_string(dims[i]);
  return s + (dims.rank() == 1 ? ",)" : ")");
}

std::int64_t numel(const Shape& shape) {
  std::int64_t n = 1;
  bool overflow = false, zero = false;
  for (auto d : shape) {
    if (d < 0) fail("shape", "sizes of at least 0", to_string(shape));
    zero = zero || d == 0;
    // Zero sizes are left out of the product: strides are products of the other sizes and must fit too.
    overflow = overflow || __builtin_mul_overflow(n, std::max<std::int64_t>(d, 1), &n);
  }
  if (overflow) fail("shape", "at most 2^63 - 1 elements", to_string(shape));
  return zero ? 0 : n;
}

Strides row_major(const Shape& shape) {
  Strides s = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) s[i] = s[i + 1] * std::max<std::int64_t>(shape[i + 1], 1);
  return s;
}

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape r = Dims::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const auto x = i <= a.rank() ? a[-i] : 1, y = i <= b.rank() ? b[-i] : 1;
    if (x != y && x != 1 && y != 1)
      fail(op, "shapes that broadcast (equal sizes or 1, counted from the right)",
           to_string(a) + " and " + to_string(b),
           "axis " + std::to_string(-i) + " has " + std::to_string(x) + " and " + std::to_string(y));
    r[-i] = x == 1 ? y : x;
  }
  return r;
}

int normal_axis(std::string_view op, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    fail(op, "an axis in [" + std::to_string(-rank) + ", " + std::to_string(rank) + ")", std::to_string(axis));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Axes from_end(std::string_view op, const Axes& axes, int rank) {
  Axes r;
  if (axes.empty()) {
    for (int i = -rank; i < 0; ++i) r.push_back(i);
    return r;
  }
  const int counted = std::max(rank, 1);  // rank 0 takes the axis of a vector with one element
  for (auto a : axes) r.push_back(normal_axis(op, a, counted) - counted);
  std::sort(r.begin(), r.end());
  if (std::adjacent_find(r.begin(), r.end()) != r.end()) fail(op, "each axis once", to_string(axes));
  return rank == 0 ? Axes{} : r;
}

}  // namespace stein
