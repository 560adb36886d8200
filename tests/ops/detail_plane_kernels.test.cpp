// SPDX-License-Identifier: MIT
#include "ops/detail/plane_kernels.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/detail_kernels.h"

namespace stein::test {
namespace {

using namespace stein::kernels;

auto plane_sums(float) { return plane_sums_f32(); }
auto plane_sums(double) { return plane_sums_f64(); }
auto plane_affine(float) { return plane_affine_f32(); }
auto plane_affine(double) { return plane_affine_f64(); }
auto norm_plus(float) { return norm_plus_f32(); }
auto norm_plus(double) { return norm_plus_f64(); }
auto norm_plus_backward(float) { return norm_plus_backward_f32(); }
auto norm_plus_backward(double) { return norm_plus_backward_f64(); }

struct Planes {
  int64_t n, pixels, c;
  size_t size() const { return static_cast<size_t>(n * pixels * c); }
  size_t plane(size_t i) const {
    return i / static_cast<size_t>(pixels * c) * static_cast<size_t>(c) + i % static_cast<size_t>(c);
  }
};

/// |got - want| within `ulps` roundings of `magnitude`.
template <class T>
bool close(T got, double want, double magnitude, double ulps) {
  return std::abs(static_cast<double>(got) - want) <=
         ulps * static_cast<double>(std::numeric_limits<T>::epsilon()) * magnitude;
}

template <class T>
void check_sums(std::mt19937& generator, const Planes& p) {
  const auto planes = static_cast<size_t>(p.n * p.c);
  std::vector<double> xs = random_values(generator, static_cast<int64_t>(p.size())),
                      ys = random_values(generator, static_cast<int64_t>(p.size()));
  for (size_t i = 0; i < p.size(); ++i) xs[i] += 40.0;  // a mean far above the deviation
  const std::vector<double> centers = random_values(generator, static_cast<int64_t>(planes));
  std::vector<Sum> sum_x(planes), sum_xy(planes);
  for (size_t i = 0; i < p.size(); ++i) {
    sum_x[p.plane(i)].add(xs[i]);
    sum_xy[p.plane(i)].add(xs[i] * (ys[i] - centers[p.plane(i)]));
  }
  Guarded<T> x(xs), y(ys), center(centers), s(static_cast<int64_t>(planes)), sy(s.size());
  Guarded<char> scratch(plane_scratch_bytes()(p.c, sizeof(T)));
  for (int64_t i = p.n; i-- > 0;)
    plane_sums(T())(
        {p.n, p.pixels, p.c, x.data(), y.data(), center.data(), s.data(), sy.data(), i, i + 1, scratch.data()});
  const double roundings = 40;  // of a block sum, whatever the number of pixels
  bool right = true;
  for (size_t k = 0; k < planes; ++k) {
    const auto i = static_cast<int64_t>(k);
    right = right && close(s[i], sum_x[k].value, sum_x[k].magnitude, roundings);
    right = right && close(sy[i], sum_xy[k].value, sum_xy[k].magnitude, roundings);
  }
  CHECK(right);
  CHECK((s.guards_untouched() && sy.guards_untouched() && scratch.guards_untouched()));
}

template <class T>
void check_affine(std::mt19937& generator, const Planes& p) {
  const auto size = static_cast<int64_t>(p.size()), planes = p.n * p.c;
  Guarded<T> x(random_values(generator, size)), y(random_values(generator, size)), out(size);
  Guarded<T> a(random_values(generator, planes)), b(random_values(generator, planes)),
      center(random_values(generator, planes)), offset(random_values(generator, planes));
  Guarded<char> scratch(plane_scratch_bytes()(p.c, sizeof(T)));
  PlaneAffineArgs<T> args{p.n,           p.pixels,      p.c,        x.data(), a.data(), y.data(),      b.data(),
                          center.data(), offset.data(), out.data(), 0,        p.n,      scratch.data()};
  plane_affine(T())(args);
  std::vector<double> want(p.size()), magnitude(p.size());
  for (size_t i = 0; i < p.size(); ++i) {
    const auto at = static_cast<int64_t>(i), k = static_cast<int64_t>(p.plane(i));
    const auto of = [](Guarded<T>& v, int64_t j) { return static_cast<double>(v[j]); };
    const double u = of(a, k) * of(x, at), v = of(b, k) * (of(y, at) - of(center, k));
    want[i] = u + v + of(offset, k);
    magnitude[i] = std::abs(u) + std::abs(v) + std::abs(of(offset, k));
  }
  const auto all_close = [&](Guarded<T>& got) {
    for (size_t i = 0; i < p.size(); ++i)
      if (!close(got[static_cast<int64_t>(i)], want[i], magnitude[i], 6)) return false;
    return true;
  };
  CHECK(all_close(out));
  args.out = y.data();  // one image at a time, onto an input
  for (args.begin = 0; args.begin < p.n; ++args.begin) {
    args.end = args.begin + 1;
    plane_affine(T())(args);
  }
  CHECK(all_close(y));
  CHECK((out.guards_untouched() && y.guards_untouched() && scratch.guards_untouched()));
}

/// Conditional instance norm ++ of one image and its derivative by the formulas of the paper, in double. Vectors of (pixels, c) or c.
struct NormReference {
  std::vector<double> x, rows, g, g_mean, g_rstd;  // given; rows: gamma, alpha, beta
  std::vector<double> mean, rstd, y, g_x, g_rows;

