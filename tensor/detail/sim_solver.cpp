// SPDX-License-Identifier: MIT
// The double of cuSOLVER.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tensor/detail/device_solver.h"
#include "tensor/detail/sim_memory.h"
#include "tensor/error.h"
#include "tensor/lapack.h"

namespace stein::detail::sim {
namespace {

// cuSOLVER manual: sizes of at least 0, a leading dimension holds a column; what breaks this has the status INVALID_VALUE.
template <class Call>
struct Arguments {
  const Call& call;
  void need(bool right, const std::string& what, const std::string& got) const {
    if (!right) fail(Call::op, what + " for " + describe(SolverCall(call)), got, "CUSOLVER_STATUS_INVALID_VALUE");
  }
  void at_least(std::int64_t least, const char* what, std::int64_t got) const {
    need(got >= least, std::string(what) + " of at least " + std::to_string(least), std::to_string(got));
  }
  void leading(const char* what, std::int64_t ld, std::int64_t rows) const {
    at_least(std::max<std::int64_t>(1, rows), what, ld);
  }
  void given(const char* what, const void* address) const { need(address, what, "null"); }
};

void check(const Potrf& c) {
  const Arguments<Potrf> a{c};
  a.at_least(0, "n", c.n);
  a.leading("lda", c.lda, c.n);
}
void check(const Getrf& c) {
  const Arguments<Getrf> a{c};
  a.at_least(0, "n", c.n);
  a.leading("lda", c.lda, c.n);
  a.given("pivots, for without them no rows are exchanged,", c.pivots);
}
void check(const Getrs& c) {
  const Arguments<Getrs> a{c};
  a.at_least(0, "n", c.n);
  a.at_least(0, "k", c.k);
  a.leading("lda", c.lda, c.n);
  a.leading("ldb", c.ldb, c.n);
  a.given("pivots", c.pivots);
}
template <class Call>
void check_reflections(const Call& c) {
  const Arguments<Call> a{c};
  a.at_least(0, "n", c.n);
  a.at_least(c.n, "m", c.m);
  a.leading("lda", c.lda, c.m);
  a.given("tau", c.tau);
}
void check(const Geqrf& c) { check_reflections(c); }
void check(const Orgqr& c) { check_reflections(c); }

template <class T>
T* columns_of(const void* a, std::int64_t rows, std::int64_t columns, std::int64_t ld, Part part = Part::all) {
  return static_cast<T*>(reach_matrix(a, rows, columns, ld, sizeof(T), false, part));
}
template <class T>
T* vector_of(const void* v, std::int64_t n, bool writes) {
  return static_cast<T*>(reach(v, n * static_cast<std::int64_t>(sizeof(T)), writes));
}

// Each returns its info. What a call overwrites it has to read first, so that memory nobody has written is found.
template <class T>
std::int64_t run(const Potrf& c) {  // the upper triangle, read row by row, is the lower one
  return cholesky_factor(c.n, columns_of<T>(c.a, c.n, c.n, c.lda, Part::upper), c.lda);
}
template <class T>
std::int64_t run(const Getrf& c) {
  std::vector<int> pivots(static_cast<std::size_t>(c.n));
  const auto info = lu_factor(c.n, columns_of<T>(c.a, c.n, c.n, c.lda), c.lda, pivots.data());
  std::copy(pivots.begin(), pivots.end(), vector_of<std::int64_t>(c.pivots, c.n, true));
  return info;
}
template <class T>
std::int64_t run(const Getrs& c) {
  const auto* p = vector_of<std::int64_t>(c.pivots, c.n, false);
  std::vector<int> pivots;
  for (std::int64_t i = 0; i < c.n; ++i) {
    if (p[i] <= i || p[i] > c.n)
      fail(c.op, "pivots that getrf made for " + describe(SolverCall(c)),
           std::to_string(p[i]) + " as number " + std::to_string(i + 1));
    pivots.push_back(static_cast<int>(p[i]));
  }
  lu_solve(c.transpose, c.n, c.k, columns_of<T>(c.a, c.n, c.n, c.lda), c.lda, pivots.data(),
           columns_of<T>(c.b, c.n, c.k, c.ldb), c.ldb);
  return 0;
}
template <class T>
std::int64_t run(const Geqrf& c) {
  T* a = columns_of<T>(c.a, c.m, c.n, c.lda);
  qr_factor(c.m, c.n, a, c.lda, vector_of<T>(c.tau, c.n, true));
  return 0;
}
template <class T>
std::int64_t run(const Orgqr& c) {
  qr_columns(c.m, c.n, columns_of<T>(c.a, c.m, c.n, c.lda), c.lda, vector_of<T>(c.tau, c.n, false));
  return 0;
}

// As much as a library that works by blocks of 32 columns would take; getrs takes none, and orgqr none on the host.
template <class Call>
SolverRoom room(const Call& c) {
  if constexpr (std::is_same_v<Call, Getrs>) return {};
  const auto device = 32 * c.n * static_cast<std::int64_t>(size_of(c.dtype));
  return {device, std::is_same_v<Call, Orgqr> ? 0 : 8 * c.n};
}

}  // namespace

SolverRoom solver_room(const SolverCall& call) {
  return std::visit(
      [](const auto& c) {
        check(c);
        return room(c);
      },
      call);
}

void solver_run(const SolverCall& call, const SolverWork& work, int* info) {
  const SolverRoom wanted = solver_room(call);
  std::visit(
      [&](const auto& c) {
        const Arguments<std::decay_t<decltype(c)>> a{c};
        const auto enough = [&](const char* where, std::int64_t least, std::int64_t got) {
          a.need(got >= least, "a workspace of at least " + std::to_string(least) + " bytes" + where,
                 std::to_string(got));
        };
        enough("", wanted.device, work.bytes.device);
        enough(" on the host", wanted.host, work.bytes.host);
        a.given("a place for info", info);
        // Nobody may count on what lies there, before or afterwards.
        if (wanted.device)
          std::memset(reach(work.device, wanted.device, true), 0x7b, static_cast<std::size_t>(wanted.device));
        if (wanted.host) std::memset(work.host, 0x7b, static_cast<std::size_t>(wanted.host));
        const auto found = c.dtype == f32 ? run<float>(c) : run<double>(c);
        *vector_of<int>(info, 1, true) = static_cast<int>(found);
      },
      call);
}

}  // namespace stein::detail::sim
