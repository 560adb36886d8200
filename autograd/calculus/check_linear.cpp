// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/calculus/check.h"
#include "autograd/calculus/detail/check_parts.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein {
namespace {

using detail::Checked;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One kind of batch: how many axes, and which of them are drawn as size 1 and expanded (a shared cotangent).
struct Batch {
  const char* name;
  Shape drawn, shape;
};
const Batch kBatches[] = {
    {"batched", {3}, {3}}, {"2 axes, 1 shared", {1, 2}, {3, 2}}, {"shared", {1}, {3}}, {"empty batch", {0}, {0}}};

Tensors draw(const Batch& b, const Tensors& like, Generator& generator) {
  Tensors r = detail::directions(like, generator, b.drawn);
  for (std::size_t k = 0; k < r.size(); ++k) r[k] = expand(r[k], b.shape + like[k].shape());
  return r;
}

// f on each entry of the batches `ts`, stacked again.
Tensors loop(const Shape& batch, const Tensors& ts, const Tensors& results_like,
             const std::function<Tensors(const Tensors&)>& f) {
  const auto n = numel(batch);
  std::vector<Tensors> parts(results_like.size());
  for (std::int64_t i = 0; i < n; ++i) {
    Tensors one;
    for (const auto& t : ts) one.push_back(t.reshape(Shape{n} + t.shape().slice(batch.rank(), t.rank()))[i]);
    const Tensors r = f(one);
    for (std::size_t k = 0; k < parts.size(); ++k) parts[k].push_back(r[k]);
  }
  Tensors r;
  for (std::size_t k = 0; k < parts.size(); ++k)
    r.push_back(n ? stack(parts[k]).reshape(batch + results_like[k].shape())
                  : zeros(batch + results_like[k].shape(), f64, results_like[k].device()));
  return r;
}

double largest(const Tensors& ts) {
  double m = 0;
  for (const auto& t : ts)
    for (const double v : t.to_vector<double>()) m = std::max(m, std::abs(v));
  return m;
}

class BatchChecker {
 public:
  BatchChecker(double tolerance, std::uint64_t seed) : tolerance_(tolerance), generator_(seed) {}

  void check(int order, const Checked& g) {
    Tensors y;
    if (!guarded(order, "value", [&] {
          const NoGrad guard;
          y = g.f(g.at);
          if (y.empty()) fail("check", "a function with an f64 result", "none");
        }))
      return;
    for (const auto& b : kBatches) {
      const int lead = b.shape.rank();
      guarded(order, std::string(b.name) + " cotangents", [&] {
        const Tensors c = draw(b, y, generator_);
        const auto together = [&](const Tensors& z) { return vjp(g.f, z).second(c, lead); };
        const auto one_by_one = [&](const Tensors& z) {
          const auto pullback = vjp(g.f, z).second;
          return loop(b.shape, c, z, [&](const Tensors& one) { return pullback(one); });
        };
        const Tensors got = together(g.at), expected = one_by_one(g.at);
        compare(order, std::string(b.name) + " cotangents", got, expected, g.names, largest(y));
        if (order > 1 || lead > 1) return;
        // The batch is recorded too: a loss made of it is differentiated.
        const Tensors weights = detail::directions(got, generator_);
        compare(order + 1, std::string("loss of ") + b.name + " cotangents", vjp(together, g.at).second(weights),
                vjp(one_by_one, g.at).second(weights), g.names, largest(got));
      });
      guarded(order, std::string(b.name) + " tangents", [&] {
        const Tensors v = draw(b, g.at, generator_);
        const Tensors got = jvp(g.f, g.at, v, lead).second;
        const Tensors expected = loop(b.shape, v, y, [&](const Tensors& one) { return jvp(g.f, g.at, one).second; });
        compare(order, std::string(b.name) + " tangents", got, expected, {}, largest(y));
      });
    }
  }

  CheckReport report;

 private:
  template <class Body>
  bool guarded(int order, const std::string& mode, Body body) {
    try {
      body();
      return true;
    } catch (const Error& e) {
      report.lines.push_back({order, mode, "all", kInfinity, tolerance_, 0, 0, e.what()});
      return false;
    }
  }

  void compare(int order, const std::string& mode, const Tensors& got, const Tensors& expected,
               const std::vector<std::string>& names, double floor) {
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const std::string name = names.empty() ? "result " + std::to_string(k) : names[k];
      CheckLine line{order, mode, name, kInfinity, tolerance_};
      if (k >= got.size() || !got[k].defined() || got[k].shape() != expected[k].shape())
        line.problem = "shape: expected " + describe(expected[k]) + "; got " +
                       (k < got.size() ? describe(got[k]) : std::string("nothing"));
      else
        line.error = detail::difference({got[k]}, {expected[k]}, floor);
      report.lines.push_back(line);
    }
  }

  double tolerance_;
  Generator generator_;
};

}  // namespace

CheckReport check_batched(const TensorsFunction& f, const Tensors& inputs, double tolerance, std::uint64_t seed) {
  const Checked at = detail::restricted(f, inputs);
  BatchChecker checker(tolerance, seed);
  checker.check(1, at);
  if (!checker.report.ok()) return checker.report;
  const NoGrad guard;
  Generator generator(seed + 1);
  const Checked first = detail::pulled(at, detail::directions(at.f(at.at), generator), 1);
  const NoGrad record(false);
  checker.check(2, first);
  return checker.report;
}

CheckReport check_adjoint(const TensorsFunction& f, const Tensors& inputs, double tolerance, std::uint64_t seed) {
  CheckReport report;
  Checked g = detail::restricted(f, inputs);
  Generator generator(seed);
  try {
    const auto [value, pullback] = vjp(g.f, g.at);
    if (value.empty()) fail("check", "a function with an f64 result", "none");
    const Tensors y = detail::directions(value, generator);
    const auto left = detail::inner(value, y), right = detail::inner(g.at, pullback(y));
    const double mass = std::max(left.mass, right.mass), gap = std::abs(left.value - right.value);
    report.lines.push_back(
        {1, "<f x, y> = <x, f* y>", "all", gap == 0 ? 0 : gap / mass, tolerance, left.value, right.value});
    report.lines.push_back(
        {1, "tangent = f(tangent)", "all", detail::difference(jvp(g.f, g.at, g.at).second, value), tolerance});
  } catch (const Error& e) {
    report.lines.push_back({1, "<f x, y> = <x, f* y>", "all", kInfinity, tolerance, 0, 0, e.what()});
  }
  return report;
}

}  // namespace stein
