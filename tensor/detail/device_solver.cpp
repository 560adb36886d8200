// SPDX-License-Identifier: MIT
#include "tensor/detail/device_solver.h"

#include "tensor/device_kernel.h"

namespace stein::detail {
namespace {

std::string matrix(const char* name, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  return std::string(name) + " (" + std::to_string(rows) + " x " + std::to_string(columns) + "), ld" +
         static_cast<char>(name[0] - 'A' + 'a') + " " + std::to_string(ld) + ", ";
}

std::string sizes(const Potrf& c) { return matrix("A", c.n, c.n, c.lda); }
std::string sizes(const Getrf& c) { return matrix("A", c.n, c.n, c.lda); }
std::string sizes(const Getrs& c) { return matrix("A", c.n, c.n, c.lda) + matrix("B", c.n, c.k, c.ldb); }
std::string sizes(const Geqrf& c) { return matrix("A", c.m, c.n, c.lda); }
std::string sizes(const Orgqr& c) { return matrix("A", c.m, c.n, c.lda); }

const char* op_of(const SolverCall& call) {
  return std::visit([](const auto& c) { return c.op; }, call);
}

}  // namespace

std::string describe(const SolverCall& call) {
  return std::visit(
      [](const auto& c) { return std::string(c.routine) + " of " + sizes(c) + std::string(name_of(c.dtype)); }, call);
}

SolverRoom solver_room(const Device& device, const SolverCall& call) {
  if (device.kind == Device::Kind::sim) return sim::solver_room(call);
#ifdef STEIN_HAVE_CUDA
  use_device(device);
  if (device.kind == Device::Kind::cuda) return cuda::solver_room(call);
#endif
  no_device_kernel(op_of(call), device);
}

void solver_run(const Device& device, const SolverCall& call, const SolverWork& work, int* info) {
  if (device.kind == Device::Kind::sim) return sim::solver_run(call, work, info);
#ifdef STEIN_HAVE_CUDA
  use_device(device);
  if (device.kind == Device::Kind::cuda) return cuda::solver_run(call, work, info);
#endif
  no_device_kernel(op_of(call), device);
}

}  // namespace stein::detail
