// SPDX-License-Identifier: MIT
#include "autograd/calculus/check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/calculus/detail/check_parts.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein {
namespace detail {

Checked restricted(const TensorsFunction& f, const Tensors& inputs) {
  Checked r;
  std::vector<std::size_t> position;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].defined() && inputs[i].dtype() == f64) {
      position.push_back(i);
      r.at.push_back(inputs[i].detach());
      r.names.push_back("input " + std::to_string(i));
    }
  r.f = [f, inputs, position](const Tensors& x) {
    Tensors all = inputs, out;
    for (std::size_t i = 0; i < position.size(); ++i) all[position[i]] = x[i];
    for (auto& y : f(all))
      if (y.defined() && y.dtype() == f64) out.push_back(y);
    return out;
  };
  return r;
}

Checked pulled(const Checked& g, const Tensors& cotangents, int order) {
  Checked r;
  r.at = g.at;
  r.names = g.names;
  for (std::size_t j = 0; j < cotangents.size(); ++j) {
    r.at.push_back(cotangents[j]);
    r.names.push_back("cotangent " + std::to_string(j) + (order > 1 ? " of order " + std::to_string(order) : ""));
  }
  r.f = [f = g.f, n = g.at.size()](const Tensors& z) {
    const auto split = z.begin() + static_cast<std::ptrdiff_t>(n);
    return vjp(f, Tensors(z.begin(), split)).second(Tensors(split, z.end()));
  };
  return r;
}

Tensors directions(const Tensors& like, Generator& generator, const Shape& batch) {
  Tensors r;
  for (const auto& t : like) {
    Tensor v = uniform(batch + t.shape(), generator, 0.5, 1, f64), sign = rademacher(v.shape(), generator, f64);
    double* p = v.mutable_data<double>();
    const double* s = sign.data<double>();
    for (std::int64_t i = 0; i < v.numel(); ++i) p[i] *= s[i];
    r.push_back(v.to(t.device()));
  }
  return r;
}

Inner inner(const Tensors& a, const Tensors& b) {
  long double value = 0, mass = 0;
  for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    if (!a[k].defined() || !b[k].defined()) continue;
    if (a[k].shape() != b[k].shape()) fail("check", "a derivative of shape " + to_string(b[k].shape()), describe(a[k]));
    const auto x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double p = static_cast<long double>(x[i]) * static_cast<long double>(y[i]);
      value += p;
      mass += std::abs(p);
    }
  }
  return {static_cast<double>(value), static_cast<double>(mass)};
}

double difference(const Tensors& a, const Tensors& b, double floor) {
  double worst = 0, scale = 1e-3 * floor;
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (!a[k].defined() && !b[k].defined()) continue;
    if (!a[k].defined() || !b[k].defined() || a[k].shape() != b[k].shape())
      return std::numeric_limits<double>::infinity();
    const auto x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i]) || std::isnan(y[i])) return std::numeric_limits<double>::infinity();
      worst = std::max(worst, std::abs(x[i] - y[i]));
      scale = std::max(scale, std::abs(y[i]));
    }
  }
  return worst == 0 ? 0 : worst / scale;
}

}  // namespace detail

namespace {

using detail::Checked;
using detail::Inner;

Tensors moved(const Tensors& z, const Tensors& v, double t) {
  Tensors r;
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (!v[k].defined()) {
      r.push_back(z[k]);
      continue;
    }
    Tensor m = z[k].to(cpu).clone();
    double* p = m.mutable_data<double>();
    const auto d = v[k].to_vector<double>();
    for (std::size_t i = 0; i < d.size(); ++i) p[i] += t * d[i];
    r.push_back(m.to(z[k].device()));
  }
  return r;
}

// d/dt <c, F(z + t v)> at 0 by the central difference of eight points, and the mass of <c, F(z)>.
Inner by_differences(const Checked& g, const Tensors& c, const Tensors& v, double h) {
  static constexpr double kWeight[] = {4. / 5, -1. / 5, 4. / 105, -1. / 280};
  const NoGrad guard;
  Inner r;
  for (int i = 1; i <= 4; ++i) {
    const Inner up = detail::inner(c, g.f(moved(g.at, v, i * h))), down = detail::inner(c, g.f(moved(g.at, v, -i * h)));
    r.value += kWeight[i - 1] * (up.value - down.value) / h;
    r.mass = std::max(r.mass, up.mass);
  }
  return r;
}

// Only argument k of v.
Tensors only(const Tensors& v, std::size_t k) {
  Tensors r(v.size());
  r[k] = v[k];
  return r;
}

class Checker {
 public:
  Checker(const CheckOptions& options) : options_(options), generator_(options.seed) {}

  void order(int k, const Checked& previous) {
    Tensors results;
    if (!guarded(k, "value", "all", [&] {
          const NoGrad guard;
          results = previous.f(previous.at);
          if (results.empty()) fail("check", "a function with an f64 result", "none");
        }))
      return;
    const Tensors c = detail::directions(results, generator_), v = detail::directions(previous.at, generator_);
    const std::string rev = chain("rev", k), fwd = k == 1 ? "fwd" : "fwd-" + chain("rev", k - 1);
    const std::size_t failures = failed();
    compare(k, previous, c, v, "all", rev, fwd);
    // Which argument is it? At order 1 always told.
    if (previous.at.size() > 1 && (k == 1 || failed() > failures))
      for (std::size_t i = 0; i < v.size(); ++i) compare(k, previous, c, only(v, i), previous.names[i], rev, fwd);
    if (k < options_.order) next_ = detail::pulled(previous, c, k);
  }

