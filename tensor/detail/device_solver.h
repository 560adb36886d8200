// SPDX-License-Identifier: MIT
// The seam to cuSOLVER: its calls as the manual states them (the 64-bit API; orgqr, which that lacks, the classic one), by the
// library on cuda and by a double on sim, which checks every argument and computes with the cpu's LAPACK. Matrices are
// COLUMN-major, one a call; a batch is a loop of calls. Calls wait for nothing, and kernels launched later see their results.
// What a call has found out, its info, stays on the device until somebody copies it to the host, and that copy waits.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "tensor/device.h"
#include "tensor/dtype.h"

namespace stein::detail {

/// The upper triangle of A (n x n) becomes U with A = U^T U; the lower one is neither read nor written. info: 0, or k when the
/// leading minor of order k is not positive.
struct Potrf {
  static constexpr const char *op = "cholesky", *routine = "potrf";
  DType dtype;
  std::int64_t n;
  void* a;
  std::int64_t lda;
};
/// A (n x n) becomes its factors P L U, `pivots` (n) the rows that were exchanged, from 1. info: 0, or k when U(k, k) is 0.
struct Getrf {
  static constexpr const char *op = "solve", *routine = "getrf";
  DType dtype;
  std::int64_t n;
  void* a;
  std::int64_t lda;
  std::int64_t* pivots;
};
/// B (n x k) becomes the X of op(A) X = B, with A and pivots as Getrf left them.
struct Getrs {
  static constexpr const char *op = "solve", *routine = "getrs";
  DType dtype;
  bool transpose;
  std::int64_t n, k;
  const void* a;
  std::int64_t lda;
  const std::int64_t* pivots;
  void* b;
  std::int64_t ldb;
};
/// A (m x n), m >= n, becomes R in its upper triangle and, below, the reflections that make Q, with tau (n).
struct Geqrf {
  static constexpr const char *op = "qr", *routine = "geqrf";
  DType dtype;
  std::int64_t m, n;
  void* a;
  std::int64_t lda;
  void* tau;
};
/// A (m x n) and tau as Geqrf left them become Q (m x n).
struct Orgqr {
  static constexpr const char *op = "qr", *routine = "orgqr";
  DType dtype;
  std::int64_t m, n;
  void* a;
  std::int64_t lda;
  const void* tau;
};
using SolverCall = std::variant<Potrf, Getrf, Getrs, Geqrf, Orgqr>;

/// Bytes of scratch memory, on the device and on the host.
struct SolverRoom {
  std::int64_t device = 0, host = 0;
};
/// Scratch memory for a call; on the device it may serve the next call, too.
struct SolverWork {
  void *device, *host;
  SolverRoom bytes;
};

/// What a call wants. Throws Error for arguments that the library refuses.
SolverRoom solver_room(const Device& device, const SolverCall& call);
/// Runs it. `info` (an int on the device): 0, or what the call says. Throws Error for arguments that the library refuses.
void solver_run(const Device& device, const SolverCall& call, const SolverWork& work, int* info);

/// "potrf of A (3 x 3), lda 3, f32", for messages.
std::string describe(const SolverCall& call);

namespace sim {
SolverRoom solver_room(const SolverCall& call);
void solver_run(const SolverCall& call, const SolverWork& work, int* info);
}  // namespace sim
namespace cuda {  // in builds with CUDA
SolverRoom solver_room(const SolverCall& call);
void solver_run(const SolverCall& call, const SolverWork& work, int* info);
}  // namespace cuda

}  // namespace stein::detail
