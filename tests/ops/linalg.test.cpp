// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "autograd/calculus/check.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/thread_pool.h"

using namespace stein;
using Catch::Matchers::Contains;

namespace {

Tensor draw(const Shape& shape, std::uint64_t seed, DType dtype = f64) {
  Generator generator(seed);
  return normal(shape, generator, 0, 1, f64).to(dtype);
}

// (batch, m, k) x (batch, k, n) by loops, operands of any layout, batch axes already equal.
Tensor loops(const Tensor& a, const Tensor& b) {
  const auto m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const Shape batch = a.shape().slice(0, a.rank() - 2);
  const auto va = a.to(f64).to_vector<double>(), vb = b.to(f64).to_vector<double>();
  std::vector<double> vc(static_cast<std::size_t>(numel(batch) * m * n));
  for (std::int64_t p = 0; p < numel(batch); ++p)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        long double s = 0;
        for (std::int64_t l = 0; l < k; ++l)
          s += static_cast<long double>(va[static_cast<std::size_t>((p * m + i) * k + l)]) *
               vb[static_cast<std::size_t>((p * k + l) * n + j)];
        vc[static_cast<std::size_t>((p * m + i) * n + j)] = static_cast<double>(s);
      }
  return from_vector(vc, batch + Shape{m, n});
}

// The same elements: row-major, column-major, rows and columns cut from a larger matrix, mirrored, expanded rows.
Tensors layouts(const Tensor& t) {
  Shape wide = t.shape();
  wide[-1] = 2 * wide[-1] + 1;
  wide[-2] += 3;
  Tensor cut = zeros(wide, t.dtype())(ellipsis, slice(2, 2 + t.size(-2)), slice(1, 1 + t.size(-1)));
  cut.copy_(t);
  Tensor stepped = zeros(wide, t.dtype())(ellipsis, slice(0, t.size(-2)), slice(0, 2 * t.size(-1), 2));
  stepped.copy_(t);
  return {t, t.transpose().clone().transpose(), cut, stepped, flip(flip(t, {-1, -2}).clone(), {-1, -2})};
}

void passes(const CheckReport& report) {
  INFO(report.to_string(true));
  CHECK(report.ok());
}

}  // namespace

TEST_CASE("matmul: sizes and layouts against loops") {
  for (auto dtype : {f64, f32})
    for (std::int64_t m : {1, 2, 5, 33})
      for (std::int64_t n : {1, 3, 16, 40})
        for (std::int64_t k : {0, 1, 2, 17, 64}) {
          const Tensor a = draw({m, k}, 1, dtype), b = draw({k, n}, 2, dtype);
          const Tensor expected = loops(a, b);
          for (const auto& x : layouts(a))
            for (const auto& y : layouts(b)) {
              INFO(describe(x) << " " << to_string(x.strides()) << ", " << describe(y) << " "
                               << to_string(y.strides()));
              CHECK(allclose(matmul(x, y).to(f64), expected, 0, dtype == f64 ? 1e-13 : 1e-4));
            }
        }
}

TEST_CASE("matmul: batches, broadcasting, vectors, expanded operands") {
  const std::pair<Shape, Shape> shapes[] = {
      {{3, 2, 4}, {3, 4, 5}}, {{2, 1, 2, 4}, {3, 4, 2}}, {{2, 4}, {3, 4, 5}},         {{3, 2, 4}, {4, 5}},
      {{0, 2, 4}, {4, 5}},    {{3, 0, 4}, {3, 4, 5}},    {{3, 2, 0}, {3, 0, 5}},      {{2, 3, 1, 4}, {1, 4, 1}},
      {{3, 2, 0}, {0, 5}},    {{12, 40, 50}, {50, 60}},  {{2, 70, 300}, {2, 300, 65}}};
  for (const auto& [sa, sb] : shapes) {
    INFO(to_string(sa) << " " << to_string(sb));
    const Tensor a = draw(sa, 1), b = draw(sb, 2);
    const Shape batch = broadcast("test", sa.slice(0, sa.rank() - 2), sb.slice(0, sb.rank() - 2));
    const Tensor expected = loops(a.expand(batch + sa.slice(sa.rank() - 2, sa.rank())),
                                  b.expand(batch + sb.slice(sb.rank() - 2, sb.rank())));
    for (const auto& x : layouts(a))
      for (const auto& y : layouts(b)) CHECK(allclose(matmul(x, y), expected, 0, 1e-12));
  }
  const Tensor v = draw({4}, 3), w = draw({4}, 4), m = draw({2, 3, 4}, 5);
  CHECK(matmul(v, w).item() == Approx(sum(v * w).item()));
  CHECK(allclose(matmul(m, v), sum(m * v, {-1}), 1e-13));
  CHECK(allclose(matmul(v, m.transpose()), sum(m * v, {-1}), 1e-13));
  CHECK(matmul(ones({0}, f64), ones({0}, f64)).item() == 0);
  const Tensor shared = draw({1, 3, 4}, 6).expand({5, 3, 4});
  const Tensor product = matmul(shared, draw({4, 2}, 7));
  CHECK(product.strides()[0] == 0);  // one product, expanded
  CHECK(allclose(product[4], matmul(shared[0], draw({4, 2}, 7)), 1e-14));
  const Tensor flat_rows = draw({1, 4}, 8).expand({3, 4});
  CHECK(allclose(matmul(flat_rows, draw({4, 2}, 7)), loops(flat_rows, draw({4, 2}, 7)), 1e-13));
}

