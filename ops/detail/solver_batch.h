// SPDX-License-Identifier: MIT
// Factorisations of stacks of matrices on a device.
#pragma once

#include <cstring>
#include <optional>

#include "ops/detail/matrix_batch.h"
#include "tensor/detail/device_solver.h"
#include "tensor/replay.h"

namespace stein::detail {

/// Runs make(i), i < count, calls that differ in addresses only: one after the other, in the same scratch memory. Returns their
/// infos, ints in the bytes of a u8 tensor that stays on the device; nothing waits.
template <class Make>
Tensor run_solver(const Device& device, std::int64_t count, const Make& make) {
  constexpr auto kInt = static_cast<std::int64_t>(sizeof(int));
  const Tensor infos = empty({count * kInt}, u8, device);
  if (count == 0) return infos;
  not_while_recording("a factorisation",
                      "it works in memory of the host, too: factor outside, and give the result as an input");
  const SolverRoom room = solver_room(device, make(0));
  const Tensor scratch = empty({room.device}, u8, device);
  std::vector<char> on_host(static_cast<std::size_t>(room.host));
  for (std::int64_t i = 0; i < count; ++i)
    solver_run(device, make(i), {address_of(scratch), on_host.data(), room},
               static_cast<int*>(address_of(infos, i * kInt)));
  return infos;
}

/// The first matrix whose info is not 0. Copies the infos to the host, so it waits for the device.
struct SolverFailure {
  std::int64_t matrix;
  int info;
};
inline std::optional<SolverFailure> first_failure(const Tensor& infos) {
  const auto bytes = infos.to_vector<std::uint8_t>();
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(int)) {
    int info;
    std::memcpy(&info, &bytes[at], sizeof info);
    if (info) return SolverFailure{static_cast<std::int64_t>(at / sizeof(int)), info};
  }
  return std::nullopt;
}

}  // namespace stein::detail
