// SPDX-License-Identifier: MIT
#include "smld/data/toys.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "ops/ops.h"
#include "smld/noise.h"
#include "tensor/detail/names.h"
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
  static constexpr stein::detail::Named<Curve> kCurves[] = {
      {"rings", ring}, {"moons", moon}, {"spirals", spiral}, {"checkerboard", nullptr}};
  return stein::detail::by_name("toys", kCurves, name);
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

/// Of N(x, s^2): the logarithm of the share that an interval or several hold, and the derivative of that in x. Shares underflow at 38 s.
struct Share {
  double log, slope;
};

/// Of the interval [a, a + 1).
Share share_of_cell(double x, double a, double s) {
  const double r = 1 / (s * std::numbers::sqrt2), bell = r / std::sqrt(kPi);
  const double left = x - a, right = 1 - left;
  const auto square = [r](double d) { return d * r * (d * r); };
  if (left >= 0 && right >= 0) {
    const double p = 0.5 * (std::erf(left * r) + std::erf(right * r));
    return {std::log(p), bell * (std::exp(-square(left)) - std::exp(-square(right))) / p};
  }
  // From outside: exp(-near^2 / (2 s^2)) stands before everything and drops out of the slope.
  const double near = std::max(-left, -right), far = near + 1, fall = -(2 * near + 1) * r * r;
  const double p = 0.5 * (erfcx(near * r) - std::exp(fall) * erfcx(far * r));
  return {std::log(p) - square(near), (left < 0 ? -1 : 1) * bell * std::expm1(fall) / p};
}

/// Of two disjoint sets, or of the product with another coordinate's: the part that the first has in the sum.
double part(double log_first, double log_second) { return 1 / (1 + std::exp(log_second - log_first)); }

/// Of one coordinate, in the cells [-2, -1), [0, 1) (stripe 0), or in [-1, 0), [1, 2) (stripe 1).
Share share_of_stripe(double x, int stripe, double s) {
  const Share a = share_of_cell(x, stripe - 2, s), b = share_of_cell(x, stripe, s);
  const double w = part(a.log, b.log), high = std::max(a.log, b.log);
  return {high + std::log1p(std::exp(std::min(a.log, b.log) - high)), w * a.slope + (1 - w) * b.slope};
}

/// The density is u_0 v_0 + u_1 v_1, u and v the stripes' shares in the two coordinates.
Tensor checkerboard_score(const Tensor& x, double sigma) {
  Tensor out = empty(x.shape(), f64);
  for (std::int64_t b = 0; b < x.size(0); ++b) {
    const double* at = x.data<double>() + 2 * b;
    const Share u[] = {share_of_stripe(at[0], 0, sigma), share_of_stripe(at[0], 1, sigma)};
    const Share v[] = {share_of_stripe(at[1], 0, sigma), share_of_stripe(at[1], 1, sigma)};
    const double w = part(u[0].log + v[0].log, u[1].log + v[1].log);
    double* s = out.mutable_data<double>() + 2 * b;
    s[0] = w * u[0].slope + (1 - w) * u[1].slope;
    s[1] = w * v[0].slope + (1 - w) * v[1].slope;
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
  if (!c) return checkerboard_score(x.to(cpu), sigma).to(input.dtype()).to(input.device());
  // A mixture of equal balls: (sum_k r_k m_k - x) / v, log r_k = -|x - m_k|^2 / (2 v), |x|^2 being the same for all k.
  const double v = kNoise * kNoise + sigma * sigma;
  const Tensor m = nodes(c).to(x.device()), half = 0.5 * sum(square(m), {1});
  return ((matmul(softmax((matmul(x, m.transpose()) - half) / v, 1), m) - x) / v).to(input.dtype());
}

}  // namespace stein::smld
