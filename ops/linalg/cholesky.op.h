// SPDX-License-Identifier: MIT
#include <cmath>

#include "ops/detail/axis_view.h"
#include "ops/detail/matrix_batch.h"
#include "ops/detail/solver_batch.h"
#include "ops/op.h"
#include "tensor/lapack.h"
#include "tensor/thread_pool.h"

namespace stein::host {

struct Cholesky {
  static constexpr const char* name = "cholesky";
  static constexpr Kind kind = Kind::general;

  Tensor forward(const Tensor& a) const {
    Tensor l = tril(a);
    const auto n = a.size(-1), count = n ? a.numel() / (n * n) : 0;
    const auto refuse = [&](std::int64_t matrix, std::int64_t order) {
      fail(name, "positive definite matrices",
           "one whose pivot " + std::to_string(order - 1) + " is not positive" +
               detail::which_matrix(matrix, detail::batch_of(a)),
           "add a multiple of the identity");
    };
    if (a.device() != cpu) {  // the lower triangle, read column by column, is the upper one
      const Tensor infos = detail::run_solver(a.device(), count, [&](std::int64_t i) {
        return detail::Potrf{l.dtype(), n, detail::address_of(l, i * n * n), n};
      });
      if (const auto bad = detail::first_failure(infos)) refuse(bad->matrix, bad->info);
      return l;
    }
    visit_floating(name, a.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* p = l.mutable_data<T>();
      parallel_for(count, std::max<std::int64_t>(1, (1 << 18) / (n * n * n + 1)), [&](std::int64_t b, std::int64_t e) {
        for (auto i = b; i < e; ++i)
          if (const auto order = cholesky_factor(n, p + i * n * n, n)) refuse(i, order);
      });
    });
    return l;
  }
  // Symmetric: 1/2 L^-T (P + P^T) L^-1, P = the lower triangle of L^T G with half its diagonal (Murray, arXiv 1602.07527).
  Tensor vjp0(G g, Out<0> l) const {
    const Tensor m = matmul(transpose(l), tril(g));
    const Tensor p = tril(m) - diag_embed(diagonal(m)) * 0.5;
    const Tensor left = triangular_solve(l, (p + transpose(p)) * 0.5, false, true);
    return triangular_solve(l, transpose(left), false, true);
  }
};

}  // namespace stein::host

namespace stein {

Tensor cholesky(const Tensor& a) {
  detail::need_square("cholesky", a);
  return record(host::Cholesky{}, a);
}

void register_cholesky(OpRegistry& r) {
  const auto spd = [](const Tensor& x) { return matmul(x, transpose(x)) + eye(x.size(-2), x.dtype(), x.device()); };
  const auto sample = [=](Shape shape) {
    return Sample{to_string(shape) + ", of A A^T + I",
                  {{shape, -1, 1}},
                  [=](const Tensors& in) { return Tensors{cholesky(spd(in[0]))}; },
                  [=](const Tensors& in) {  // column by column
                    const Tensor a = reshape(spd(in[0]), {-1, shape[-2], shape[-2]});
                    auto v = a.to_vector<double>();
                    const auto n = static_cast<std::size_t>(shape[-2]);
                    for (std::size_t m = 0; m + n * n <= v.size() && n; m += n * n)
                      for (std::size_t j = 0; j < n; ++j)
                        for (std::size_t i = 0; i < n; ++i) {
                          long double s = v[m + i * n + j];
                          for (std::size_t k = 0; k < j; ++k) s -= (long double)v[m + i * n + k] * v[m + j * n + k];
                          v[m + i * n + j] = i < j    ? 0
                                             : i == j ? static_cast<double>(std::sqrt(s))
                                                      : static_cast<double>(s / v[m + j * n + j]);
                        }
                    return Tensors{reshape(from_vector(v, a.shape()), spd(in[0]).shape())};
                  }};
  };
  r.add({"cholesky",
         "lower L with L L^T = A",
         Kind::general,
         {sample({3, 3}), sample({2, 4, 4}), sample({1, 1}), sample({2, 3}), sample({0, 2, 2})}});
}

}  // namespace stein
