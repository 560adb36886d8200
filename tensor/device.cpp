// SPDX-License-Identifier: MIT
#include "tensor/device.h"

#include <charconv>

#include "tensor/detail/device_blas.h"
#include "tensor/detail/device_driver.h"
#include "tensor/detail/sim_memory.h"
#include "tensor/device_kernel.h"
#include "tensor/error.h"

namespace stein {

std::string to_string(const Device& device) {
  return device.kind == Device::Kind::cpu   ? "cpu"
         : device.kind == Device::Kind::sim ? "sim"
                                            : "cuda:" + std::to_string(device.index);
}

int device_count(Device::Kind kind) {
  if (kind != Device::Kind::cuda) return 1;
#ifdef STEIN_HAVE_CUDA
  return detail::cuda::device_count();
#else
  return 0;
#endif
}

Device parse_device(std::string_view text) {
  if (text == "cpu") return cpu;
  if (text == "sim") return simulated;
#ifdef STEIN_HAVE_CUDA
  if (text == "cuda") return {Device::Kind::cuda, 0};
  if (text.substr(0, 5) == "cuda:") {
    Device device{Device::Kind::cuda, 0};
    const auto [end, error] = std::from_chars(text.data() + 5, text.data() + text.size(), device.index);
    if (error == std::errc() && end == text.data() + text.size() && device.index >= 0) return device;
  }
#else
  if (text.substr(0, 4) == "cuda")
    fail("device", "a device of this build: cpu or sim", text, "this stein was built without CUDA");
#endif
  fail("device", "cpu, sim or cuda:k", text);
}

void detail::use_device([[maybe_unused]] const Device& device) {
#ifdef STEIN_HAVE_CUDA
  if (device.kind == Device::Kind::cuda) cuda::use(device.index);
#endif
}

void detail::device_gemm(const Device& device, const GemmBatch& g) {
  if (device.kind == Device::Kind::sim) return sim::ask([g] { sim::gemm(g); });
#ifdef STEIN_HAVE_CUDA
  use_device(device);
  if (device.kind == Device::Kind::cuda) return cuda::gemm(g);
#endif
  no_device_kernel("matmul", device);
}

void detail::device_trsm(const Device& device, const Trsm& t) {
  if (device.kind == Device::Kind::sim) return sim::ask([t] { sim::trsm(t); });
#ifdef STEIN_HAVE_CUDA
  use_device(device);
  if (device.kind == Device::Kind::cuda) return cuda::trsm(t);
#endif
  no_device_kernel("triangular_solve", device);
}

void detail::no_device_kernel(const char* name, const Device& device) {
  fail(name, "a device that has this kernel", to_string(device),
       device.kind == Device::Kind::cuda ? "this stein was built without CUDA" : "");
}

}  // namespace stein
