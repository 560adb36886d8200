// SPDX-License-Identifier: MIT
// Stacks of matrices: the last two axes are the matrix, what stands left of them is batch and broadcasts.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace stein::detail {

/// Offsets (in elements) of the matrices of t for each index of the broadcast batch shape, row-major.
inline std::vector<std::int64_t> batch_offsets(const Tensor& t, const Shape& batch) {
  std::vector<std::int64_t> offsets{0};
  for (int i = 0; i < batch.rank(); ++i) {
    const int axis = i - batch.rank() - 2;
    const auto stride = -axis <= t.rank() && t.size(axis) != 1 ? t.strides()[axis] : 0;
    std::vector<std::int64_t> next;
    next.reserve(offsets.size() * static_cast<std::size_t>(batch[i]));
    for (auto o : offsets)
      for (std::int64_t k = 0; k < batch[i]; ++k) next.push_back(o + k * stride);
    offsets.swap(next);
  }
  return offsets;
}

/// Of element number i of t's memory, for libraries of devices.
inline void* address_of(const Tensor& t, std::int64_t i = 0) {
  return const_cast<char*>(static_cast<const char*>(t.raw()) + i * static_cast<std::int64_t>(size_of(t.dtype())));
}

/// The axes left of the last two.
inline Shape batch_of(const Tensor& t) { return t.shape().slice(0, t.rank() - 2); }

/// Position of matrix number i of a batch, for messages: " (matrix (1, 2) of the batch)", nothing without a batch.
inline std::string which_matrix(std::int64_t i, const Shape& batch) {
  if (batch.empty()) return "";
  Dims position;
  for (auto s : row_major(batch)) {
    position.push_back(i / s);
    i %= s;
  }
  return " (matrix " + to_string(position) + " of the batch)";
}

/// Throws Error in the name of `op` unless t is floating and its last two axes are square.
inline void need_square(const char* op, const Tensor& t) {
  if (t.rank() < 2 || t.size(-1) != t.size(-2) || !is_floating(t.dtype()))
    fail(op, "square matrices (..., n, n) of dtype f32 or f64", describe(t));
}

}  // namespace stein::detail
