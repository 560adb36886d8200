// SPDX-License-Identifier: MIT
#include "autograd/calculus/gradcheck_table.h"

#include <algorithm>
#include <cmath>

#include "tensor/detail/names.h"
#include "tensor/random.h"
#include "tensor/recording.h"

namespace stein {
namespace {

// Uniform in [lo, hi] and `margin` away from each kink.
std::vector<double> apart_from_kinks(const InputSpec& spec, std::int64_t n, Generator& generator) {
  std::vector<double> r;
  while (static_cast<std::int64_t>(r.size()) < n) {
    const double x = spec.lo == spec.hi ? spec.lo : uniform({}, generator, spec.lo, spec.hi, f64).item();
    const bool near = std::any_of(spec.avoid.begin(), spec.avoid.end(),
                                  [&](double kink) { return std::abs(x - kink) < spec.margin; });
    if (!near) r.push_back(x);
  }
  return r;
}

// Steps of at least 0.0625 in random order, each value moved by at most a tenth of a step.
std::vector<double> distinct(const InputSpec& spec, std::int64_t n, Generator& generator) {
  const auto order = permutation(n, generator).to_vector<std::int64_t>();
  const auto jitter = uniform({n}, generator, -0.1, 0.1, f64).to_vector<double>();
  const double step = std::max((spec.hi - spec.lo) / static_cast<double>(std::max<std::int64_t>(n, 1)), 0.0625);
  const double middle = (spec.lo + spec.hi) / 2;
  std::vector<double> r;
  for (std::size_t i = 0; i < order.size(); ++i)
    r.push_back(middle + (static_cast<double>(order[i]) - static_cast<double>(n - 1) / 2 + jitter[i]) * step);
  return r;
}

Tensor draw(const InputSpec& spec, Generator& generator) {
  const auto n = numel(spec.shape);
  if (spec.dtype == boolean || spec.dtype == u8) {
    const auto bits = integers(0, 2, spec.shape, generator).to_vector<std::int64_t>();
    return from_bytes(std::vector<std::uint8_t>(bits.begin(), bits.end()).data(), spec.shape, spec.dtype);
  }
  if (spec.dtype == i64)
    return integers(static_cast<std::int64_t>(spec.lo), static_cast<std::int64_t>(spec.hi) + 1, spec.shape, generator);
  const auto values = spec.distinct ? distinct(spec, n, generator) : apart_from_kinks(spec, n, generator);
  if (spec.dtype == f64) return from_vector(values, spec.shape);
  return from_vector(std::vector<float>(values.begin(), values.end()), spec.shape);
}

}  // namespace

Tensors draw_inputs(const Sample& sample, std::uint64_t seed) {
  Generator generator(seed);
  Tensors r;
  for (const auto& spec : sample.inputs) r.push_back(draw(spec, generator));
  return r;
}

bool has_derivative(const OpEntry& op, const Sample& sample) {
  if (!op.differentiable) return false;
  const auto is_f64 = [](const InputSpec& s) { return s.dtype == f64; };
  if (std::none_of(sample.inputs.begin(), sample.inputs.end(), is_f64)) return false;
  const NoGrad guard;
  const Tensors y = sample.call(draw_inputs(sample));
  return std::any_of(y.begin(), y.end(), [](const Tensor& t) { return t.defined() && t.dtype() == f64; });
}

CheckReport check_sample(const OpEntry& op, const Sample& sample, int order) {
  const Tensors inputs = draw_inputs(sample);
  CheckOptions options;
  options.order = order;
  options.tolerance = op.tolerance;
  CheckReport report = check_grads(sample.call, inputs, options);
  if (sample.linear) report.append(check_adjoint(sample.call, inputs));
  report.append(check_batched(sample.call, inputs));
  return report;
}

std::vector<GradcheckRow> gradcheck(const OpEntry& op, int order) {
  std::vector<GradcheckRow> rows;
  for (const auto& sample : op.samples) {
    if (!has_derivative(op, sample)) continue;
    for (const auto& l : check_sample(op, sample, order).lines)
      rows.push_back({op.name, sample.label, l.order, l.mode, l.argument, l.error, l.tolerance, l.ok(), l.problem});
  }
  return rows;
}

std::vector<GradcheckRow> gradcheck(const std::string& name, int order) {
  std::string near;
  std::vector<std::string> names;
  for (const auto& op : op_registry().entries()) {
    if (op.name == name) return gradcheck(op, order);
    if (op.name.find(name) != std::string::npos || name.find(op.name) != std::string::npos)
      near += (near.empty() ? "" : ", ") + op.name;
    names.push_back(op.name);
  }
  fail("gradcheck", "the name of a registered op", "'" + name + "'",
       near.empty() ? detail::did_you_mean(name, names) : "did you mean " + near + "?");
}

}  // namespace stein
