// SPDX-License-Identifier: MIT
#include "smld/sde.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/ops.h"
#include "smld/ladder.h"
#include "tensor/detail/names.h"

namespace stein::smld {
namespace {

void check_betas(const char* op, double low, double high) {
  if (!(low >= 0 && high >= low && high > 0 && std::isfinite(high)))
    fail(op, "0 <= beta_min <= beta_max, beta_max above 0 and finite",
         std::to_string(low) + ", " + std::to_string(high));
}

double checked(double t) {
  if (!(t >= -1e-6 && t <= 1 + 1e-6)) fail("sde", "times in [0, 1]", std::to_string(t));
  return t;
}
Tensor checked(const Tensor& time) {
  if (time.rank() != 1 || !is_floating(time.dtype())) fail("sde", "times (B), f32 or f64", describe(time));
  Tensor t = time.detach();
  if (t.device() == cpu)  // to look at those of a device would be to wait for it
    for (double v : t.to(f64).to_vector<double>()) checked(v);
  return t;
}

// The formulas, for a number and for a tensor.
using std::exp, std::expm1, std::sqrt;
/// The integral of beta from 0 to t.
template <class T>
T integral(const T& t, double low, double high) {
  return low * t + 0.5 * (high - low) * (t * t);
}
template <class T>
T alpha_of(const T& t, Sde::Kind kind, double low, double high) {
  if (kind == Sde::Kind::ve) return t * 0.0 + 1.0;
  return exp(-0.5 * integral(t, low, high));
}
template <class T>
T sigma_at(const T& t, Sde::Kind kind, double low, double high) {
  if (kind == Sde::Kind::ve) return low * exp(t * std::log(high / low));
  const T variance = -1.0 * expm1(-1.0 * integral(t, low, high));
  return kind == Sde::Kind::vp ? T(sqrt(variance)) : variance;
}
template <class T>
T g2_of(const T& t, Sde::Kind kind, double low, double high) {
  if (kind == Sde::Kind::ve) {
    const T s = sigma_at(t, kind, low, high);
    return (2 * std::log(high / low)) * (s * s);
  }
  const T beta = low + (high - low) * t;
  if (kind == Sde::Kind::vp) return beta;
  return -1.0 * beta * expm1(-2.0 * integral(t, low, high));
}

}  // namespace

Sde Sde::vp(double beta_min, double beta_max) {
  check_betas("vp", beta_min, beta_max);
  return {Kind::vp, beta_min, beta_max};
}

Sde Sde::sub_vp(double beta_min, double beta_max) {
  check_betas("sub_vp", beta_min, beta_max);
  return {Kind::sub_vp, beta_min, beta_max};
}

Sde Sde::ve(double sigma_min, double sigma_max) {
  if (!(sigma_min > 0 && sigma_max > sigma_min && std::isfinite(sigma_max)))
    fail("ve", "0 < sigma_min < sigma_max, finite", std::to_string(sigma_min) + ", " + std::to_string(sigma_max));
  return {Kind::ve, sigma_min, sigma_max};
}

Sde Sde::named(const std::string& name) {
  static constexpr stein::detail::Named<Sde (*)()> kSdes[] = {
      {"vp", [] { return vp(); }}, {"sub-vp", [] { return sub_vp(); }}, {"ve", [] { return ve(); }}};
  return stein::detail::by_name("sde", kSdes, name)();
}

double Sde::alpha(double t) const { return alpha_of(checked(t), kind_, low_, high_); }
double Sde::sigma(double t) const { return sigma_at(checked(t), kind_, low_, high_); }
double Sde::beta(double time) const {
  const double t = checked(time);
  return kind_ == Kind::ve ? 0 : low_ + (high_ - low_) * t;
}
double Sde::drift(double t) const { return -0.5 * beta(t); }
double Sde::diffusion2(double t) const { return g2_of(checked(t), kind_, low_, high_); }
Tensor Sde::diffusion2(const Tensor& t) const { return g2_of(checked(t), kind_, low_, high_); }

Kernel Sde::kernel(const Tensor& time, int rank) const {
  const Tensor t = reshape(checked(time), Shape{time.size(0)} + Dims::filled(rank - 1, 1));
  return {alpha_of(t, kind_, low_, high_), sigma_at(t, kind_, low_, high_)};
}

Times Sde::draw_times(std::int64_t n, DType dtype, Generator& g, double start, bool importance) const {
  if (!(start > 0 && start < 1)) fail("sde", "a first time between 0 and 1", std::to_string(start));
  const Tensor u = uniform({n}, g, 0, 1, f64);
  if (!importance || kind_ == Kind::ve) return {(start + (1 - start) * u).to(dtype), ones({n}, dtype)};
  // The integral of g^2 / sigma^2: of B' / (1 - e^-B) ln(e^B - 1), of B' coth(B/2) 2 ln(2 sinh(B/2)). Its inverse gives B, then t.
  const double power = kind_ == Kind::vp ? 1 : 2;
  const auto level = [&](double t) {
    const double b = integral(t, low_, high_);
    return b + power * std::log(-std::expm1(-b));
  };
  const double first = level(start), all = level(1) - first;
  std::vector<double> times, weights;
  for (double share : u.to_vector<double>()) {
    const double c = first + share * all;
    const double b = kind_ == Kind::vp ? std::max(c, 0.0) + std::log1p(std::exp(-std::abs(c)))
                                       : 2 * std::asinh(0.5 * std::exp(0.5 * c));
    const double t = 2 * b / (low_ + std::sqrt(low_ * low_ + 2 * (high_ - low_) * b));
    times.push_back(std::min(std::max(t, start), 1.0));
    const double s = sigma(times.back());
    weights.push_back(all * s * s / (diffusion2(times.back()) * (1 - start)));
  }
  return {from_vector(times, {n}).to(dtype), from_vector(weights, {n}).to(dtype)};
}

TimeScore Sde::score_of(TimeScore network) const {
  return [net = std::move(network), sde = *this](const Tensor& x, const Tensor& t) {
    const Tensor sigma = sde.kernel(t, x.rank()).sigma;
    if (sde.kind_ == Kind::ve) return net(x, reshape(sigma, {-1})) / sigma;
    return neg(net(x, 999.0 * t)) / sigma;
  };
}

DdpmSchedule::DdpmSchedule(std::int64_t steps, double first, double last) : beta_{0}, alpha_bar_{1} {
  if (steps < 1 || !(first > 0 && last >= first && last < 1))
    fail("ddpm", "at least one step and 0 < beta_1 <= beta_T < 1",
         std::to_string(steps) + ", " + std::to_string(first) + ", " + std::to_string(last));
  for (std::int64_t i = 0; i < steps; ++i) {
    const double share = steps == 1 ? 0 : static_cast<double>(i) / static_cast<double>(steps - 1);
    beta_.push_back(first + share * (last - first));
    alpha_bar_.push_back(alpha_bar_.back() * (1 - beta_.back()));
  }
}

namespace {

double entry(const std::vector<double>& table, std::int64_t first, std::int64_t t) {
  const auto last = static_cast<std::int64_t>(table.size()) - 1;
  if (t < first || t > last)
    fail("ddpm", "a step in " + std::to_string(first) + " ... " + std::to_string(last), std::to_string(t));
  return table[static_cast<std::size_t>(t)];
}

}  // namespace

double DdpmSchedule::beta(std::int64_t t) const { return entry(beta_, 1, t); }
double DdpmSchedule::alpha_bar(std::int64_t t) const { return entry(alpha_bar_, 0, t); }

Kernel DdpmSchedule::kernel(const Tensor& t, int rank, DType dtype) const {
  std::vector<double> alpha, sigma;
  for (double a : alpha_bar_) alpha.push_back(std::sqrt(a)), sigma.push_back(std::sqrt(1 - a));
  const auto table = [&](const std::vector<double>& v) {
    return sigma_of(from_vector(v, {steps() + 1}).to(dtype).to(t.device()), t, rank);
  };
  return {table(alpha), table(sigma)};
}

}  // namespace stein::smld
