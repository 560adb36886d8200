// SPDX-License-Identifier: MIT
// Indices out of range, met by kernels. A kernel cannot throw, and a host that looked at every index before would wait for the
// device at each lookup. So the kernel goes on without the element, notes the first such index in a record on the device, and the
// next copy to the host, which waits anyway and brings the record along, throws.
#pragma once

#include <cstdint>

#include "tensor/device.h"

namespace stein::detail {

/// The device's record, as a kernel sees it: it claims number 0 and then writes the others.
struct IndexFault {
  enum Place { claimed, op, value, position, size, kPlaces };
  enum Op : std::int64_t { gather, index_select, scatter_add, index_add };
};
/// Where it lies on the device, 0 where nothing happened.
std::int64_t* index_fault(const Device& device);

/// Copies to the host, where the bytes are when this returns. Throws Error in the op's name when an index was out of range since the
/// last call, and forgets it.
void download_checked(const Device& device, void* to, const void* from, std::int64_t bytes);

}  // namespace stein::detail
