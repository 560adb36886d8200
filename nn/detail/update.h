// SPDX-License-Identifier: MIT
// One step of optimisers and averages: what is done to which elements, and the pass over memory that does it.
#pragma once

#include <string_view>
#include <type_traits>
#include <vector>

#include "nn/detail/update_kernels.h"
#include "tensor/tensor.h"

namespace stein::nn::detail {

/// What a step does to one parameter and to its average. All tensors are row-major, of one shape, dtype and device.
struct Update {
  UpdateRule rule;  ///< none: the parameter stays as it is
  Tensor parameter, gradient;
  Tensors slots;      ///< the rule's state
  Tensor average{};   ///< undefined: there is none
  double weight = 0;  ///< average += weight (parameter - average)
};

/// All of them in one pass over memory: on the cpu piece by piece on all threads, on a device in one launch for each rule. The
/// same bits for any number of threads and any SIMD level.
void update_all(const std::vector<Update>& updates);

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

/// Throws Error in the name of `op` unless `t` has the shape, dtype and device of `like`; `what` names it in the message.
void check_like(std::string_view op, std::string_view what, const Tensor& t, const Tensor& like);

}  // namespace stein::nn::detail