TEST_CASE("matmul: vectors and NaN left in reused memory") {
  for (int i = 0; i < 4; ++i) full({300, 1}, std::numeric_limits<double>::quiet_NaN(), f64);
  const Tensor a = draw({300, 20}, 1), v = draw({20, 1}, 2);
  CHECK(allclose(matmul(a, v), loops(a, v), 0, 1e-12));
  CHECK(allclose(matmul(v.transpose(), a.transpose()), loops(v.transpose(), a.transpose()), 0, 1e-12));
}

TEST_CASE("matmul: one thread and two give the same bits; long sums are cut by size") {
  const std::pair<Shape, Shape> shapes[] = {
      {{8, 50000}, {50000, 8}}, {{1, 400000}, {400000, 1}},   {{33, 9000}, {9000, 20}},      {{400, 300}, {300, 200}},
      {{200, 300}, {300, 900}}, {{50, 20, 30}, {50, 30, 20}}, {{3, 200, 200}, {3, 200, 200}}};
  for (auto dtype : {f32, f64})
    for (const auto& [sa, sb] : shapes) {
      INFO(to_string(sa) << " " << to_string(sb));
      const Tensor a = draw(sa, 1, dtype), b = draw(sb, 2, dtype);
      const Tensor at = a.transpose().clone().transpose(), bt = b.transpose().clone().transpose();
      Tensors results[2];
      for (int threads : {1, 2}) {
        set_num_threads(threads);
        results[threads - 1] = {matmul(a, b), matmul(at, b), matmul(a, bt), matmul(at, bt)};
      }
      for (std::size_t i = 0; i < 4; ++i) {
        CHECK(equal(results[0][i], results[1][i]));
        CHECK(allclose(results[0][i].to(f64), loops(a, b), 0, dtype == f64 ? 1e-9 : 0.05));
      }
    }
}

TEST_CASE("matmul: errors") {
  CHECK_THROWS_WITH(matmul(ones({2, 3}), ones({2, 3})),
                    Contains("[matmul] expected operands of one dtype") && Contains("got f32 (2, 3) and f32 (2, 3)"));
  CHECK_THROWS_WITH(matmul(ones({2, 3}), ones({3, 3}, f64)), Contains("f32 (2, 3) and f64 (3, 3)"));
  CHECK_THROWS_WITH(matmul(scalar(1), ones({1, 1})), Contains("rank at least 1"));
  CHECK_THROWS_WITH(matmul(ones({2, 2, 3}), ones({3, 3, 3})), Contains("[matmul] expected shapes that broadcast"));
  CHECK_THROWS_WITH(matmul(ones({2, 2}).to(i64), ones({2, 2}).to(i64)), Contains("[matmul] expected a floating dtype"));
  CHECK_THROWS_WITH(dot(ones({2}), ones({3})),
                    "[dot] expected two vectors of one length and dtype; got f32 (2,) and f32 (3,)");
  CHECK_THROWS_WITH(outer(ones({2}), ones({3, 1})), Contains("[outer] expected two vectors of one dtype"));
}

