// SPDX-License-Identifier: MIT
// Factorisations on the simulated device: the doubles of cuSOLVER and of cuBLAS' triangular solve find what the libraries would
// refuse or silently get wrong.
#include <catch2/catch.hpp>

#include "ops/detail/solver_batch.h"
#include "ops/ops.h"
#include "tensor/detail/device_blas.h"
#include "tensor/random.h"
#include "tests/support/error_of.h"

using namespace stein;
using stein::test::error_of;
using namespace stein::detail;
using Catch::Contains;

namespace {

Tensor spd(const Shape& shape) {
  Generator g(1);
  const Tensor x = randn(shape, g, f64);
  return matmul(x, transpose(x)) + eye(shape[-1], f64);
}
Tensor on_sim(const Tensor& t) { return copy_to(t, simulated); }

// A call with all the room that it asks for, and where its info goes.
struct Run {
  SolverCall call;
  Tensor scratch, info = empty({4}, u8, simulated);
  std::vector<char> host;
  SolverWork work;

  explicit Run(const SolverCall& c) : call(c) {
    const SolverRoom room = solver_room(simulated, c);
    scratch = empty({room.device}, u8, simulated);
    host.resize(static_cast<std::size_t>(room.host));
    work = {address_of(scratch), host.data(), room};
  }
  void go() const { solver_run(simulated, call, work, static_cast<int*>(address_of(info))); }
  std::string fault() const {
    return error_of([&] { go(); });
  }
};
std::string fault(const SolverCall& c) {
  return error_of([&] { Run(c).go(); });
}

}  // namespace

TEST_CASE("doubles of the solver on sim leave alone what lies between columns and in the other triangle",
          "[ops][linalg][sim]") {
  // Column-major 3 x 3 with columns of 5, the upper triangle of A and 9 elsewhere.
  const Tensor a = spd({3, 3}), l = cholesky(a);
  Tensor room = full({3, 5}, 9, f64), wanted = room.clone();
  narrow(room, 1, 0, 3).copy_(tril(a) + triu(full({3, 3}, 9, f64), 1));
  narrow(wanted, 1, 0, 3).copy_(l + triu(full({3, 3}, 9, f64), 1));
  const Tensor d = on_sim(room);
  Run(Potrf{f64, 3, address_of(d), 5}).go();
  CHECK(allclose(copy_to(d, cpu), wanted, 1e-14));
  // X op(A) = B, B (2 x 3) with columns of 4.
  Tensor b = full({3, 4}, 9, f64), x = b.clone();
  narrow(b, 1, 0, 2).copy_(arange(0., 6., 1., f64).reshape({3, 2}));
  narrow(x, 1, 0, 2).copy_(triangular_solve(l, narrow(b, 1, 0, 2)));
  const Tensor db = on_sim(b);
  device_trsm(simulated, {f64, true, false, 2, 3, address_of(d), 5, address_of(db), 4});
  CHECK(allclose(copy_to(db, cpu), x, 1e-14));
}