  void compute(size_t pixels, size_t c, double eps, bool elu) {
    const auto count = static_cast<double>(pixels), channels = static_cast<double>(c);
    std::vector<double> d(c), xhat(x.size()), sum_g(c), sum_gx(c);
    mean.assign(c, 0), rstd.assign(c, 0), y = g_x = x, g_rows.assign(3 * c, 0);
    const double *gamma = rows.data(), *alpha = gamma + c, *beta = alpha + c;
    for (size_t i = 0; i < x.size(); ++i) mean[i % c] += x[i] / count;
    for (size_t i = 0; i < x.size(); ++i) rstd[i % c] += (x[i] - mean[i % c]) * (x[i] - mean[i % c]) / count;
    double middle = 0, v = 0;
    for (size_t k = 0; k < c; ++k) {
      rstd[k] = 1 / std::sqrt(rstd[k] + eps);
      middle += mean[k] / channels;
    }
    for (size_t k = 0; k < c; ++k) d[k] = mean[k] - middle, v += d[k] * d[k] / (channels - 1);
    const double q = 1 / std::sqrt(v + eps);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % c;
      xhat[i] = rstd[k] * (x[i] - mean[k]);
      const double u = gamma[k] * (xhat[i] + alpha[k] * d[k] * q) + beta[k];
      y[i] = elu && u < 0 ? std::expm1(u) : u;
      const double before = elu && u <= 0 ? g[i] * std::exp(u) : g[i];
      sum_g[k] += before;
      sum_gx[k] += before * xhat[i];
      g_x[i] = before;
    }
    // t = (mean - middle) q: its derivative by the quotient rule, a row of the Jacobian after the other.
    std::vector<double> to_mean = g_mean;
    for (size_t k = 0; k < c; ++k)
      for (size_t l = 0; l < c; ++l)
        to_mean[k] += gamma[l] * alpha[l] * sum_g[l] *
                      (q * ((k == l ? 1 : 0) - 1 / channels) - q * q * q * d[l] * d[k] / (channels - 1));
    for (size_t k = 0; k < c; ++k) {
      g_rows[k] = sum_gx[k] + alpha[k] * d[k] * q * sum_g[k];
      g_rows[c + k] = gamma[k] * d[k] * q * sum_g[k];
      g_rows[2 * c + k] = sum_g[k];
    }
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t k = i % c;
      g_x[i] = gamma[k] * rstd[k] * (g_x[i] - sum_g[k] / count - xhat[i] * sum_gx[k] / count) + to_mean[k] / count -
               g_rstd[k] * rstd[k] * rstd[k] * xhat[i] / count;
    }
  }
};