TEST_CASE("einsum: sums, diagonals, ellipsis, size-1 axes, implicit output") {
  const Tensor a = draw({3, 4}, 1), b = draw({4, 5}, 2), s = draw({3, 3}, 3), t = draw({2, 3, 3, 4}, 4),
               v = draw({4}, 5);
  const auto same = [](const Tensor& x, const Tensor& y) {
    return x.shape() == y.shape() && allclose(x, y, 1e-12, 1e-12);
  };
  CHECK(same(einsum("ij,jk", {a, b}), matmul(a, b)));
  CHECK(same(einsum("ij, jk -> ki", {a, b}), matmul(a, b).transpose()));
  CHECK(same(einsum("ba", {a}), a.transpose()));
  CHECK(same(einsum("ij->", {a}), sum(a)));
  CHECK(same(einsum("ij->j", {a}), sum(a, {0})));
  CHECK(same(einsum("ii", {s}), sum(diagonal(s))));
  CHECK(same(einsum("...iij->...ij", {t}), diagonal(t.permute({0, 3, 1, 2})).permute({0, 2, 1})));
  CHECK(same(einsum("biij,j->b", {t, v}), sum(einsum("biij->bij", {t}) * v, {1, 2})));
  CHECK(same(einsum("ij,ij,ij->i", {a, a, a}), sum(a * a * a, {1})));
  CHECK(same(einsum("i...,i...->...", {a, a}), sum(a * a, {0})));
  CHECK(same(einsum("...,...", {a, v}), a * v));
  CHECK(same(einsum("...a,...b->...ab", {a, draw({1, 2}, 6)}), a.unsqueeze(2) * draw({1, 2}, 6).unsqueeze(1)));
  CHECK(same(einsum("...i->i", {t}), sum(t, {0, 1, 2})));
  CHECK(same(einsum("ij,jk->ik", {draw({3, 1}, 7), b}), matmul(draw({3, 1}, 7), sum(b, {0}, true))));
  CHECK(same(einsum("ab,bc,cd,de->ae", {a, b, b.transpose(), a.transpose()}),
             matmul(matmul(matmul(a, b), b.transpose()), a.transpose())));
  CHECK(same(einsum("bhid,bhjd->bhij", {t, t}), matmul(t, t.transpose())));
  CHECK(same(einsum("A,a->Aa", {v, v}), outer(v, v)));
  CHECK(same(einsum("aB", {a}), a.transpose()));  // capitals first
  passes(check_grads([](const Tensors& in) { return Tensors{einsum("iij,jk,k->i", in)}; },
                     {draw({2, 2, 3}, 1), draw({3, 2}, 2), draw({2}, 3)}));
}

TEST_CASE("einsum: errors name the equation") {
  const Tensor a = ones({2, 3}), b = ones({3, 2});
  CHECK_THROWS_WITH(einsum("ij,jk", {a}), "[einsum] expected one operand for each of 2 terms in \"ij,jk\"; got 1");
  CHECK_THROWS_WITH(einsum("ijk", {a}), Contains("a name for every axis in \"ijk\"; got \"ijk\" for f32 (2, 3)"));
  CHECK_THROWS_WITH(einsum("ij,ij", {a, b}), Contains("sizes that agree along axis i in \"ij,ij\"; got 2 and 3"));
  CHECK_THROWS_WITH(einsum("ij->k", {a}), Contains("an output of axes that operands have") && Contains("got axis k"));
  CHECK_THROWS_WITH(einsum("ij->ii", {a}), Contains("got axis i twice"));
  CHECK_THROWS_WITH(einsum("i1", {a}), Contains("letters, one ..., commas and one ->"));
  CHECK_THROWS_WITH(einsum("ij->i->j", {a}), Contains("letters, one ..., commas and one ->"));
  CHECK_THROWS_WITH(einsum("...i...", {a}), Contains("letters, one ..."));
  CHECK_THROWS_WITH(einsum("ii", {a}), Contains("sizes that agree along axis i"));
  CHECK_THROWS_WITH(einsum("ij,jk", {a, b.to(f64)}), Contains("operands of one dtype"));
  CHECK_THROWS_WITH(einsum("", {}), "[einsum] expected at least one operand; got none");
}

TEST_CASE("cholesky: reads the lower triangle, symmetric derivative, errors name the pivot") {
  const Tensor x = draw({3, 5, 5}, 1), a = matmul(x, x.transpose()) + eye(5, f64);
  const Tensor l = cholesky(a);
  CHECK(allclose(matmul(l, l.transpose()), a, 1e-12, 1e-12));
  CHECK(equal(triu(l, 1), zeros({3, 5, 5}, f64)));
  CHECK(equal(cholesky(tril(a)), l));
  CHECK(equal(cholesky(a.transpose()), cholesky(a.transpose().clone())));
  CHECK(allclose(cholesky(a.to(f32)).to(f64), l, 1e-4, 1e-4));
  Tensor leaf = a[0].clone().requires_grad_();
  const Tensor g = grad(sum(cholesky(leaf)), leaf);
  CHECK(allclose(g, g.transpose(), 1e-10, 1e-12));
  // log det A = 2 sum log L_ii has the derivative A^-1
  const Tensor inverse = solve(a[0], eye(5, f64));
  CHECK(allclose(grad(sum(log(diagonal(cholesky(leaf)))) * 2, leaf), inverse, 1e-9, 1e-10));
  Tensor bad = stack({eye(3, f64), eye(3, f64)});
  bad(1, 2, 2).fill_(-1);
  CHECK_THROWS_WITH(cholesky(bad), Contains("[cholesky] expected positive definite matrices") &&
                                       Contains("whose pivot 2 is not positive (matrix (1,) of the batch)"));
  CHECK_THROWS_WITH(cholesky(ones({2, 3})),
                    "[cholesky] expected square matrices (..., n, n) of dtype f32 or f64; got f32 (2, 3)");
  CHECK(cholesky(zeros({2, 0, 0})).shape() == Shape{2, 0, 0});
}

