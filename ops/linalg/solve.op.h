// SPDX-License-Identifier: MIT
// triangular_solve and solve: op(A) X = B, closed families (the adjoint solves with the transpose).
#include "ops/detail/axis_view.h"
#include "ops/detail/matrix_batch.h"
#include "ops/detail/solver_batch.h"
#include "ops/op.h"
#include "tensor/detail/device_blas.h"
#include "tensor/lapack.h"
#include "tensor/thread_pool.h"

namespace stein::host {

struct TriangularSolve {
  static constexpr const char* name = "triangular_solve";
  static constexpr Kind kind = Kind::general;
  bool upper, transposed;

  Tensor forward(const Tensor& matrix, const Tensor& b) const {
    const Tensor a = detail::rows_of(matrix);
    const Shape batch = broadcast(name, detail::batch_of(a), detail::batch_of(b));
    const auto n = a.size(-1), k = b.size(-1);
    Tensor x = detail::dense_copy(expand(b.detach(), batch + Shape{n, k}));
    const auto at = detail::batch_offsets(a, batch);
    if (a.device() != cpu) {  // a row-major matrix is the transpose of a column-major one: X^T op(A)^T = B^T
      for (std::size_t i = 0; i < at.size() && n && k; ++i)
        detail::device_trsm(a.device(), {a.dtype(), !upper, transposed, k, n, detail::address_of(a, at[i]), n,
                                         detail::address_of(x, static_cast<std::int64_t>(i) * n * k), k});
      return x;
    }
    visit_floating(name, a.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* p = a.data<T>();
      T* q = x.mutable_data<T>();
      parallel_for(static_cast<std::int64_t>(at.size()), std::max<std::int64_t>(1, (1 << 18) / (n * n * k + 1)),
                   [&](std::int64_t first, std::int64_t last) {
                     for (auto i = first; i < last; ++i)
                       triangular_solve_in_place(upper, transposed, n, k, p + at[static_cast<std::size_t>(i)], n,
                                                 q + i * n * k, k);
                   });
    });
    return x;
  }
  Tensors vjp_all(Wanted wanted, G g, In<0> a, Out<0> x) const {
    const Tensor gb = triangular_solve(a, g, upper, !transposed);
    if (!wanted(0)) return {{}, gb};
    const Tensor ga = transposed ? matmul(x, transpose(gb)) : matmul(gb, transpose(x));
    return {-(upper ? triu(ga) : tril(ga)), wanted(1) ? gb : Tensor{}};
  }
};

struct Solve {
  static constexpr const char* name = "solve";
  static constexpr Kind kind = Kind::general;
  bool transposed;

  Tensor forward(const Tensor& matrix, const Tensor& b) const {
    Tensor a = detail::dense_copy(matrix);
    const Shape own = detail::batch_of(a), batch = broadcast(name, own, detail::batch_of(b));
    const auto n = a.size(-1), k = b.size(-1), count = numel(own);
    // LAPACK's columns are our rows: it factors A^T, and the right-hand sides stand in the rows of X^T.
    Tensor x = detail::dense_copy(transpose(expand(b.detach(), batch + Shape{n, k})));
    const auto at = detail::batch_offsets(a, batch);
    const auto refuse = [&](std::int64_t which, std::int64_t zero) {
      fail(name, "matrices that are not singular",
           "one whose pivot " + std::to_string(zero - 1) + " is 0" + detail::which_matrix(which, own));
    };
    if (a.device() != cpu) {
      const Tensor pivots = empty({count, n}, i64, a.device());
      const auto pivots_at = [&](std::int64_t i) { return static_cast<std::int64_t*>(detail::address_of(pivots, i)); };
      const Tensor infos = detail::run_solver(a.device(), n ? count : 0, [&](std::int64_t i) {
        return detail::Getrf{a.dtype(), n, detail::address_of(a, i * n * n), n, pivots_at(i * n)};
      });
      if (const auto bad = detail::first_failure(infos)) refuse(bad->matrix, bad->info);
      detail::run_solver(a.device(), x.numel() ? static_cast<std::int64_t>(at.size()) : 0, [&](std::int64_t i) {
        const auto offset = at[static_cast<std::size_t>(i)];
        const void* factors = detail::address_of(a, offset);
        void* columns = detail::address_of(x, i * n * k);
        return detail::Getrs{a.dtype(), !transposed, n, k, factors, n, pivots_at(offset / n), columns, n};
      });
      return detail::dense_copy(transpose(x));
    }
    std::vector<int> pivots(static_cast<std::size_t>(count * n));
    visit_floating(name, a.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T *p = a.mutable_data<T>(), *q = x.mutable_data<T>();
      const auto grain = std::max<std::int64_t>(1, (1 << 18) / (n * n * n + n * n * k + 1));
      parallel_for(n ? count : 0, grain, [&](std::int64_t first, std::int64_t last) {
        for (auto i = first; i < last; ++i)
          if (const auto zero = lu_factor(n, p + i * n * n, n, &pivots[static_cast<std::size_t>(i * n)]))
            refuse(i, zero);
      });
      parallel_for(n ? static_cast<std::int64_t>(at.size()) : 0, grain, [&](std::int64_t first, std::int64_t last) {
        for (auto i = first; i < last; ++i) {
          const auto offset = at[static_cast<std::size_t>(i)];
          lu_solve(!transposed, n, k, p + offset, n, &pivots[static_cast<std::size_t>(offset / n)], q + i * n * k, n);
        }
      });
    });
    return detail::dense_copy(transpose(x));
  }
  Tensors vjp_all(Wanted wanted, G g, In<0> a, Out<0> x) const {
    const Tensor gb = record(Solve{!transposed}, a, g);
    if (!wanted(0)) return {{}, gb};
    return {-(transposed ? matmul(x, transpose(gb)) : matmul(gb, transpose(x))), wanted(1) ? gb : Tensor{}};
  }
};

