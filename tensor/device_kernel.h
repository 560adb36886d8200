// SPDX-License-Identifier: MIT
// Kernels of devices, seen from the host. A header declares a function that launches one or several (tensor/kernel.h), and a
// function that picks it by device:
//     STEIN_DEVICE_KERNEL(strided_copy, void(const StridedCopyArgs& args))
//     ... kernels::strided_copy(device)(args)        // host side
// A file *.device.cpp defines it inside `namespace stein::kernels::STEIN_UNIT { void strided_copy(...) {...} }`. Arguments hold
// device addresses, as Tensor::raw() gives them.
#pragma once

#include <type_traits>

#include "tensor/device.h"

namespace stein::detail {
/// What this thread launches from now on runs there: a GPU of several.
void use_device(const Device& device);
/// Throws Error: there is no such kernel for the device.
[[noreturn]] void no_device_kernel(const char* name, const Device& device);
}  // namespace stein::detail

#ifdef STEIN_HAVE_CUDA
#define STEIN_CUDA_KERNEL_OR_NULL(name) &::stein::kernels::cuda::name
#else
#define STEIN_CUDA_KERNEL_OR_NULL(name) nullptr
#endif

#define STEIN_DEVICE_KERNEL(name, ...)                                                                                \
  namespace stein::kernels::sim {                                                                                     \
  std::type_identity_t<__VA_ARGS__> name;                                                                             \
  }                                                                                                                   \
  namespace stein::kernels::cuda {                                                                                    \
  std::type_identity_t<__VA_ARGS__> name;                                                                             \
  }                                                                                                                   \
  namespace stein::kernels {                                                                                          \
  inline auto name(const Device& device) {                                                                            \
    std::type_identity_t<__VA_ARGS__>* kernel = device.kind == Device::Kind::sim    ? &::stein::kernels::sim::name    \
                                                : device.kind == Device::Kind::cuda ? STEIN_CUDA_KERNEL_OR_NULL(name) \
                                                                                    : nullptr;                        \
    if (!kernel) ::stein::detail::no_device_kernel(#name, device);                                                    \
    ::stein::detail::use_device(device);                                                                              \
    return kernel;                                                                                                    \
  }                                                                                                                   \
  }
