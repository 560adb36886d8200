// SPDX-License-Identifier: MIT
// Every mathematical function beside long double, over the whole range of its dtype: for the tests of the cpu and of devices.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "ops/ops.h"

namespace stein::test {

using Function = Tensor (*)(const Tensor&);
using Reference = long double (*)(long double);

// Distance in units of the last place of a T near `exact`; infinite when one is NaN or infinite and the other is not.
template <class T>
double ulps(T got, long double exact) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const T nearest = static_cast<T>(exact);
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : never;
  if (std::isinf(nearest) || std::isinf(got)) return nearest == got ? 0 : never;
  int exponent;
  std::frexp(nearest, &exponent);
  using Limits = std::numeric_limits<T>;
  const auto unit = std::ldexp(1.0L, std::max(exponent, Limits::min_exponent) - Limits::digits);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / unit);
}

// Bit patterns in equal steps through the whole range (both signs, denormals, huge values, NaN), the range in which
// most functions do something in equal steps, and the special values.
template <class T>
std::vector<T> arguments() {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  using Limits = std::numeric_limits<T>;
  constexpr Bits count = 60000, step = ~Bits{0} / count;
  std::vector<T> r;
  for (Bits i = 0; i < count; ++i) {
    const Bits bits = i * step + 12345 * (i % 7);
    T x;
    std::memcpy(&x, &bits, sizeof x);
    r.push_back(x);
  }
  for (const double range : {2.0, 12.0, 120.0, 800.0})
    for (int i = -15000; i <= 15000; ++i) r.push_back(static_cast<T>(range * i / 15000.3));
  for (const T x : {T(0), T(1), Limits::infinity(), Limits::quiet_NaN(), Limits::denorm_min(), Limits::min(),
                    Limits::max(), std::log(Limits::max()), std::log(Limits::min()), std::log(Limits::denorm_min())})
    r.insert(r.end(), {x, -x});
  return r;
}

struct Case {
  const char* name;
  Function f;
  Reference exact;
  double ulps = 4;
  // f(x) is x times a factor that may be denormal and then has lost digits: |x| more units of the smallest number.
  bool product = false;
};

inline long double logistic(long double x) { return 1 / (1 + std::exp(-x)); }
// A product x * factor, 0 where x is -inf and the factor 0.
inline long double times(long double x, long double factor) { return std::isinf(x) && x < 0 ? -0.0L : x * factor; }

inline const Case cases[] = {
    {"square", square, [](long double x) { return x * x; }, 0.5},
    {"sqrt", stein::sqrt, [](long double x) { return std::sqrt(x); }, 0.5},
    {"rsqrt", rsqrt, [](long double x) { return 1 / std::sqrt(x); }, 1.5},
    {"reciprocal", reciprocal, [](long double x) { return 1 / x; }, 0.5},
    {"exp", stein::exp, [](long double x) { return std::exp(x); }},
    {"expm1", stein::expm1, [](long double x) { return std::expm1(x); }},
    {"log", stein::log, [](long double x) { return std::log(x); }},
    {"log1p", stein::log1p, [](long double x) { return std::log1p(x); }},
    {"sin", stein::sin, [](long double x) { return std::sin(x); }},
    {"cos", stein::cos, [](long double x) { return std::cos(x); }},
    {"tanh", stein::tanh, [](long double x) { return std::tanh(x); }},
    {"erf", stein::erf, [](long double x) { return std::erf(x); }},
    {"abs", stein::abs, [](long double x) { return std::fabs(x); }, 0},
    {"sign", sign, [](long double x) -> long double { return x > 0   ? 1
                                                             : x < 0 ? -1
                                                                     : 0; }, 0},
    {"floor", stein::floor, [](long double x) { return std::floor(x); }, 0},
    {"round", stein::round, [](long double x) { return std::nearbyint(x); }, 0},
    {"sigmoid", sigmoid, logistic},
    {"softplus", softplus,
     [](long double x) {
       return std::isinf(x) ? std::max(x, 0.0L) : std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x)));
     }},
    {"relu", relu, [](long double x) { return x <= 0 ? 0 : x; }, 0},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.125); },
     [](long double x) { return x <= 0 ? x / 8 : x; }, 0.5},
    {"elu", [](const Tensor& x) { return elu(x); }, [](long double x) { return x <= 0 ? std::expm1(x) : x; }},
    {"silu", silu, [](long double x) { return times(x, logistic(x)); }, 5},
    // Ten rounded factors; the reference itself has to avoid 1 + erf, which would lose all digits.
    {"gelu", gelu, [](long double x) { return times(x, std::erfc(-x * std::sqrt(0.5L)) / 2); }, 8, true},
    {"clamp", [](const Tensor& x) { return clamp(x, -0.5, 2); },
     [](long double x) { return x < -0.5L ? -0.5L
                                : x > 2   ? 2.0L
                                          : x; }, 0},
    {"pow(x, 2.5)", [](const Tensor& x) { return pow(x, 2.5); }, [](long double x) { return std::pow(x, 2.5L); }, 1},
    {"pow(x, 3)", [](const Tensor& x) { return pow(x, 3); }, [](long double x) { return std::pow(x, 3.0L); }, 1},
    {"pow(1.5, x)", [](const Tensor& x) { return pow(scalar(1.5, x.dtype()), x); },
     [](long double x) { return std::pow(1.5L, x); }, 1},
};

// On a device. Its mathematical functions are the C library's, at most 4 ulp from the truth; what is rounded once has to be exact.
template <class T>
void sweep(const Case& c, const std::vector<T>& x, const Device& device = cpu) {
  const double allowed = device == cpu || c.ulps <= 0.5 ? c.ulps : std::max(4.0, c.ulps);
  const auto y = c.f(from_vector(x, {static_cast<std::int64_t>(x.size())}).to(device)).template to_vector<T>();
  double worst = 0;
  T at = 0, got = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double exact = c.exact(static_cast<long double>(x[i]));
    double u = ulps(y[i], exact);
    const T lost = std::numeric_limits<T>::min() * std::numeric_limits<T>::epsilon();
    if (c.product && std::fabs(exact) < std::fabs(static_cast<long double>(x[i])) * std::numeric_limits<T>::min())
      u = std::fabs(static_cast<long double>(y[i]) - exact) <= std::fabs(static_cast<long double>(x[i])) * lost ? 0 : u;
    if (!(u <= worst)) worst = u, at = x[i], got = y[i];
  }
  INFO(c.name << (sizeof(T) == 4 ? " f32" : " f64") << " at " << at << ": " << got << " for "
              << static_cast<double>(c.exact(static_cast<long double>(at))));
  CHECK(worst <= allowed);
}

}  // namespace stein::test
