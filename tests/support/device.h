// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/device.h"
#include "tests/support/skip.h"

#ifdef STEIN_TEST_CUDA
#define STEIN_TEST_DEVICE "cuda"
#else
#define STEIN_TEST_DEVICE "sim"
#endif

namespace stein::test {

/// Where the tests of devices compute: on the simulated one, and in the program test_gpu, made of the same files, on a physical
/// GPU. Without a GPU the test is skipped.
inline Device test_device() {
#ifdef STEIN_TEST_CUDA
  const Device gpu{Device::Kind::cuda, 0};
  if (device_count(gpu.kind) == 0) skip("no GPU here");
  return gpu;
#else
  return simulated;
#endif
}

}  // namespace stein::test