template <class T>
void check_norm(std::mt19937& generator, const Planes& p, bool elu) {
  const double eps = 1e-3;
  const auto planes = p.n * p.c, size = static_cast<int64_t>(p.size());
  const auto draw = [&](int64_t n) { return random_values(generator, n); };
  Guarded<T> x(draw(size)), g(draw(size)), rows(draw(3 * planes)), g_mean(draw(planes)), g_rstd(draw(planes));
  Guarded<T> y(size), mean(planes), rstd(planes), g_x(size), g_rows(3 * planes);
  Guarded<char> scratch(plane_scratch_bytes()(p.c, sizeof(T)));
  for (int64_t i = p.n; i-- > 0;) {
    norm_plus(T())({p.n, p.pixels, p.c, x.data(), rows.data(), eps, elu, y.data(), mean.data(), rstd.data(), i, i + 1,
                    scratch.data()});
    norm_plus_backward(T())({p.n, p.pixels, p.c, g.data(), elu ? y.data() : nullptr, x.data(), rows.data(), mean.data(),
                             rstd.data(), g_mean.data(), g_rstd.data(), eps, g_x.data(), g_rows.data(), i, i + 1,
                             scratch.data()});
  }
  bool right = true;
  for (int64_t n = 0; n < p.n; ++n) {
    const auto part = [&](Guarded<T>& v, int64_t each) {
      std::vector<double> r;
      for (int64_t i = n * each; i < (n + 1) * each; ++i) r.push_back(static_cast<double>(v[i]));
      return r;
    };
    const int64_t image = p.pixels * p.c;
    NormReference want{
        part(x, image), part(rows, 3 * p.c), part(g, image), part(g_mean, p.c), part(g_rstd, p.c), {}, {}, {}, {}, {}};
    want.compute(static_cast<size_t>(p.pixels), static_cast<size_t>(p.c), eps, elu);
    const auto compare = [&](const std::vector<double>& got, const std::vector<double>& expected) {
      double largest = 1;
      for (const double e : expected) largest = std::max(largest, std::abs(e));
      for (size_t i = 0; i < got.size(); ++i)
        right = right && std::abs(got[i] - expected[i]) <=
                             200 * static_cast<double>(std::numeric_limits<T>::epsilon()) * largest;
    };
    compare(part(mean, p.c), want.mean);
    compare(part(rstd, p.c), want.rstd);
    compare(part(y, image), want.y);
    compare(part(g_x, image), want.g_x);
    compare(part(g_rows, 3 * p.c), want.g_rows);
  }
  CHECK(right);
  CHECK((y.guards_untouched() && mean.guards_untouched() && rstd.guards_untouched() && g_x.guards_untouched() &&
         g_rows.guards_untouched() && scratch.guards_untouched()));
}

/// ELU of every value: with gamma 0 what comes out is ELU of beta.
template <class T>
void check_elu() {
  std::vector<double> values{0.0, 1e-30, -1e-30, -1e-39, 3.5, INFINITY, -INFINITY, NAN, -1e30, -700.0, -104.0, -88.0};
  for (int i = 0; i < 20000; ++i) values.push_back(-50.0 * std::pow(0.9993, i));
  const auto c = static_cast<int64_t>(values.size());
  std::mt19937 generator(43);
  Guarded<T> x(random_values(generator, c)), beta(values), rows(std::vector<double>(3 * values.size())), y(c), mean(c),
      rstd(c);
  Guarded<char> scratch(plane_scratch_bytes()(c, sizeof(T)));
  std::copy(beta.data(), beta.data() + c, rows.data() + 2 * c);
  norm_plus(T())({1, 1, c, x.data(), rows.data(), 1, true, y.data(), mean.data(), rstd.data(), 0, 1, scratch.data()});
  double worst = 0;
  for (int64_t i = 0; i < c; ++i) {
    const auto v = static_cast<long double>(beta[i]);
    const long double want = v > 0 ? v : std::expm1(v);
    if (std::isnan(v) || std::isinf(v) || v == 0)
      CHECK((std::isnan(v) ? std::isnan(y[i]) : static_cast<long double>(y[i]) == want));
    else
      worst = std::max(worst, static_cast<double>(std::abs((static_cast<long double>(y[i]) - want) / want)));
  }
  CHECK(worst <= 2 * static_cast<double>(std::numeric_limits<T>::epsilon()));
}

}  // namespace

