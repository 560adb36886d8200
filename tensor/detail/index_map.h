// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "tensor/detail/host_device.h"

namespace stein::detail {

/// From an element's number to where N operands have it, for kernels: axis 0 is the innermost.
template <int N>
struct IndexMap {
  static constexpr int kMaxRank = 12;
  int rank = 0;
  std::int64_t size[kMaxRank] = {};
  std::int64_t stride[kMaxRank][N] = {};  // elements

  struct Offsets {
    std::int64_t at[N];
  };
  /// Of element i, with arithmetic of type I.
  template <class I>
  STEIN_HOST_DEVICE Offsets operator()(I i) const {
    Offsets o{};
    for (int a = 0; a < rank; ++a) {
      const I n = static_cast<I>(size[a]), index = i % n;
      i /= n;
      for (int k = 0; k < N; ++k) o.at[k] += static_cast<std::int64_t>(index) * stride[a][k];
    }
    return o;
  }
};

}  // namespace stein::detail
