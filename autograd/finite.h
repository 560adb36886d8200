// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace stein {

namespace detail {
inline thread_local bool checks_finite = false;
/// Throws Error naming `op` when an output holds NaN or infinity.
void require_finite(const char* op, std::span<const Tensor> outputs);
}  // namespace detail

/// While alive, every op of this thread checks its outputs and throws Error, naming itself, at the first value that is not
/// finite. Slow: for replaying a step that went wrong.
class CheckFinite {
 public:
  CheckFinite() : before_(detail::checks_finite) { detail::checks_finite = true; }
  ~CheckFinite() { detail::checks_finite = before_; }
  CheckFinite(const CheckFinite&) = delete;
  CheckFinite& operator=(const CheckFinite&) = delete;

 private:
  bool before_;
};

/// True when every element is finite (always for integers and bools).
bool all_finite(const Tensor& t);

}  // namespace stein