TEST_CASE("plane kernels: sums", "[kernels]") {
  std::mt19937 generator(41);
  for (int trial = 0; trial < 30; ++trial) {
    const Planes p = trial == 0   ? Planes{2, 784, 64}
                     : trial == 1 ? Planes{1, 5000, 1}
                     : trial == 2 ? Planes{0, 4, 4}
                     : trial == 3 ? Planes{2, 9, 0}
                                  : Planes{pick(generator, 1, 3), pick(generator, 1, 200), pick(generator, 1, 70)};
    each_simd_level([&](const char* level) {
      INFO(level << ", " << p.n << " images of " << p.pixels << " pixels, " << p.c << " channels");
      check_sums<float>(generator, p);
      check_sums<double>(generator, p);
    });
  }
}

TEST_CASE("plane kernels: rounding does not grow with the plane", "[kernels]") {
  const int64_t pixels = 200000, c = 16;  // one running sum would be off by thousands of roundings, all of one sign
  Guarded<float> x(std::vector<float>(static_cast<size_t>(pixels * c), 0.1F)), y(pixels * c), mean(c), rstd(c);
  Guarded<float> rows(std::vector<float>(static_cast<size_t>(3 * c)));
  Guarded<char> scratch(plane_scratch_bytes()(c, sizeof(float)));
  each_simd_level([&](const char* level) {
    INFO(level);
    norm_plus_f32()(
        {1, pixels, c, x.data(), rows.data(), 1e-10, false, y.data(), mean.data(), rstd.data(), 0, 1, scratch.data()});
    for (int64_t k = 0; k < c; ++k) {
      CHECK(close(mean[k], static_cast<double>(0.1F), 0.1, 40));
      CHECK(rstd[k] >= 0.95e5F);  // a variance of at most 1e-11
    }
  });
}

TEST_CASE("plane kernels: affine maps, in place, too", "[kernels]") {
  std::mt19937 generator(42);
  for (int trial = 0; trial < 60; ++trial) {
    const Planes p{pick(generator, 0, 3), pick(generator, 0, 60), trial % 4 == 0 ? 16 : pick(generator, 0, 70)};
    each_simd_level([&](const char* level) {
      INFO(level << ", " << p.n << " images of " << p.pixels << " pixels, " << p.c << " channels");
      check_affine<float>(generator, p);
      check_affine<double>(generator, p);
    });
  }
}

TEST_CASE("plane kernels: conditional instance norm ++ and its derivative, with and without ELU", "[kernels]") {
  std::mt19937 generator(44);
  for (int trial = 0; trial < 40; ++trial) {
    const Planes p = trial == 0   ? Planes{2, 196, 128}
                     : trial == 1 ? Planes{1, 1, 2}
                                  : Planes{pick(generator, 0, 3), pick(generator, 2, 90),
                                           trial % 4 == 0 ? 16 : pick(generator, 2, 70)};
    each_simd_level([&](const char* level) {
      INFO(level << ", " << p.n << " images of " << p.pixels << " pixels, " << p.c << " channels");
      check_norm<float>(generator, p, trial % 2 == 0);
      check_norm<double>(generator, p, trial % 2 == 0);
    });
  }
}

TEST_CASE("plane kernels: elu within two roundings, with its special values", "[kernels]") {
  each_simd_level([&](const char* level) {
    INFO(level);
    check_elu<float>();
    check_elu<double>();
  });
}

}  // namespace stein::test
