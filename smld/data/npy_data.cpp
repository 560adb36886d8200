// SPDX-License-Identifier: MIT
#include "smld/data/npy_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensor/npy.h"

namespace stein::smld {

Dataset read_npy_data(const std::string& path) {
  Tensor x = load_npy(path);
  if (x.rank() < 2 || x.rank() > 4 || x.dtype() == i64 || x.dtype() == boolean)
    fail("npy data", "u8, f32 or f64 images (N, C, H, W) or (N, H, W), or vectors (N, D)",
         fmt::format("{} in '{}'", describe(x), path));
  if (x.dtype() == f64) {
    Tensor single = empty(x.shape());
    std::transform(x.data<double>(), x.data<double>() + x.numel(), single.mutable_data<float>(),
                   [](double v) { return static_cast<float>(v); });
    x = single;
  }
  if (x.rank() == 3) {
    const Shape shape{x.size(0), 1, x.size(1), x.size(2)};
    x = as_strided(x, shape, row_major(shape), 0);
  }
  return Dataset(path, x);
}

}  // namespace stein::smld
