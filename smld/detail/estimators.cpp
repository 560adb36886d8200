// SPDX-License-Identifier: MIT
#include "smld/detail/estimators.h"

#include <cmath>

#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/detail/checks.h"
#include "smld/detail/same_draws.h"
#include "smld/detail/samples.h"
#include "tensor/detail/names.h"
#include "tensor/recording.h"

namespace stein::smld {

ProbeLaw probe_law(const std::string& name) {
  static constexpr stein::detail::Named<ProbeLaw> kLaws[] = {{"gaussian", ProbeLaw::gaussian},
                                                             {"rademacher", ProbeLaw::rademacher},
                                                             {"sphere", ProbeLaw::sphere},
                                                             {"orthogonal", ProbeLaw::orthogonal}};
  return stein::detail::by_name("probe_law", kLaws, name);
}

Tensor draw_probes(ProbeLaw law, std::int64_t m, const Tensor& x, Generator& g) {
  NoGrad guard;
  const auto b = x.size(0), d = detail::sample_size(x);
  if (m < 1 || (law == ProbeLaw::orthogonal && m > d))
    fail("draw_probes", "at least 1 probe, of orthogonal ones at most " + std::to_string(d), std::to_string(m));
  const Shape shape = Shape{m} + x.shape();
  switch (law) {
    case ProbeLaw::gaussian:
      return randn(shape, g, x.dtype(), x.device());
    case ProbeLaw::rademacher:
      return rademacher(shape, g, x.dtype(), x.device());
    case ProbeLaw::sphere:
      return reshape(std::sqrt(static_cast<double>(d)) * unit_sphere({m, b, d}, g, x.dtype(), x.device()), shape);
    case ProbeLaw::orthogonal: {
      // Q of a Gaussian matrix; random signs make its columns uniform, whatever signs LAPACK gives them.
      const Tensor q =
          qr(randn({b, d, m}, g, x.dtype(), x.device())).first * rademacher({b, 1, m}, g, x.dtype(), x.device());
      return reshape(std::sqrt(static_cast<double>(d)) * permute(q, {2, 0, 1}), shape);
    }
  }
  return {};
}

namespace detail {
namespace {

Generator& generator_of(const TraceOptions& o) { return o.generator ? *o.generator : default_generator(); }

// Vectors (k, B, d) times J, a row each: v -> J^T v. Recorded, or a constant.
struct Products {
  const Tensor &s, &x;
  Tensor operator()(const Tensor& v, bool record) const {
    const auto k = v.size(0);
    const Tensor r = grad(
        s, x,
        {.cotangents = {reshape(v, Shape{k} + x.shape())}, .create_graph = record, .retain_graph = true, .batched = 1});
    return reshape(r, {k, x.size(0), sample_size(x)});
  }
};

// Probes in rows, (k, B, d).
Tensor probes(ProbeLaw law, std::int64_t k, const Tensor& x, const TraceOptions& o) {
  return reshape(draw_probes(law, k, x, generator_of(o)), {k, x.size(0), sample_size(x)});
}

// (k, B, d) <-> (B, d, k)
Tensor columns(const Tensor& t) { return permute(t, {1, 2, 0}); }
Tensor rows(const Tensor& t) { return permute(t, {2, 0, 1}); }

Tensor hutchinson(const Products& j, const TraceOptions& o) {
  const Tensor v = probes(o.law, o.probes, j.x, o);
  return mean(sum(v * j(v, is_recording()), {-1}), {0});
}

Tensor hutchpp(const Products& j, std::int64_t d, const TraceOptions& o) {
  const auto k = o.probes / 3, rest = o.probes - 2 * k;
  if (k < 1 || k > d) fail("hutch++", "3 to " + std::to_string(3 * d + 2) + " probes", std::to_string(o.probes));
  Tensor q;
  {
    NoGrad guard;
    q = qr(columns(j(probes(ProbeLaw::gaussian, k, j.x, o), false))).first;  // (B, d, k)
  }
  const Tensor known = sum(q * columns(j(rows(q), is_recording())), {-2, -1});
  const Tensor g = columns(probes(o.law, rest, j.x, o));
  const Tensor p = g - matmul(q, matmul(transpose(q), g));
  const Tensor unknown = sum(p * columns(j(rows(p), is_recording())), {-2, -1});
  return known + unknown / static_cast<double>(rest);
}

Tensor xtrace(const Products& j, std::int64_t d, const TraceOptions& o) {
  const auto k = o.probes / 2;
  if (k < 1 || k > d) fail("xtrace", "2 to " + std::to_string(2 * d + 1) + " probes", std::to_string(o.probes));
  const Tensor omega = columns(probes(ProbeLaw::gaussian, k, j.x, o));  // (B, d, k)
  const Tensor y = columns(j(rows(omega), is_recording()));
  Tensor q, s, x, u, c;
  {
    NoGrad guard;
    const auto [basis, r] = qr(y.detach());
    q = basis;
    // Where J has rank below k (a last layer of zeros, dead units), R has no inverse; but then J's range lies in that of Q, tr H is the
    // trace itself, and Hutch++'s form (s = 0, c = 1) makes the gradient unbiased: it sees dJ outside Q, too. For that Q must know no
    // more of omega than J's range: how LAPACK completes Q depends on it, so columns that add nothing to the range make way for others.
    const Tensor pivots = abs(diagonal(r)), identity = eye(k, y.dtype(), y.device()).expand(r.shape());
    const double eps = y.dtype() == f32 ? 1e-6 : 1e-14;
    const Tensor spent = pivots <= eps * amax(pivots, {-1}, true);  // (B, k)
    const Tensor singular = any(spent, {-1}, true);                 // (B, 1)
    // Of a device it is done unseen: to look is to wait. So that the cpu draws alike, the numbers are of a generator of their own.
    if (y.device() != cpu || any(spent).item<bool>()) {
      Generator fresh = generator_of(o).fork(generator_of(o).state().position);
      q = qr(where(unsqueeze(spent, -2), randn(y.shape(), fresh, y.dtype(), y.device()), y.detach())).first;
    }
    const Tensor safe = where(unsqueeze(singular, -1), identity, r);
    const Tensor inverse = transpose(triangular_solve(safe, identity, true)), w = matmul(transpose(q), omega);
    // Unit columns of R^-T.
    s = where(unsqueeze(singular, -1), 0.0, inverse / sqrt(sum(square(inverse), {-2}, true)));
    x = w - s * sum(s * w, {-2}, true);
    u = omega - matmul(q, x);
    const Tensor length2 = where(singular, 1.0, sum(square(u), {-2}));
    c = where(singular, 1.0, static_cast<double>(d - k + 1) / length2);
  }
  const Tensor z = columns(j(rows(q), is_recording())), h = matmul(transpose(q), z);
  const Tensor left_out = sum(s * matmul(h, s), {-2});  // s_i^T H s_i
  const Tensor t = sum(diagonal(h), {-1}, true) - left_out + c * sum(u * (y - matmul(z, x)), {-2});
  return mean(t, {-1});
}

}  // namespace

Tensor estimate(const Tensor& s, const Tensor& x, const TraceOptions& o) {
  const Products j{s, x};
  const auto d = sample_size(x);
  switch (o.method) {
    case TraceMethod::hutchpp:
      return hutchpp(j, d, o);
    case TraceMethod::xtrace:
      return xtrace(j, d, o);
    default:
      return hutchinson(j, o);
  }
}

std::pair<Tensor, Tensor> finite_differences(const Score& given, const Tensor& x, const TraceOptions& o) {
  const auto d = sample_size(x);
  check_positive("trace", "a step", o.step);
  const Score f = same_draws(given);
  const Tensor s = f(x);
  if (s.shape() != x.shape() || s.dtype() != x.dtype())
    fail("trace", "a model whose result is " + describe(x), describe(s));
  const double h = o.step / std::sqrt(static_cast<double>(d));
  const Tensor v = draw_probes(o.law, o.probes, x, generator_of(o));
  Tensor total;
  for (std::int64_t i = 0; i < o.probes; ++i) {
    const Tensor vi = reshape(narrow(v, 0, i, 1), x.shape());
    const Tensor t = per_sample((f(x + h * vi) - f(x - h * vi)) * vi) / (2 * h);
    total = total.defined() ? total + t : t;
  }
  return {s, total / static_cast<double>(o.probes)};
}

}  // namespace detail
}  // namespace stein::smld
