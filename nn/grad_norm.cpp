// SPDX-License-Identifier: MIT
#include "nn/detail/grad_norm.h"

#include <algorithm>

#include "nn/detail/grad_norm_device.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein::nn::detail {
namespace {

// Of one device and dtype.
double sum_squares_of(const Tensors& tensors) {
  const Tensor& one = tensors.front();
  std::vector<kernels::SquaresArray> arrays;
  for (const auto& t : tensors) arrays.push_back({t.raw(), t.numel()});
  Tensors sums;
  for (std::size_t first = 0; first < arrays.size(); first += kernels::kMostSquares) {
    const auto count = std::min<std::size_t>(kernels::kMostSquares, arrays.size() - first);
    std::int64_t pieces = 0;
    for (auto i = first; i < first + count; ++i)
      pieces += (arrays[i].n + kernels::kSquaresPiece - 1) / kernels::kSquaresPiece;
    const auto blocks = std::clamp<std::int64_t>(pieces, 1, 1024);
    const Tensor sum_of_blocks = empty({blocks}, f64, one.device());
    kernels::device_sum_squares(one.device())({one.dtype() == f64, arrays.data() + first, static_cast<int>(count),
                                               static_cast<double*>(const_cast<void*>(sum_of_blocks.raw())), blocks});
    sums.push_back(sum(sum_of_blocks));
  }
  return (sums.size() == 1 ? sums[0] : sum(stack(sums, 0))).item();
}

}  // namespace

double sum_squares_on_devices(const Tensors& tensors) {
  NoGrad guard;
  Tensors left;
  for (const auto& t : tensors)
    left.push_back(t.is_contiguous() || t.is_channels_last() ? t : stein::detail::dense_copy(t));
  double total = 0;
  while (!left.empty()) {
    const auto others = std::stable_partition(left.begin(), left.end(), [&, one = left.front()](const Tensor& t) {
      return t.device() == one.device() && t.dtype() == one.dtype();
    });
    total += sum_squares_of({left.begin(), others});
    left.erase(left.begin(), others);
  }
  return total;
}

}  // namespace stein::nn::detail
