// SPDX-License-Identifier: MIT
#include "autograd/finite.h"

#include <algorithm>
#include <cmath>

namespace stein {

bool all_finite(const Tensor& t) {
  if (!is_floating(t.dtype()) || t.numel() == 0) return true;
  return visit_floating("isfinite", t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor here = t.device() == cpu ? t : detail::copy_to(t, cpu);
    const Tensor dense = here.is_contiguous() || here.is_channels_last() ? here : detail::dense_copy(here);
    const T* p = dense.data<T>();
    return std::all_of(p, p + t.numel(), [](T v) { return std::isfinite(v); });
  });
}

void detail::require_finite(const char* op, std::span<const Tensor> outputs) {
  for (const auto& t : outputs)
    if (t.defined() && !all_finite(t)) fail(op, "finite results", "NaN or infinity in " + describe(t));
}

}  // namespace stein
