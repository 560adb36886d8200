// SPDX-License-Identifier: MIT
#include "tensor/detail/transfer.h"

#include "tensor/detail/device_memory.h"
#include "tensor/error.h"

namespace stein::detail {

Transfer::Transfer(const Tensor& t, const Device& device) {
  if (t.device() == device) {
    tensor_ = t.detach();
    return;
  }
  const Tensor from = t.is_contiguous() || t.is_channels_last() ? t : dense_copy(t);
  tensor_ = empty_strided(t.shape(), from.strides(), t.dtype(), device);
  DeviceMemory& memory = device_memory(device);
  memory.wait(DeviceStream::copy, memory.record(DeviceStream::compute));  // for whoever had this memory before
  try {
    memory.upload(const_cast<void*>(tensor_.raw()), from.raw(),
                  t.numel() * static_cast<std::int64_t>(size_of(t.dtype())), DeviceStream::copy);
    copied_ = memory.record(DeviceStream::copy);
  } catch (...) {  // a part may be on its way into memory that is about to be free for kernels
    memory.wait(DeviceStream::compute, memory.record(DeviceStream::copy));
    throw;
  }
}

Tensor Transfer::arrive() {
  if (copied_) device_memory(tensor_.device()).wait(DeviceStream::compute, copied_);
  copied_.reset();
  return tensor_;
}

Transfer::~Transfer() {
  try {
    arrive();               // the memory is about to be free for kernels
  } catch (const Error&) {  // of a device that has failed: whatever it is asked next will say so
  }
}

}  // namespace stein::detail
