// SPDX-License-Identifier: MIT
// Copies to a device beside its computations.
#pragma once

#include <utility>

#include "tensor/detail/device_driver.h"
#include "tensor/tensor.h"

namespace stein::detail {

/// A tensor of the host's on its way to a device, in the device's stream for copies. To the cpu there is no way to go.
class Transfer {
 public:
  Transfer() = default;
  /// `from` is free again when this returns.
  Transfer(const Tensor& from, const Device& device);
  ~Transfer();
  Transfer(Transfer&&) = default;
  Transfer& operator=(Transfer&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    std::swap(copied_, other.copied_);
    return *this;
  }

  /// The tensor on the device, without history. Kernels that are launched from now on wait for its bytes; the host does not.
  Tensor arrive();

 private:
  Tensor tensor_;
  EventRef copied_;  // null: nobody needs to wait
};

}  // namespace stein::detail
