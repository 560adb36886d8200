// SPDX-License-Identifier: MIT
#pragma once

#include "tensor/tensor.h"

namespace stein::nn::detail {

/// The sum of the squares of all elements of floating tensors on devices other than the cpu: a launch for (up to 1024 of) those of one
/// device and dtype, and one number that the host waits for a group.
double sum_squares_on_devices(const Tensors& tensors);

}  // namespace stein::nn::detail
