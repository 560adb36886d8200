// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "ops/detail/resample_kernels.h"

namespace stein::kernels {

void resample_taps(int64_t in, int64_t out, ResampleMode mode, ResampleTap* taps) {
  const double ratio = mode == ResampleMode::kBilinearAlignCorners
                           ? (out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0.0)
                           : static_cast<double>(in) / static_cast<double>(out);
  for (int64_t p = 0; p < out; ++p) {
    ResampleTap& tap = taps[p];
    if (in == out) {
      tap = {p, p, 0.0};
    } else if (mode == ResampleMode::kNearest) {
      const float scale = static_cast<float>(in) / static_cast<float>(out);
      tap.first = out == 2 * in ? p / 2 : static_cast<int64_t>(std::floor(static_cast<float>(p) * scale));
      tap.first = tap.second = std::min(tap.first, in - 1);
      tap.weight = 0;
    } else {
      const double at = mode == ResampleMode::kBilinearAlignCorners
                            ? static_cast<double>(p) * ratio
                            : std::max(0.0, (static_cast<double>(p) + 0.5) * ratio - 0.5);
      tap.first = std::min(static_cast<int64_t>(at), in - 1);
      tap.second = std::min(tap.first + 1, in - 1);
      tap.weight = tap.second == tap.first ? 0.0 : at - static_cast<double>(tap.first);
    }
  }
}

}  // namespace stein::kernels