// Checks, and makes a vector on the right a matrix of one column.
template <class F>
Tensor solve_with(const char* op, const Tensor& a, const Tensor& b, F&& f) {
  detail::need_square(op, a);
  if (b.rank() == 0 || b.dtype() != a.dtype() || b.size(b.rank() == 1 ? 0 : -2) != a.size(-1))
    fail(op, "a right-hand side (..., n, k) or (n) of the dtype of A, n = " + std::to_string(a.size(-1)),
         describe(b) + " for A " + describe(a));
  if (b.rank() == 1) return squeeze(f(unsqueeze(b, 1)), -1);
  broadcast(op, detail::batch_of(a), detail::batch_of(b));
  return f(b);
}

}  // namespace stein::host

namespace stein {

Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper, bool transposed) {
  return host::solve_with("triangular_solve", a, b, [&](const Tensor& columns) {
    return record(host::TriangularSolve{upper, transposed}, a, columns);
  });
}

Tensor solve(const Tensor& a, const Tensor& b) {
  return host::solve_with("solve", a, b, [&](const Tensor& columns) { return record(host::Solve{false}, a, columns); });
}

void register_solve(OpRegistry& r) {
  // Gauss-Jordan without pivoting on matrices with a large diagonal, in long double.
  static const auto eliminate = [](const Tensor& a, const Tensor& b) {
    const auto n = static_cast<std::size_t>(a.size(-1));
    const Tensor columns = b.rank() == 1 ? unsqueeze(b, 1) : b;
    const auto k = static_cast<std::size_t>(columns.size(-1));
    const Shape batch = broadcast("solve", detail::batch_of(a), detail::batch_of(columns));
    const auto va = a.expand(batch + Shape{a.size(-1), a.size(-1)}).to_vector<double>();
    auto vb = columns.expand(batch + Shape{a.size(-1), columns.size(-1)}).to_vector<double>();
    for (std::size_t m = 0; m < static_cast<std::size_t>(numel(batch)); ++m) {
      std::vector<long double> p(va.begin() + static_cast<std::ptrdiff_t>(m * n * n),
                                 va.begin() + static_cast<std::ptrdiff_t>((m + 1) * n * n)),
          q(vb.begin() + static_cast<std::ptrdiff_t>(m * n * k),
            vb.begin() + static_cast<std::ptrdiff_t>((m + 1) * n * k));
      for (std::size_t c = 0; c < n; ++c)
        for (std::size_t i = 0; i < n; ++i) {
          if (i == c) continue;
          const auto f = p[i * n + c] / p[c * n + c];
          for (std::size_t j = 0; j < n; ++j) p[i * n + j] -= f * p[c * n + j];
          for (std::size_t j = 0; j < k; ++j) q[i * k + j] -= f * q[c * k + j];
        }
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < k; ++j)
          vb[m * n * k + i * k + j] = static_cast<double>(q[i * k + j] / p[i * n + i]);
    }
    Tensor x = from_vector(vb, batch + Shape{a.size(-1), columns.size(-1)});
    return b.rank() == 1 ? squeeze(x, -1) : x;
  };
  const auto firm = [](const Tensor& a) { return a + eye(a.size(-1), a.dtype(), a.device()) * 3; };
  const auto triangular = [=](Shape a, Shape b, bool upper, bool transposed) {
    return Sample{
        to_string(a) + " " + to_string(b) + (upper ? " upper" : " lower") + (transposed ? ", transposed" : ""),
        {{a, -1, 1}, {b}},
        [=](const Tensors& in) { return Tensors{triangular_solve(firm(in[0]), in[1], upper, transposed)}; },
        [=](const Tensors& in) {
          const Tensor t = upper ? triu(firm(in[0])) : tril(firm(in[0]));
          return Tensors{eliminate(transposed ? transpose(t) : t, in[1])};
        }};
  };
  r.add({"triangular_solve",
         "op(A) X = B, A triangular",
         Kind::general,
         {triangular({3, 3}, {3, 2}, false, false), triangular({3, 3}, {3, 2}, true, false),
          triangular({2, 3, 3}, {3, 1}, false, true), triangular({2, 2}, {3, 2, 2}, true, true),
          triangular({3, 3}, {3}, false, false), triangular({1, 1}, {1, 0}, false, false),
          triangular({0, 0}, {0, 2}, true, false)}});
  const auto full = [=](Shape a, Shape b) {
    return Sample{to_string(a) + " " + to_string(b),
                  {{a, -1, 1}, {b}},
                  [=](const Tensors& in) { return Tensors{solve(firm(in[0]), in[1])}; },
                  [=](const Tensors& in) { return Tensors{eliminate(firm(in[0]), in[1])}; }};
  };
  r.add({"solve",
         "A X = B",
         Kind::general,
         {full({3, 3}, {3, 2}), full({2, 3, 3}, {3, 1}), full({2, 2}, {3, 2, 2}), full({2, 1, 2, 2}, {3, 2, 1}),
          full({3, 3}, {3}), full({1, 1}, {1, 0}), full({0, 0}, {0, 2})}});
}

}  // namespace stein
