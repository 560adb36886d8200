// SPDX-License-Identifier: MIT
#include "smld/data/toys.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

constexpr double kPi = std::numbers::pi, kNoise = 0.05;

struct Point {
  double x, y;
};

Point on_circle(Point centre, double radius, double angle) {
  return {centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)};
}

// Curves as functions of u in [0, 1), of constant density in u.

Point ring(double u) {
  constexpr std::array<double, 3> radii{0.6, 1.3, 2.0};
  double rest = u * (radii[0] + radii[1] + radii[2]);
  std::size_t k = 0;
  while (k < 2 && rest >= radii[k]) rest -= radii[k++];
  return on_circle({0, 0}, radii[k], 2 * kPi * rest / radii[k]);
}

Point moon(double u) {
  return u < 0.5 ? on_circle({-0.6, -0.3}, 1.2, 2 * kPi * u) : on_circle({0.6, 0.3}, 1.2, 2 * kPi * u);
}

Point spiral(double u) {
  // radius = 2.1 angle / last; the square of the angle is uniform: nearly constant density along the arm
  constexpr double last = 3.6 * kPi, first = last * 0.4 / 2.1;
  const double v = u < 0.5 ? 2 * u : 2 * u - 1;
  const double angle = std::sqrt(first * first + v * (last * last - first * first));
  return on_circle({0, 0}, 2.1 * angle / last, u < 0.5 ? angle : angle + kPi);
}

using Curve = Point (*)(double u);

/// nullptr: the checkerboard.
Curve curve(std::string_view name) {
  if (name == "rings") return ring;
  if (name == "moons") return moon;
  if (name == "spirals") return spiral;
  if (name == "checkerboard") return nullptr;
  fail("toys", "one of rings, moons, spirals, checkerboard", "'" + std::string(name) + "'");
}

/// Middles of equal parts in u; each part of the curve (ring, moon, arm) is met by whole ones.
Tensor nodes(Curve c) {
  const std::int64_t n = c == ring ? 624 : 700;  // 624 = 16 (6 + 13 + 20)
  Tensor t = empty({n, 2}, f64);
  for (std::int64_t i = 0; i < n; ++i) {
    const Point p = c((static_cast<double>(i) + 0.5) / static_cast<double>(n));
    t.mutable_data<double>()[2 * i] = p.x;
    t.mutable_data<double>()[2 * i + 1] = p.y;
  }
  return t;
}

/// Phi((x - a) / s) - Phi((x - b) / s), a < b, without cancellation in the tails: the share of N(x, s^2) in [a, b].
double share(double x, double a, double b, double s) {
  const double r = 1 / (s * std::numbers::sqrt2);
  const double below = (a - x) * r, above = (b - x) * r;
  return below > 0 ? 0.5 * (std::erfc(below) - std::erfc(above)) : 0.5 * (std::erfc(-above) - std::erfc(-below));
}

/// Of one coordinate: shares of N(x, s^2) in the cells [-2, -1), [0, 1) and in [-1, 0), [1, 2), and their derivatives in x.
struct Stripes {
  std::array<double, 2> value{}, slope{};
};
Stripes stripes(double x, double s) {
  const auto bell = [&](double edge) {
    return std::exp(-0.5 * (x - edge) * (x - edge) / (s * s)) / (s * std::sqrt(2 * kPi));
  };
  Stripes out;
  for (int cell = 0; cell < 4; ++cell) {
    const double a = cell - 2.0;
    out.value[static_cast<std::size_t>(cell % 2)] += share(x, a, a + 1, s);
    out.slope[static_cast<std::size_t>(cell % 2)] += bell(a) - bell(a + 1);
  }
  return out;
}

Tensor checkerboard_score(const Tensor& x, double sigma) {
  Tensor out = empty(x.shape(), f64);
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    const double* at = x.data<double>() + 2 * b;
    const Stripes u = stripes(at[0], sigma), v = stripes(at[1], sigma);
    // Far outside the shares underflow, at 38 sigma: the score is then that of the nearest corner, to first order.
    const double p = u.value[0] * v.value[0] + u.value[1] * v.value[1];
    double* s = out.mutable_data<double>() + 2 * b;
    if (p > 0) {
      s[0] = (u.slope[0] * v.value[0] + u.slope[1] * v.value[1]) / p;
      s[1] = (u.value[0] * v.slope[0] + u.value[1] * v.slope[1]) / p;
    } else {
      for (int i = 0; i < 2; ++i) s[i] = (std::clamp(at[i], -2.0, 2.0) - at[i]) / (sigma * sigma);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> toy_names() { return {"rings", "moons", "spirals", "checkerboard"}; }

Tensor toy_points(std::string_view name, std::int64_t n, Generator& generator, DType dtype) {
  const Curve c = curve(name);
  if (n < 0) fail("toys", "n >= 0", std::to_string(n));
  if (!is_floating(dtype)) fail("toys", "f32 or f64", std::string(name_of(dtype)));
  const Tensor u = uniform({n, 3}, generator, 0, 1, f64), z = randn({n, 2}, generator, f64);
  Tensor out = empty({n, 2}, f64);
  for (std::int64_t i = 0; i < n; ++i) {
    const double *draw = u.data<double>() + 3 * i, *noise = z.data<double>() + 2 * i;
    double* to = out.mutable_data<double>() + 2 * i;
    if (c) {
      const Point p = c(draw[0]);
      to[0] = p.x + kNoise * noise[0];
      to[1] = p.y + kNoise * noise[1];
    } else {
      const int square = static_cast<int>(8 * draw[0]), row = square / 2, column = 2 * (square % 2) + row % 2;
      to[0] = column - 2 + draw[1];
      to[1] = row - 2 + draw[2];
    }
  }
  return out.to(dtype);
}

Tensor toy_score(std::string_view name, const Tensor& input, double sigma) {
  const Curve c = curve(name);
  if (input.rank() != 2 || input.size(1) != 2 || !is_floating(input.dtype()))
    fail("toy_score", "f32 or f64 points (B, 2)", describe(input));
  if (!(c ? sigma >= 0 : sigma > 0) || !std::isfinite(sigma))
    fail("toy_score", c ? "sigma >= 0" : "sigma > 0 with the checkerboard, whose density has edges",
         std::to_string(sigma));
  NoGrad guard;
  const Tensor x = input.detach().to(f64).contiguous();
  if (!c) return checkerboard_score(x, sigma).to(input.dtype());
  // A mixture of equal balls: (sum_k r_k m_k - x) / v, log r_k = -|x - m_k|^2 / (2 v), |x|^2 being the same for all k.
  const double v = kNoise * kNoise + sigma * sigma;
  const Tensor m = nodes(c), half = 0.5 * sum(square(m), {1});
  return ((matmul(softmax((matmul(x, m.transpose()) - half) / v, 1), m) - x) / v).to(input.dtype());
}

}  // namespace stein::smld
