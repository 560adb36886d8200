// SPDX-License-Identifier: MIT
#include "smld/ode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "ops/ops.h"
#include "smld/sampling.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

/// f, counted and checked.
class Rhs {
 public:
  Rhs(const char* op, const OdeRhs& f) : op_(op), f_(f) {}
  Tensor operator()(double t, const Tensor& y) {
    ++evaluations;
    Tensor k = f_(t, y);
    if (k.shape() != y.shape() || k.dtype() != y.dtype())
      fail(op_, "a derivative of y's shape and dtype, " + describe(y), describe(k));
    return k;
  }
  std::int64_t evaluations = 0;

 private:
  const char* op_;
  const OdeRhs& f_;
};

void check_times(const char* op, const Tensor& y, double from, double to) {
  if (!std::isfinite(from) || !std::isfinite(to))
    fail(op, "finite times", std::to_string(from) + ", " + std::to_string(to));
  if (!is_floating(y.dtype())) fail(op, "a floating y", describe(y));
}

void report(const char* op, const std::function<bool(std::int64_t, std::int64_t)>& progress, std::int64_t done,
            std::int64_t total) {
  if (progress && !progress(done, total)) throw Interrupted(op);
}

/// y + h sum_i c_i k_i
template <std::size_t N>
Tensor combine(const Tensor& y, double h, const std::array<double, N>& c, const std::array<Tensor, 7>& k) {
  Tensor out = y;
  for (std::size_t i = 0; i < N; ++i)
    if (c[i] != 0) out = out + (h * c[i]) * k[i];
  return out;
}

double rms(const Tensor& t) { return t.numel() == 0 ? 0 : std::sqrt(mean(square(t.to(f64))).item()); }

}  // namespace

OdeResult heun(const OdeRhs& f, const Tensor& start, double from, double to, std::int64_t steps,
               const std::function<bool(std::int64_t, std::int64_t)>& progress) {
  check_times("heun", start, from, to);
  if (steps < 1) fail("heun", "at least one step", std::to_string(steps));
  NoGrad guard;
  Rhs rhs("heun", f);
  Tensor y = start.detach();
  const double n = static_cast<double>(steps), h = (to - from) / n;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double t = from + (to - from) * (static_cast<double>(i) / n);
    const double next = i + 1 == steps ? to : from + (to - from) * (static_cast<double>(i + 1) / n);
    const Tensor k = rhs(t, y);
    y = y + (0.5 * h) * (k + rhs(next, y + h * k));
    report("heun", progress, i + 1, steps);
  }
  if (!all_of(isfinite(y)).item<bool>())
    fail("heun", "a finite result", "NaN or infinity", "take more steps, or see whether f is finite");
  return {y, rhs.evaluations, steps, 0};
}

OdeResult dormand_prince(const OdeRhs& f, const Tensor& start, double from, double to, const OdeOptions& o) {
  constexpr const char* op = "dormand_prince";
  check_times(op, start, from, to);
  if (!(o.rtol >= 0 && o.atol >= 0 && o.rtol + o.atol > 0 && std::isfinite(o.rtol + o.atol) && o.first_step >= 0 &&
        std::isfinite(o.first_step)))
    fail(op, "finite tolerances of at least 0, not both 0, and a finite first step of at least 0",
         std::to_string(o.rtol) + ", " + std::to_string(o.atol) + ", " + std::to_string(o.first_step));
  NoGrad guard;
  Rhs rhs(op, f);
  OdeResult r{start.detach()};
  if (from == to || start.numel() == 0) return r;

  const double direction = to > from ? 1 : -1;
  double t = from;
  std::array<Tensor, 7> k;
  k[0] = rhs(t, r.y);
  if (!all_of(isfinite(k[0])).item<bool>()) fail(op, "a finite derivative at the start", "NaN or infinity");
  const auto scale = [&](const Tensor& a, const Tensor& b) { return o.rtol * maximum(abs(a), abs(b)) + o.atol; };

  double h = o.first_step;
  if (h == 0) {  // so that an explicit Euler step of it would err by about 1 % of the tolerance
    const Tensor s = scale(r.y, r.y);
    const double d0 = rms(r.y / s), d1 = rms(k[0] / s);
    const double h0 = std::min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1, std::abs(to - from));
    const double d2 = rms((rhs(t + direction * h0, r.y + (direction * h0) * k[0]) - k[0]) / s) / h0;
    const double steepest = std::max(d1, d2);
    h = std::min(100 * h0, steepest <= 1e-15 ? std::max(1e-6, h0 * 1e-3) : std::pow(0.01 / steepest, 0.2));
    if (!std::isfinite(h)) h = h0;
  }

  bool rejected = false;
  while (direction * (to - t) > 0) {
    const double smallest = 10 * std::abs(std::nextafter(t, to) - t);
    if (!(h >= smallest))
      fail(op, "steps that time can resolve", std::to_string(h) + " at t = " + std::to_string(t),
           "f is not smooth or not finite there, or the tolerances are below y's precision");
    if (rhs.evaluations + 6 > o.max_evaluations)
      fail(op, "an end within " + std::to_string(o.max_evaluations) + " evaluations", "t = " + std::to_string(t),
           "widen the tolerances, or raise max_evaluations");
    const bool last = direction * (t + direction * h - to) >= 0;
    const double next = last ? to : t + direction * h, s = next - t;
    k[1] = rhs(t + s / 5, combine<1>(r.y, s, {1. / 5}, k));
    k[2] = rhs(t + s * 3 / 10, combine<2>(r.y, s, {3. / 40, 9. / 40}, k));
    k[3] = rhs(t + s * 4 / 5, combine<3>(r.y, s, {44. / 45, -56. / 15, 32. / 9}, k));
    k[4] = rhs(t + s * 8 / 9, combine<4>(r.y, s, {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729}, k));
    k[5] = rhs(next, combine<5>(r.y, s, {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656}, k));
    const Tensor y = combine<6>(r.y, s, {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}, k);
    k[6] = rhs(next, y);
    const Tensor error = combine<7>(
        zeros_like(y), s, {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40}, k);
    const double size = rms(error / scale(r.y, y));
    if (size <= 1) {
      const double grow = size == 0 ? 10 : std::min(10.0, 0.9 * std::pow(size, -0.2));
      h = std::abs(s) * (rejected ? std::min(grow, 1.0) : grow);
      rejected = false;
      t = next;
      r.y = y;
      k[0] = k[6];
      report(op, o.progress, ++r.steps, 0);
    } else {  // NaN comes here, too: a step that left f's domain is taken again, shorter
      h = std::abs(s) * (std::isfinite(size) ? std::max(0.2, 0.9 * std::pow(size, -0.2)) : 0.2);
      rejected = true;
      ++r.rejected;
    }
  }
  r.evaluations = rhs.evaluations;
  return r;
}

}  // namespace stein::smld
