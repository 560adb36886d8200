// SPDX-License-Identifier: MIT
#include <cusolverDn.h>

#include <map>
#include <string>

#include "tensor/detail/cuda_runtime.h"
#include "tensor/detail/device_solver.h"
#include "tensor/error.h"

namespace stein::detail::cuda {
namespace {

const char* status_name(cusolverStatus_t status) {  // the library has no function for this
  switch (status) {
#define STEIN_STATUS(name)     \
  case CUSOLVER_STATUS_##name: \
    return "CUSOLVER_STATUS_" #name;
    STEIN_STATUS(NOT_INITIALIZED)
    STEIN_STATUS(ALLOC_FAILED)
    STEIN_STATUS(INVALID_VALUE)
    STEIN_STATUS(ARCH_MISMATCH)
    STEIN_STATUS(MAPPING_ERROR)
    STEIN_STATUS(EXECUTION_FAILED)
    STEIN_STATUS(INTERNAL_ERROR)
    STEIN_STATUS(MATRIX_TYPE_NOT_SUPPORTED)
    STEIN_STATUS(NOT_SUPPORTED)
    STEIN_STATUS(INVALID_WORKSPACE)
#undef STEIN_STATUS
    default:
      return "";
  }
}

void check(const char* op, const std::string& what, cusolverStatus_t status) {
  if (status == CUSOLVER_STATUS_SUCCESS) return;
  fail(op, "success of cuSOLVER's " + what,
       "status " + std::to_string(static_cast<int>(status)) + " " + status_name(status));
}
template <class Call>
void check(const Call& call, cusolverStatus_t status) {
  if (status != CUSOLVER_STATUS_SUCCESS) check(Call::op, describe(SolverCall(call)), status);
}

// One for a host thread and a device.
struct Handle {
  cusolverDnHandle_t h = nullptr;
  cusolverDnParams_t params = nullptr;
  Handle() {
    check("cusolver", "cusolverDnCreate", cusolverDnCreate(&h));
    check("cusolver", "cusolverDnCreateParams", cusolverDnCreateParams(&params));
  }
  ~Handle() {
    cusolverDnDestroyParams(params);
    cusolverDnDestroy(h);
  }
};
Handle& handle() {
  thread_local std::map<int, Handle> of_devices;
  int device = 0;
  cuda::check("cusolver", cudaGetDevice(&device));
  Handle& one = of_devices[device];
  check("cusolver", "cusolverDnSetStream", cusolverDnSetStream(one.h, stream()));
  return one;
}

cudaDataType type(DType dtype) { return dtype == f32 ? CUDA_R_32F : CUDA_R_64F; }
constexpr auto kUpper = CUBLAS_FILL_MODE_UPPER;

cusolverStatus_t ask(Handle& h, const Potrf& c, std::size_t* device, std::size_t* host) {
  const auto t = type(c.dtype);
  return cusolverDnXpotrf_bufferSize(h.h, h.params, kUpper, c.n, t, c.a, c.lda, t, device, host);
}
cusolverStatus_t run(Handle& h, const Potrf& c, const SolverWork& w, std::size_t device, std::size_t host, int* info) {
  const auto t = type(c.dtype);
  return cusolverDnXpotrf(h.h, h.params, kUpper, c.n, t, c.a, c.lda, t, w.device, device, w.host, host, info);
}

cusolverStatus_t ask(Handle& h, const Getrf& c, std::size_t* device, std::size_t* host) {
  const auto t = type(c.dtype);
  return cusolverDnXgetrf_bufferSize(h.h, h.params, c.n, c.n, t, c.a, c.lda, t, device, host);
}
cusolverStatus_t run(Handle& h, const Getrf& c, const SolverWork& w, std::size_t device, std::size_t host, int* info) {
  const auto t = type(c.dtype);
  return cusolverDnXgetrf(h.h, h.params, c.n, c.n, t, c.a, c.lda, c.pivots, t, w.device, device, w.host, host, info);
}

cusolverStatus_t ask(Handle&, const Getrs&, std::size_t*, std::size_t*) { return CUSOLVER_STATUS_SUCCESS; }
cusolverStatus_t run(Handle& h, const Getrs& c, const SolverWork&, std::size_t, std::size_t, int* info) {
  const auto t = type(c.dtype);
  return cusolverDnXgetrs(h.h, h.params, c.transpose ? CUBLAS_OP_T : CUBLAS_OP_N, c.n, c.k, t, c.a, c.lda, c.pivots, t,
                          c.b, c.ldb, info);
}

cusolverStatus_t ask(Handle& h, const Geqrf& c, std::size_t* device, std::size_t* host) {
  const auto t = type(c.dtype);
  return cusolverDnXgeqrf_bufferSize(h.h, h.params, c.m, c.n, t, c.a, c.lda, t, c.tau, t, device, host);
}
cusolverStatus_t run(Handle& h, const Geqrf& c, const SolverWork& w, std::size_t device, std::size_t host, int* info) {
  const auto t = type(c.dtype);
  return cusolverDnXgeqrf(h.h, h.params, c.m, c.n, t, c.a, c.lda, t, c.tau, t, w.device, device, w.host, host, info);
}

// The classic API: 32-bit sizes, workspaces in elements.
int size32(const Orgqr& c, std::int64_t v) {
  if (v > INT32_MAX) fail(c.op, "sizes below 2^31", describe(SolverCall(c)));
  return static_cast<int>(v);
}
cusolverStatus_t ask(Handle& h, const Orgqr& c, std::size_t* device, std::size_t*) {
  const int m = size32(c, c.m), n = size32(c, c.n), ld = size32(c, c.lda);
  int elements = 0;
  const auto status = c.dtype == f32 ? cusolverDnSorgqr_bufferSize(h.h, m, n, n, static_cast<const float*>(c.a), ld,
                                                                   static_cast<const float*>(c.tau), &elements)
                                     : cusolverDnDorgqr_bufferSize(h.h, m, n, n, static_cast<const double*>(c.a), ld,
                                                                   static_cast<const double*>(c.tau), &elements);
  *device = static_cast<std::size_t>(elements) * size_of(c.dtype);
  return status;
}
cusolverStatus_t run(Handle& h, const Orgqr& c, const SolverWork& w, std::size_t device, std::size_t, int* info) {
  const int m = size32(c, c.m), n = size32(c, c.n), ld = size32(c, c.lda),
            elements = static_cast<int>(device / size_of(c.dtype));
  return c.dtype == f32
             ? cusolverDnSorgqr(h.h, m, n, n, static_cast<float*>(c.a), ld, static_cast<const float*>(c.tau),
                                static_cast<float*>(w.device), elements, info)
             : cusolverDnDorgqr(h.h, m, n, n, static_cast<double*>(c.a), ld, static_cast<const double*>(c.tau),
                                static_cast<double*>(w.device), elements, info);
}

}  // namespace

SolverRoom solver_room(const SolverCall& call) {
  std::size_t device = 0, host = 0;
  std::visit([&](const auto& c) { check(c, ask(handle(), c, &device, &host)); }, call);
  return {static_cast<std::int64_t>(device), static_cast<std::int64_t>(host)};
}

void solver_run(const SolverCall& call, const SolverWork& work, int* info) {
  const auto device = static_cast<std::size_t>(work.bytes.device), host = static_cast<std::size_t>(work.bytes.host);
  std::visit([&](const auto& c) { check(c, run(handle(), c, work, device, host, info)); }, call);
}

}  // namespace stein::detail::cuda
