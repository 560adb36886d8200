// SPDX-License-Identifier: MIT
#include "smld/laplacian.h"

#include <algorithm>
#include <optional>

#include "autograd/calculus/checkpoint.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/detail/forward_laplacian.h"
#include "smld/detail/planner.h"
#include "smld/detail/products.h"
#include "smld/detail/samples.h"
#include "tensor/detail/names.h"
#include "tensor/random.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

Tensor zero_if_none(const Tensor& t, const Tensor& x) {
  return t.defined() ? t : zeros({x.size(0)}, x.dtype(), x.device());
}

// Forward mode, as many directions at a time as the memory allows; while recording each chunk runs f again in its backward pass,
// so that one chunk's graph lives at a time.
Tensor forward(const Energy& f, const Tensor& energy, const Tensor& x, std::int64_t memory) {
  const auto d = detail::sample_size(x), rows = detail::rows_at_once(energy, x, memory);
  Tensor total;
  for (std::int64_t first = 0; first < d; first += rows) {
    const auto count = std::min(rows, d - first);
    Tensor part;
    if (is_recording() && rows < d)
      part = checkpoint(
          [f, first, count](const Tensor& at) {
            const Tensor input = detail::variable(at);
            return zero_if_none(
                detail::push_taylor(energy_of(f, input), input, detail::unit_vectors(input, first, count)).second,
                input);
          },
          x);
    else
      part = zero_if_none(detail::push_taylor(energy, x, detail::unit_vectors(x, first, count)).second, x);
    total = total.defined() ? total + part : part;
  }
  return zero_if_none(total, x);
}

}  // namespace

LaplacianMethod laplacian_method(const std::string& name) {
  static constexpr stein::detail::Named<LaplacianMethod> kMethods[] = {{"cheapest", LaplacianMethod::cheapest},
                                                                       {"nested", LaplacianMethod::nested},
                                                                       {"forward", LaplacianMethod::forward},
                                                                       {"planned", LaplacianMethod::planned}};
  return stein::detail::by_name("laplacian", kMethods, name);
}

EnergyTerms energy_terms(const Energy& f, const Tensor& input, const LaplacianOptions& o) {
  if (input.rank() < 1) fail("laplacian", "x (B, ...)", describe(input));
  const bool record = is_recording();
  NoGrad on(false);
  const Tensor x = detail::variable(input);
  // Run again, f draws from default_generator() what it draws here (dropout).
  const Energy again = [f, state = default_generator().state()](const Tensor& at) {
    const Substitute same(state);
    return f(at);
  };
  const Tensor energy = energy_of(f, x);
  EnergyTerms r{energy, zeros_like(x.detach()), zeros({x.size(0)}, x.dtype(), x.device())};
  if (!energy.requires_grad()) return r;
  // Recorded whatever the caller does: nested and planned read the gradient's own graph.
  r.gradient = grad(sum(energy), x, {.create_graph = true});
  if (r.gradient.requires_grad()) {
    NoGrad guard(!record);
    std::string why;
    std::optional<detail::TracePlan> plan;
    if (o.method == LaplacianMethod::cheapest || o.method == LaplacianMethod::planned)
      plan = detail::plan_trace(r.gradient, x, o.memory, detail::Order::cheapest, why);
    if (o.method == LaplacianMethod::planned && !plan)
      fail("laplacian", "an energy whose gradient's Jacobian is a sum of chains", why, "use forward or nested");
    const auto d = detail::sample_size(x);
    if (o.method == LaplacianMethod::nested)
      r.laplacian = detail::trace_by_products([again](const Tensor& at) { return neg(score_of(again)(at)); },
                                              r.gradient, x, detail::rows_at_once(r.gradient, x, o.memory), true);
    else if (plan && (o.method == LaplacianMethod::planned || plan->flops() <= detail::taylor_flops(energy, x, d)))
      r.laplacian = plan->contract(x);
    else
      r.laplacian = forward(again, energy, x, o.memory);
  }
  if (record) return r;
  return {r.energy.detach(), r.gradient.detach(), r.laplacian.detach()};
}

Tensor laplacian(const Energy& f, const Tensor& x, const LaplacianOptions& options) {
  return energy_terms(f, x, options).laplacian;
}

}  // namespace stein::smld
