// SPDX-License-Identifier: MIT
#include "smld/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/calculus/functional.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "smld/detail/estimators.h"
#include "smld/detail/planner.h"
#include "smld/detail/products.h"
#include "smld/detail/same_draws.h"
#include "smld/detail/samples.h"
#include "tensor/detail/names.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

using detail::Order;

constexpr stein::detail::Named<TraceMethod> kMethods[] = {
    {"exact", TraceMethod::exact},           {"naive", TraceMethod::naive},
    {"chunked", TraceMethod::chunked},       {"structured", TraceMethod::structured},
    {"collapsed", TraceMethod::collapsed},   {"cyclic", TraceMethod::cyclic},
    {"hutchinson", TraceMethod::hutchinson}, {"hutch++", TraceMethod::hutchpp},
    {"xtrace", TraceMethod::xtrace},         {"fd", TraceMethod::fd}};

bool is_planned(TraceMethod m) {
  return m == TraceMethod::exact || m == TraceMethod::structured || m == TraceMethod::collapsed ||
         m == TraceMethod::cyclic;
}

// One run of f on a variable of its own.
struct Run {
  Tensor x, s;
  bool record;  // the caller can differentiate the results
  Score again;  // f, drawing from default_generator() what it drew in this run (dropout)

  Run(const Score& f, const Tensor& input) : again(detail::same_draws(f)) {
    if (input.rank() < 1) fail("trace", "x (B, ...)", describe(input));
    const bool recording = is_recording();
    NoGrad on(false);
    x = detail::variable(input);
    s = again(x);
    if (s.shape() != x.shape() || s.dtype() != x.dtype())
      fail("trace", "a model whose result is " + describe(x), describe(s));
    record = recording;
  }
  std::int64_t batch() const { return x.size(0); }
  std::int64_t width() const { return detail::sample_size(x); }
};

// The plan for a named order; nothing, and why, when it does not apply.
std::optional<detail::TracePlan> plan(const Run& run, const TraceOptions& o, std::string& why) {
  const Order order = o.method == TraceMethod::structured ? Order::structured
                      : o.method == TraceMethod::exact    ? Order::cheapest
                                                          : Order::merged;
  auto p = detail::plan_trace(run.s, run.x, o.memory, order, why);
  if (!p) return std::nullopt;
  for (std::size_t i = 0; i < p->rings.size(); ++i) {
    const auto left = p->rings[i].size() - static_cast<int>(p->orders[i].merged.size());
    if ((o.method == TraceMethod::collapsed && left > 2) || (o.method == TraceMethod::cyclic && left < 3)) {
      why = fmt::format("a ring of {} nodes is left after the shared products", left);
      return std::nullopt;
    }
  }
  return p;
}

Tensor zero_trace(const Run& run) { return zeros({run.batch()}, run.x.dtype(), run.x.device()); }

// Multiply-adds of the loop, chunked or not.
double product_flops(const Run& run) {
  return static_cast<double>(run.width()) * detail::product_cost(run.s, run.x).flops;
}

Tensor exact(const Run& run, const TraceOptions& o) {
  if (is_planned(o.method)) {
    std::string why;
    const auto p = plan(run, o, why);
    if (!p && o.method != TraceMethod::exact)
      fail("trace", "a model to which the order applies", why, "use exact or chunked");
    if (p && (o.method != TraceMethod::exact || p->flops() <= product_flops(run))) return p->contract(run.x);
  }
  const auto rows = o.method == TraceMethod::naive ? 1 : detail::rows_at_once(run.s, run.x, o.memory);
  return detail::trace_by_products(run.again, run.s, run.x, rows, o.method != TraceMethod::naive);
}

}  // namespace

TraceMethod trace_method(const std::string& name) { return stein::detail::by_name("trace", kMethods, name); }

std::pair<Tensor, Tensor> value_and_trace(const Score& f, const Tensor& x, const TraceOptions& o) {
  if (o.method == TraceMethod::fd) return detail::finite_differences(f, x, o);
  const Run run(f, x);
  NoGrad guard(!run.record);
  const auto outside = [&](const Tensor& t) { return run.record ? t : t.detach(); };
  if (!run.s.requires_grad()) return {run.s.detach(), zero_trace(run)};
  const bool estimate =
      o.method == TraceMethod::hutchinson || o.method == TraceMethod::hutchpp || o.method == TraceMethod::xtrace;
  const Tensor t = estimate ? detail::estimate(run.s, run.x, o) : exact(run, o);
  return {outside(run.s), outside(t)};
}

Tensor trace(const Score& f, const Tensor& x, const TraceOptions& options) {
  return value_and_trace(f, x, options).second;
}

std::string explain_trace(const Score& f, const Tensor& x, const TraceOptions& o) {
  const Run run(f, x);
  std::string why, text = fmt::format("batch {}, width {}\n", run.batch(), run.width());
  if (const auto p = is_planned(o.method) ? plan(run, o, why) : std::nullopt) {
    if (o.method != TraceMethod::exact || p->flops() <= product_flops(run)) return text + p->explain();
    why = fmt::format("{} chains of {:.3g} multiply-adds together take longer than products", p->rings.size(),
                      p->flops());
  }
  if (!run.s.requires_grad()) return text + "the model does not depend on x: 0\n";
  const auto cost = detail::product_cost(run.s, run.x);
  const auto evaluations = [&](std::int64_t count, const char* what, std::int64_t at_once) {
    return fmt::format("{} {}, {} at a time; {:.3g} multiply-adds, {:.3g} MB\n", count, what, at_once,
                       static_cast<double>(count) * cost.flops, static_cast<double>(at_once) * cost.bytes / 1e6);
  };
  const char* const product = "vector-Jacobian products";
  switch (o.method) {
    case TraceMethod::hutchinson:
    case TraceMethod::hutchpp:
    case TraceMethod::xtrace:
      return text + "estimate: " + evaluations(o.probes, product, o.probes);
    case TraceMethod::fd:
      return text + "estimate: " + evaluations(2 * o.probes, "evaluations of the model", 1);
    default:
      break;
  }
  if (!why.empty() && o.method != TraceMethod::exact)
    fail("trace", "a model to which the order applies", why, "use exact or chunked");
  const auto rows = o.method == TraceMethod::naive ? 1 : detail::rows_at_once(run.s, run.x, o.memory);
  return text + (why.empty() ? "" : "no plan: " + why + "\n") + evaluations(run.width(), product, rows);
}

}  // namespace stein::smld
