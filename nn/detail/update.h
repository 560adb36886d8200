// SPDX-License-Identifier: MIT
// Raw row-major elements of parameters and what goes with them, for the kernels that update them in place.
#pragma once

#include <string_view>
#include <type_traits>

#include "tensor/tensor.h"
#include "tensor/thread_pool.h"

namespace stein::nn::detail {

/// Elements a thread takes at a time; a multiple of every pack.
inline constexpr std::int64_t kGrain = std::int64_t{1} << 15;

/// The kernel for elements of type T.
template <class T, class F32, class F64>
auto pick(F32 f32_kernel, F64 f64_kernel) {
  if constexpr (std::is_same_v<T, float>)
    return f32_kernel;
  else
    return f64_kernel;
}

/// `t` itself when row-major, else a row-major copy.
inline Tensor row_major_of(const Tensor& t) { return t.is_contiguous() ? t : stein::detail::dense_copy(t); }

/// Throws Error in the name of `op` unless `t` has the shape and dtype of `like`; `what` names it in the message.
void check_like(std::string_view op, std::string_view what, const Tensor& t, const Tensor& like);

}  // namespace stein::nn::detail
