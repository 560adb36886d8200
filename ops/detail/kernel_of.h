// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

/// kernels::name_f32() or kernels::name_f64(), by T.
#define STEIN_KERNEL_OF(T, name)            \
  [] {                                      \
    if constexpr (std::is_same_v<T, float>) \
      return kernels::name##_f32();         \
    else                                    \
      return kernels::name##_f64();         \
  }()