  const Checked& next() const { return next_; }

  // Order 2 in the modes that start forwards. J(x, t) = derivative of f at x along t; <g, J(x, r)> = <r, F_1(x, g)>.
  void forward_first(const Checked& f) {
    Tensors y;
    if (!guarded(2, "value", "all", [&] {
          const NoGrad guard;
          y = f.f(f.at);
        }))
      return;
    const Tensors g = detail::directions(y, generator_), u = detail::directions(y, generator_);
    const Tensors r = detail::directions(f.at, generator_), v = detail::directions(f.at, generator_);
    const Checked rev = detail::pulled(f, g, 1);
    const TensorsFunction j = [&](const Tensors& x) { return jvp(f.f, x, r).second; };
    Tensors vu = v;
    vu.insert(vu.end(), u.begin(), u.end());
    Inner reference, moving_g;
    if (!guarded(2, "rev-rev", "all", [&] {
          reference = detail::inner(vu, vjp(rev.f, rev.at).second(r));
          moving_g = detail::inner(u, j(f.at));
        }))
      return;
    guarded(2, "rev-fwd", "all", [&] {
      const Inner got = detail::inner(v, vjp(j, f.at).second(g));
      line(2, "rev-fwd = rev-rev", "all", reference.value, got.value + moving_g.value, options_.agreement,
           reference.mass + moving_g.mass);
    });
    guarded(2, "fwd-fwd", "all", [&] {
      const Inner got = detail::inner(g, jvp(j, f.at, v).second);
      line(2, "fwd-fwd = rev-rev", "all", reference.value, got.value + moving_g.value, options_.agreement,
           reference.mass + moving_g.mass);
    });
  }

  CheckReport report;

 private:
  static std::string chain(const std::string& mode, int times) {
    std::string s = mode;
    for (int i = 1; i < times; ++i) s += "-" + mode;
    return s;
  }

  std::size_t failed() const {
    return static_cast<std::size_t>(
        std::count_if(report.lines.begin(), report.lines.end(), [](const CheckLine& l) { return !l.ok(); }));
  }

  void line(int order, const std::string& mode, const std::string& argument, double expected, double got,
            double tolerance, double scale) {
    const double gap = std::abs(expected - got);
    const double error = gap == 0 ? 0 : std::isfinite(gap) ? gap / scale : std::numeric_limits<double>::infinity();
    report.lines.push_back({order, mode, argument, error, tolerance, expected, got});
  }

  template <class Body>
  bool guarded(int order, const std::string& mode, const std::string& argument, Body body) {
    try {
      body();
      return true;
    } catch (const Error& e) {
      report.lines.push_back(
          {order, mode, argument, std::numeric_limits<double>::infinity(), options_.tolerance, 0, 0, e.what()});
      return false;
    }
  }

  void compare(int k, const Checked& g, const Tensors& c, const Tensors& v, const std::string& argument,
               const std::string& rev, const std::string& fwd) {
    Inner numeric, reverse;
    if (!guarded(k, "differences", argument, [&] { numeric = by_differences(g, c, v, options_.step); })) return;
    // Differences cannot see a derivative that is far smaller than the values themselves.
    const double floor = 1e-3 * numeric.mass;
    double scale = floor;
    const bool reversed = guarded(k, rev, argument, [&] {
      reverse = detail::inner(v, vjp(g.f, g.at).second(c));
      scale = std::max(floor, reverse.mass);
      line(k, rev, argument, numeric.value, reverse.value, options_.tolerance, scale);
    });
    if (!options_.forward) return;
    guarded(k, fwd, argument, [&] {
      const Inner forward = detail::inner(c, jvp(g.f, g.at, v).second);
      scale = std::max(scale, forward.mass);
      line(k, fwd, argument, numeric.value, forward.value, options_.tolerance, scale);
      if (reversed) line(k, fwd + " = " + rev, argument, reverse.value, forward.value, options_.agreement, scale);
    });
  }

  CheckOptions options_;
  Generator generator_;
  Checked next_;
};

}  // namespace

CheckReport check_grads(const TensorsFunction& f, const Tensors& inputs, const CheckOptions& options) {
  Checker checker(options);
  Checked at = detail::restricted(f, inputs);
  if (at.at.empty()) fail("check_grads", "at least one f64 input", describe(inputs));
  const Checked original = at;
  for (int k = 1; k <= options.order; ++k) {
    checker.order(k, at);
    if (!checker.report.ok()) break;  // what follows would only repeat it
    if (k == 2 && options.forward) checker.forward_first(original);
    if (k < options.order) at = checker.next();
  }
  return checker.report;
}

CheckReport check_grads(const TensorFunction& f, const Tensor& x, const CheckOptions& options) {
  return check_grads([&f](const Tensors& in) { return Tensors{f(in[0])}; }, Tensors{x}, options);
}

}  // namespace stein