TEST_CASE("planted faults in calls of the solver on sim are found", "[ops][linalg][sim]") {
  const Tensor host = spd({3, 3}), a = on_sim(host), b = on_sim(ones({3, 2}, f64)), tau = empty({3}, f64, simulated);
  const Tensor pivots = empty({3}, i64, simulated);
  void *pa = address_of(a), *pb = address_of(b), *pt = address_of(tau);
  auto* pp = static_cast<std::int64_t*>(address_of(pivots));

  SECTION("leading dimensions and sizes") {
    CHECK(fault(Potrf{f64, 3, pa, 2}) ==
          "[cholesky] expected lda of at least 3 for potrf of A (3 x 3), lda 2, f64; got 2; "
          "CUSOLVER_STATUS_INVALID_VALUE");
    CHECK_THAT(fault(Potrf{f64, -1, pa, 2}), Contains("[cholesky] expected n of at least 0"));
    CHECK_THAT(fault(Getrf{f64, 3, pa, 0, pp}), Contains("[solve] expected lda of at least 3"));
    CHECK_THAT(fault(Getrs{f64, false, 3, 2, pa, 3, pp, pb, 2}),
               Contains("ldb of at least 3 for getrs of A (3 x 3), lda 3, B (3 x 2), ldb 2"));
    CHECK_THAT(fault(Getrs{f64, false, 3, -2, pa, 3, pp, pb, 3}), Contains("k of at least 0"));
    CHECK_THAT(fault(Geqrf{f64, 2, 3, pa, 3, pt}), Contains("[qr] expected m of at least 3"));
    CHECK_THAT(fault(Orgqr{f64, 3, 3, pa, 1, pt}), Contains("lda of at least 3 for orgqr"));
    // Allowed by the manual, and past the end of the memory.
    CHECK_THAT(fault(Potrf{f64, 3, pa, 4}), Contains("bytes inside one block of 72"));
    CHECK_THAT(fault(Potrf{f64, 4, pa, 4}), Contains("bytes inside one block of 72"));
  }
  SECTION("workspaces") {
    Run run(Potrf{f64, 3, pa, 3});
    REQUIRE(run.work.bytes.device > 0);
    REQUIRE(run.work.bytes.host > 0);
    Run small = run;
    small.work.bytes.device -= 1;
    CHECK_THAT(small.fault(), Contains("[cholesky] expected a workspace of at least") && Contains("bytes for potrf"));
    small = run;
    small.work.bytes.host = 0;
    CHECK_THAT(small.fault(), Contains("bytes on the host for potrf"));
    Run elsewhere = run;  // says that it is large enough
    elsewhere.work.device = pa;
    CHECK_THAT(elsewhere.fault(), Contains("bytes inside one block of 72"));
    elsewhere.work.device = run.host.data();
    CHECK_THAT(elsewhere.fault(), Contains("one of the host's"));
    run.scratch = small.scratch = elsewhere.scratch = {};
    CHECK_THAT(run.fault(), Contains("memory that was freed"));
  }
  SECTION("memory of the host's, that was freed, that nobody has written") {
    CHECK_THAT(fault(Potrf{f64, 3, const_cast<void*>(host.raw()), 3}), Contains("one of the host's"));
    std::vector<std::int64_t> here(3);
    CHECK_THAT(fault(Getrf{f64, 3, pa, 3, here.data()}), Contains("one of the host's"));
    CHECK_THAT(fault(Getrf{f64, 3, pa, 3, nullptr}), Contains("expected pivots") && Contains("got null"));
    void* gone = nullptr;
    {
      const Tensor t = on_sim(host);
      gone = address_of(t);
    }
    CHECK_THAT(fault(Geqrf{f64, 3, 3, gone, 3, pt}), Contains("memory that was freed"));
    const Tensor fresh = empty({3, 3}, f64, simulated);
    CHECK_THAT(fault(Potrf{f64, 3, address_of(fresh), 3}), Contains("that nobody has written"));
    CHECK_THAT(fault(Orgqr{f64, 3, 3, pa, 3, pt}), Contains("that nobody has written"));                // before geqrf
    CHECK_THAT(fault(Getrs{f64, false, 3, 2, pa, 3, pp, pb, 3}), Contains("that nobody has written"));  // before getrf
    const Tensor zero = zeros({3}, i64, simulated);
    CHECK_THAT(fault(Getrs{f64, false, 3, 2, pa, 3, static_cast<std::int64_t*>(address_of(zero)), pb, 3}),
               Contains("pivots that getrf made") && Contains("0 as number 1"));
    Run run(Potrf{f64, 3, pa, 3});
    int info = 0;
    CHECK_THAT(error_of([&] { solver_run(simulated, run.call, run.work, &info); }), Contains("one of the host's"));
    CHECK_THAT(error_of([&] { solver_run(simulated, run.call, run.work, nullptr); }), Contains("a place for info"));
  }
  SECTION("triangular solves") {
    const auto trsm = [&](const Trsm& t) { return error_of([&] { device_trsm(simulated, t); }); };
    CHECK(trsm({f64, true, false, 2, 3, pa, 2, pb, 2}) ==
          "[triangular_solve] expected lda of at least n; got 2; CUBLAS_STATUS_INVALID_VALUE");
    CHECK_THAT(trsm({f64, true, false, 2, 3, pa, 3, pb, 1}), Contains("ldb of at least m"));
    CHECK_THAT(trsm({f64, true, false, -2, 3, pa, 3, pb, 2}), Contains("m of at least 0"));
    CHECK_THAT(trsm({f64, true, false, 2, 3, pa, 3, pb, 3}), Contains("bytes inside one block of 48"));
    CHECK_THAT(trsm({f64, true, false, 2, 3, host.raw(), 3, pb, 2}), Contains("one of the host's"));
    CHECK_THAT(trsm({f64, true, false, 2, 3, pa, 3, pt, 1}), Contains("ldb"));
    CHECK_THAT(trsm({f64, true, false, 1, 3, pa, 3, pt, 1}), Contains("that nobody has written"));
    CHECK(trsm({f64, true, false, 2, 3, pa, 3, pb, 2}) == "no error");
  }
}
