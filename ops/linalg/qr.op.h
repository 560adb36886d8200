// SPDX-License-Identifier: MIT
#include "ops/detail/axis_view.h"
#include "ops/detail/matrix_batch.h"
#include "ops/detail/solver_batch.h"
#include "ops/op.h"
#include "tensor/lapack.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// m >= n, of full rank: outputs Q (m x n) and R (n x n).
struct Qr {
  static constexpr const char* name = "qr";
  static constexpr Kind kind = Kind::general;

  Tensors forward(const Tensor& a) const {
    const auto m = a.size(-2), n = a.size(-1), count = n ? numel(detail::batch_of(a)) : 0;
    Tensor columns = detail::dense_copy(transpose(a)), tau = empty({count, n}, a.dtype(), a.device());
    // For every matrix: on_cpu(its columns, its tau), or the call on_device(matrix).
    const auto each = [&](const auto& on_cpu, const auto& on_device) {
      if (a.device() != cpu) {
        detail::run_solver(a.device(), count, on_device);
        return;
      }
      visit_floating(name, a.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        T *p = columns.mutable_data<T>(), *t = tau.mutable_data<T>();
        parallel_for(count, std::max<std::int64_t>(1, (1 << 18) / (m * n * n + 1)),
                     [&](std::int64_t b, std::int64_t e) {
                       for (auto i = b; i < e; ++i) on_cpu(p + i * m * n, t + i * n);
                     });
      });
    };
    const auto at = [&](std::int64_t i) { return detail::address_of(columns, i * m * n); };
    each([&](auto* p, auto* t) { qr_factor(m, n, p, m, t); },
         [&](std::int64_t i) { return detail::Geqrf{a.dtype(), m, n, at(i), m, detail::address_of(tau, i * n)}; });
    const Tensor r = triu(transpose(narrow(columns, -1, 0, n)));  // before Q takes its place
    each([&](auto* p, auto* t) { qr_columns(m, n, p, m, t); },
         [&](std::int64_t i) { return detail::Orgqr{a.dtype(), m, n, at(i), m, detail::address_of(tau, i * n)}; });
    return {detail::dense_copy(transpose(columns)), r};
  }
  // (GQ + Q S) R^-T, S = the lower triangle of M mirrored, M = R GR^T - GQ^T Q (Walter and Lehmann, arXiv 1001.1654).
  Tensor vjp0(Cot<0> gq, Cot<1> gr, Out<0> q, Out<1> r) const {
    const Tensor m = matmul(r, transpose(gr)) - matmul(transpose(gq), q);
    const Tensor right = gq + matmul(q, tril(m) + transpose(tril(m, -1)));
    return transpose(triangular_solve(r, transpose(right), true));
  }
};

}  // namespace stein::host

namespace stein {

std::pair<Tensor, Tensor> qr(const Tensor& a) {
  if (a.rank() < 2 || !is_floating(a.dtype())) fail("qr", "matrices (..., m, n) of dtype f32 or f64", describe(a));
  const auto m = a.size(-2), n = a.size(-1);
  if (m >= n) {
    Tensors f = record(host::Qr{}, a);
    return {f[0], f[1]};
  }
  // The first m columns decide Q; the others are only turned.
  const auto [q, r] = qr(narrow(a, -1, 0, m));
  return {q, concat({r, matmul(transpose(q), narrow(a, -1, m, n - m))}, -1)};
}

void register_qr(OpRegistry& r) {
  const auto sample = [](Shape shape) {
    return Sample{to_string(shape),
                  {{shape}},
                  [](const Tensors& in) {
                    const auto [q, upper] = qr(in[0]);
                    return Tensors{q, upper};
                  },
                  [](const Tensors& in) {  // Gram-Schmidt twice; LAPACK's signs: R(k, k) < 0 unless the rest is exact
                    const Tensor& a = in[0];
                    const auto [q0, r0] = qr(a);  // for the signs only
                    const auto m = a.size(-2), n = a.size(-1), k = std::min(m, n);
                    Tensors columns;
                    for (std::int64_t j = 0; j < k; ++j) {
                      Tensor c = narrow(a, -1, j, 1);
                      for (int again = 0; again < 2; ++again)
                        for (const auto& e : columns) c = c - e * sum(e * c, {-2}, true);
                      c = c / sqrt(sum(c * c, {-2}, true));
                      columns.push_back(c * sign(sum(c * narrow(q0, -1, j, 1), {-2}, true)));
                    }
                    const Tensor q = concat(columns, -1);
                    return Tensors{q, triu(matmul(transpose(q), a))};
                  }};
  };
  r.add({"qr",
         "Q with orthonormal columns and upper triangular R, Q R = A",
         Kind::general,
         {sample({3, 3}), sample({4, 2}), sample({2, 3, 2}), sample({2, 4}), sample({3, 1}), sample({0, 2, 2})}});
}

}  // namespace stein
