// SPDX-License-Identifier: MIT
#include "ops/detail/axis_view.h"

namespace stein::detail {

void check_index(const char* op, const Tensor& index, std::int64_t size) {
  if (index.device() != cpu) return;
  const std::int64_t* p = index.data<std::int64_t>();
  for (std::int64_t i = 0; i < index.numel(); ++i) {
    if (p[i] >= 0 && p[i] < size) continue;
    Dims position;
    auto rest = i;
    for (auto s : row_major(index.shape())) {
      position.push_back(rest / s);
      rest %= s;
    }
    fail(op, "indices in [0, " + std::to_string(size) + ")",
         std::to_string(p[i]) + " at position " + to_string(position) + " of the index " + describe(index));
  }
}

}  // namespace stein::detail
