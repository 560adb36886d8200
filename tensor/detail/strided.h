// SPDX-License-Identifier: MIT
// Walking several strided operands of one shape together, on the host.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/detail/index_map.h"
#include "tensor/device.h"
#include "tensor/shape.h"

namespace stein::detail {

/// The iteration space of N operands of one shape: axes of size 1 dropped, neighbouring axes merged where every operand
/// allows it. Axis 0 is the INNERMOST.
template <int N>
struct Walk {
  int rank = 0;
  std::array<std::int64_t, Dims::kMaxRank> size{};
  std::array<std::array<std::int64_t, N>, Dims::kMaxRank> stride{};  // elements

  /// `order` lists the axes from outermost to innermost; null: as they stand.
  Walk(const Shape& shape, const std::array<Strides, N>& strides, const int* order = nullptr) {
    for (int i = shape.rank() - 1; i >= 0; --i) {
      const int axis = order ? order[i] : i;
      const auto n = shape[axis];
      if (n == 1) continue;
      std::array<std::int64_t, N> s;
      for (int k = 0; k < N; ++k) s[static_cast<std::size_t>(k)] = strides[static_cast<std::size_t>(k)][axis];
      bool merges = rank > 0;
      if (merges) {
        const auto last = static_cast<std::size_t>(rank - 1);
        for (std::size_t k = 0; k < N; ++k) merges = merges && s[k] == stride[last][k] * size[last];
        if (merges) size[last] *= n;
      }
      if (!merges) {
        size[static_cast<std::size_t>(rank)] = n;
        stride[static_cast<std::size_t>(rank++)] = s;
      }
    }
  }

  /// The same for kernels of devices.
  IndexMap<N> map() const {
    static_assert(IndexMap<N>::kMaxRank == Dims::kMaxRank);
    IndexMap<N> m;
    m.rank = rank;
    for (std::size_t a = 0; a < static_cast<std::size_t>(rank); ++a) {
      m.size[a] = size[a];
      for (std::size_t k = 0; k < N; ++k) m.stride[a][k] = stride[a][k];
    }
    return m;
  }

  /// Calls f(count, offsets, strides) for every innermost run: `count` elements from `offsets`, `strides` apart.
  template <class F>
  void runs(F&& f) const {
    std::array<std::int64_t, N> at{};
    if (rank == 0) return f(std::int64_t{1}, at, std::array<std::int64_t, N>{});
    for (int i = 0; i < rank; ++i)
      if (size[static_cast<std::size_t>(i)] == 0) return;
    std::array<std::int64_t, Dims::kMaxRank> index{};
    for (;;) {
      f(size[0], at, stride[0]);
      int i = 1;
      for (; i < rank; ++i) {
        const auto a = static_cast<std::size_t>(i);
        for (std::size_t k = 0; k < N; ++k) at[k] += stride[a][k];
        if (++index[a] < size[a]) break;
        for (std::size_t k = 0; k < N; ++k) at[k] -= stride[a][k] * size[a];
        index[a] = 0;
      }
      if (i >= rank) return;
    }
  }
};

/// dst[i] = src[i] over `shape` for elements of `element_size` bytes (1, 4 or 8), both on `device`.
void copy_strided(void* dst, const Strides& dst_strides, const void* src, const Strides& src_strides,
                  const Shape& shape, std::size_t element_size, const Device& device = cpu);

}  // namespace stein::detail
