// SPDX-License-Identifier: MIT
#include "tensor/detail/strided.h"

#include <cstring>

#include "tensor/detail/strided_device.h"
#include "tensor/thread_pool.h"

namespace stein::detail {
namespace {

template <class T>
void copy_typed(T* dst, const Strides& ds, const T* src, const Strides& ss, const Shape& shape) {
  // The longest outer axis is split over the pool; what a thread writes does not depend on the split.
  const auto total = numel(shape);
  int split = -1;
  for (int i = 0; i < shape.rank() && split < 0; ++i)
    if (shape[i] > 1) split = i;
  auto part = [&](std::int64_t begin, std::int64_t end) {
    Shape s = shape;
    const T* from = src;
    T* to = dst;
    if (split >= 0) {
      s[split] = end - begin;
      from += begin * ss[split];
      to += begin * ds[split];
    }
    Walk<2>(s, {ds, ss}).runs([&](std::int64_t n, auto at, auto st) {
      T* d = to + at[0];
      const T* r = from + at[1];
      if (st[0] == 1 && st[1] == 1)
        std::memcpy(d, r, static_cast<std::size_t>(n) * sizeof(T));
      else
        for (std::int64_t i = 0; i < n; ++i) d[i * st[0]] = r[i * st[1]];
    });
  };
  if (split < 0) return part(0, 1);
  const auto per_row = total / shape[split];
  parallel_for(shape[split], std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(per_row, 1)), part);
}

}  // namespace

void copy_strided(void* dst, const Strides& ds, const void* src, const Strides& ss, const Shape& shape,
                  std::size_t element_size, const Device& device) {
  if (numel(shape) == 0) return;
  if (device.kind != Device::Kind::cpu)
    return kernels::strided_copy(device)(
        {static_cast<int>(element_size), numel(shape), Walk<2>(shape, {ds, ss}).map(), dst, src});
  if (element_size == 8)
    return copy_typed(static_cast<std::uint64_t*>(dst), ds, static_cast<const std::uint64_t*>(src), ss, shape);
  if (element_size == 4)
    return copy_typed(static_cast<std::uint32_t*>(dst), ds, static_cast<const std::uint32_t*>(src), ss, shape);
  copy_typed(static_cast<std::uint8_t*>(dst), ds, static_cast<const std::uint8_t*>(src), ss, shape);
}

}  // namespace stein::detail