TEST_CASE("triangular_solve and solve: residuals, broadcasting, errors") {
  const Tensor a = draw({2, 1, 6, 6}, 1) + eye(6, f64) * 4, b = draw({3, 6, 4}, 2);
  for (auto dtype : {f64, f32})
    for (const auto& m : layouts(a.to(dtype)))
      for (const auto& rhs : layouts(b.to(dtype))) {
        const double tolerance = dtype == f64 ? 1e-12 : 2e-5;
        CHECK(allclose(matmul(m, solve(m, rhs)), rhs.expand({2, 3, 6, 4}), tolerance, tolerance));
        for (bool upper : {false, true})
          for (bool transposed : {false, true}) {
            const Tensor t = upper ? triu(m) : tril(m), op = transposed ? transpose(t) : t;
            const Tensor x = triangular_solve(m, rhs, upper, transposed);
            CHECK(x.shape() == Shape{2, 3, 6, 4});
            CHECK(allclose(matmul(op, x), rhs.expand({2, 3, 6, 4}), tolerance, tolerance));
          }
      }
  const Tensor v = draw({6}, 3);
  CHECK(solve(a, v).shape() == Shape{2, 1, 6});
  CHECK(allclose(matmul(a, solve(a, v).unsqueeze(-1)).squeeze(-1), v.expand({2, 1, 6}), 1e-12, 1e-12));
  Tensor singular = stack({eye(2, f64), ones({2, 2}, f64)});
  CHECK_THROWS_WITH(
      solve(singular, ones({2, 1}, f64)),
      "[solve] expected matrices that are not singular; got one whose pivot 1 is 0 (matrix (1,) of the batch)");
  CHECK_THROWS_WITH(
      solve(eye(3), ones({2, 1})),
      Contains("[solve] expected a right-hand side (..., n, k) or (n) of the dtype of A, n = 3; got f32 (2, 1)"));
  CHECK_THROWS_WITH(triangular_solve(eye(3), ones({3, 1}, f64)),
                    Contains("[triangular_solve] expected a right-hand side"));
  CHECK_THROWS_WITH(solve(ones({2, 3, 3}), ones({4, 3, 1})), Contains("[solve] expected shapes that broadcast"));
  Tensor zero_diagonal = eye(2, f64);
  zero_diagonal(1, 1).fill_(0);
  CHECK(std::isinf(triangular_solve(zero_diagonal, ones({2}, f64))[1].item()));
}

TEST_CASE("qr: factors and derivatives, tall, square and wide") {
  for (const Shape& shape : {Shape{4, 4}, Shape{2, 6, 3}, Shape{3, 5}, Shape{5, 1}, Shape{4, 0}, Shape{0, 3}}) {
    INFO(to_string(shape));
    const Tensor a = draw(shape, 1);
    const auto [q, r] = qr(a);
    const auto k = std::min(shape[-1], shape[-2]);
    CHECK(q.size(-1) == k);
    CHECK(r.size(-2) == k);
    CHECK(allclose(matmul(q, r), a, 1e-13, 1e-13));
    CHECK(allclose(matmul(transpose(q), q), eye(k, f64).expand(q.shape().slice(0, q.rank() - 2) + Shape{k, k}), 0,
                   1e-14));
    CHECK(equal(triu(r), r));
  }
  CHECK_THROWS_WITH(qr(ones({3})), "[qr] expected matrices (..., m, n) of dtype f32 or f64; got f32 (3,)");
}

TEST_CASE("linear algebra: a thread more changes no bit") {
  const Tensor x = draw({200, 8, 8}, 1), spd = matmul(x, transpose(x)) + eye(8, f64), b = draw({200, 8, 3}, 2);
  Tensors results[2];
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    const auto [q, r] = qr(x);
    results[threads - 1] = {cholesky(spd), triangular_solve(spd, b), solve(spd, b), q, r};
  }
  for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(equal(results[0][i], results[1][i]));
}
