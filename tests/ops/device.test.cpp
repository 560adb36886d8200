// SPDX-License-Identifier: MIT
// Ops on a device: what every_op_device.test.cpp does not show, batches, matrices without elements, and errors.
#include <catch2/catch.hpp>

#include "ops/ops.h"
#include "tensor/random.h"
#include "tests/support/device.h"
#include "tests/support/error_of.h"

using namespace stein;
using Catch::Contains;
using stein::test::error_of;
using stein::test::test_device;

namespace {

Tensor moved(const Tensor& t) { return t.to(test_device()); }

}  // namespace

TEST_CASE("batches are factored on " STEIN_TEST_DEVICE " as on the cpu, in both dtypes, whatever their layout",
          "[ops][linalg][device]") {
  Generator g(2);
  for (const auto dtype : {f32, f64}) {
    const double tolerance = dtype == f32 ? 1e-5 : 1e-13;
    const auto same = [&](const Tensor& there, const Tensor& here) {
      CHECK(there.device() == test_device());
      CHECK(there.is_contiguous());
      CHECK(allclose(there.to(cpu), here, tolerance, tolerance));
    };
    const Tensor x = randn({2, 3, 5, 5}, g, dtype), a = matmul(x, transpose(x)) + eye(5, dtype);
    const Tensor b = randn({3, 5, 2}, g, dtype), tall = randn({3, 6, 4}, g, dtype);
    const Tensor da = moved(a), db = moved(b), dt = moved(tall);
    same(cholesky(da), cholesky(a));
    same(cholesky(transpose(da)), cholesky(a));
    same(solve(da, db), solve(a, b));
    same(solve(narrow(da, 0, 0, 1), expand(db, {2, 3, 5, 2})), solve(narrow(a, 0, 0, 1), expand(b, {2, 3, 5, 2})));
    for (const bool upper : {false, true})
      for (const bool transposed : {false, true})
        same(triangular_solve(da, db, upper, transposed), triangular_solve(a, b, upper, transposed));
    const auto [dq, dr] = qr(dt);
    const auto [q, r] = qr(tall);
    same(dq, q);
    same(dr, r);
    same(qr(transpose(dt)).second, qr(transpose(tall)).second);
  }
}

TEST_CASE("matrices without elements and batches without matrices need no call on " STEIN_TEST_DEVICE "",
          "[ops][linalg][device]") {
  const auto z = [](const Shape& shape) { return zeros(shape, f64, test_device()); };
  CHECK(cholesky(z({0, 0})).shape() == Shape{0, 0});
  CHECK(cholesky(z({0, 3, 3})).shape() == Shape{0, 3, 3});
  CHECK(solve(z({0, 3, 3}), z({3, 2})).shape() == Shape{0, 3, 2});
  CHECK(solve(z({0, 0}), z({0, 2})).shape() == Shape{0, 2});
  CHECK(solve(moved(eye(3, f64)), z({3, 0})).shape() == Shape{3, 0});
  CHECK(triangular_solve(z({3, 3}), z({3, 0})).shape() == Shape{3, 0});
  CHECK(qr(z({3, 0})).first.shape() == Shape{3, 0});
  CHECK(qr(z({0, 3, 2})).second.shape() == Shape{0, 2, 2});
}

TEST_CASE("what no factorisation exists for is refused on " STEIN_TEST_DEVICE " in the words of the cpu",
          "[ops][linalg][device]") {
  const Tensor indefinite = tensor({{1, 2}, {2, 1}}, f64), singular = tensor({{1, 2}, {2, 4}}, f64);
  const auto same = [](const auto& op, const Tensor& a, const char* part) {
    const auto there = error_of([&] { op(moved(a)); });
    CHECK_THAT(there, Contains(part));
    CHECK(there == error_of([&] { op(a); }));
  };
  const auto factor = [](const Tensor& a) { cholesky(a); };
  const auto solution = [](const Tensor& a) { solve(a, ones({2, 1}, f64, a.device())); };
  same(factor, indefinite, "one whose pivot 1 is not positive; add");
  same(factor, concat({eye(2, f64), indefinite, -eye(2, f64)}).reshape({3, 1, 2, 2}),
       "pivot 1 is not positive (matrix (1, 0) of the batch)");
  same(solution, singular, "[solve] expected matrices that are not singular; got one whose pivot 1 is 0");
  same(solution, concat({eye(2, f64), singular}).reshape({2, 2, 2}), "pivot 1 is 0 (matrix (1,) of the batch)");
  // A zero on a triangle's diagonal is no error: the solution is infinite.
  CHECK(equal(triangular_solve(moved(zeros({1, 1}, f64)), moved(ones({1, 1}, f64))).to(cpu),
              triangular_solve(zeros({1, 1}, f64), ones({1, 1}, f64))));
}

TEST_CASE("an index out of range on " STEIN_TEST_DEVICE
          " is found by the next copy to the host, and harms nothing else",
          "[ops][layout][device]") {
  const Device there = test_device();
  const Tensor x = moved(tensor({{1, 2}, {3, 4}, {5, 6}})), good = moved(from_vector<std::int64_t>({2, 0, 2}, {3}));
  const auto index = [](std::int64_t bad) { return moved(from_vector<std::int64_t>({0, bad, 2}, {3})); };
  const auto found = [](const Tensor& t) { return error_of([&] { t.to(cpu); }); };
  const std::string device = to_string(there);
  for (const std::int64_t bad : {-1, 3, 1 << 30}) {
    const auto got =
        "expected indices in [0, 3); got " + std::to_string(bad) + " as element 1 of an index on " + device;
    const Tensor wrong = index(bad);
    CHECK_THAT(found(index_select(x, 0, wrong)), Contains("[index_select] " + got));
    CHECK_THAT(found(index_add(x, 0, wrong, 3)), Contains("[index_add] " + got));
    CHECK_THAT(found(gather(moved(tensor({1, 2, 3})), 0, wrong)), Contains("[gather] " + got));
    CHECK_THAT(found(scatter_add(moved(tensor({1, 2, 3})), 0, wrong, 3)), Contains("[scatter_add] " + got));
    CHECK(found(x) == "no error");  // said once
  }
  // Whatever is copied, and of several faults the first: those after it may be its consequences.
  const Tensor first = index_select(x, 0, index(7)), second = index_select(x, 0, index(8));
  CHECK_THAT(error_of([&] { sum(x).item(); }), Contains("[index_select] expected indices in [0, 3); got 7"));
  CHECK(found(second) == "no error");
  CHECK(index_select(x, 0, good).to_vector<float>() == std::vector<float>{5, 6, 1, 2, 5, 6});
  CHECK(index_add(x, 0, good, 4).to_vector<float>() == std::vector<float>{3, 4, 0, 0, 6, 8, 0, 0});
  // No place at all is in range.
  CHECK_THAT(found(index_select(moved(zeros({0, 2})), 0, good)), Contains("indices in [0, 0)"));
}
