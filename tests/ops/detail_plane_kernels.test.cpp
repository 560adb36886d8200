// SPDX-License-Identifier: MIT
#include "ops/detail/plane_kernels.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/detail_kernels.h"

namespace stein::test {
namespace {

using namespace stein::kernels;

auto plane_moments(float) { return plane_moments_f32(); }
auto plane_moments(double) { return plane_moments_f64(); }
auto plane_sums(float) { return plane_sums_f32(); }
auto plane_sums(double) { return plane_sums_f64(); }
auto plane_affine(float) { return plane_affine_f32(); }
auto plane_affine(double) { return plane_affine_f64(); }

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
  std::vector<Sum> sum_x(planes), sum_xy(planes), sum_plain(planes), square(planes), deviation(planes);
  for (size_t i = 0; i < p.size(); ++i) {
    sum_x[p.plane(i)].add(xs[i]);
    sum_xy[p.plane(i)].add(xs[i] * (ys[i] - centers[p.plane(i)]));
    sum_plain[p.plane(i)].add(xs[i] * ys[i]);
  }
  const auto count = static_cast<double>(p.pixels);
  for (size_t i = 0; i < p.size(); ++i) {
    const double d = xs[i] - sum_x[p.plane(i)].value / count;
    square[p.plane(i)].add(d * d);
    deviation[p.plane(i)].add(d);
  }
  Guarded<T> x(xs), y(ys), center(centers), mean(static_cast<int64_t>(planes)), variance(mean.size()), s(mean.size()),
      sy(mean.size()), plain(mean.size());
  Guarded<char> scratch(plane_scratch_bytes()(p.c, sizeof(T)));
  for (int64_t i = p.n; i-- > 0;) {
    plane_moments(T())({p.n, p.pixels, p.c, x.data(), mean.data(), variance.data(), i, i + 1, scratch.data()});
    plane_sums(T())(
        {p.n, p.pixels, p.c, x.data(), y.data(), center.data(), s.data(), sy.data(), i, i + 1, scratch.data()});
  }
  plane_sums(T())({p.n, p.pixels, p.c, x.data(), y.data(), nullptr, nullptr, plain.data(), 0, p.n, scratch.data()});
  const double roundings = 40;  // of a block sum, whatever the number of pixels
  bool right = true;
  for (size_t k = 0; k < planes; ++k) {
    const auto i = static_cast<int64_t>(k);
    right = right && close(s[i], sum_x[k].value, sum_x[k].magnitude, roundings);
    right = right && close(sy[i], sum_xy[k].value, sum_xy[k].magnitude, roundings);
    right = right && close(plain[i], sum_plain[k].value, sum_plain[k].magnitude, roundings);
    right = right && close(mean[i], sum_x[k].value / count, sum_x[k].magnitude / count, roundings);
    // The mean's rounding moves every deviation alike.
    const double slack = 2 * 42 * deviation[k].magnitude / count;
    right =
        right && close(variance[i], square[k].value / count, square[k].value / count + slack / roundings, roundings);
  }
  CHECK(right);
  CHECK((mean.guards_untouched() && variance.guards_untouched() && s.guards_untouched() && sy.guards_untouched() &&
         scratch.guards_untouched()));
}

template <class T>
void check_affine(std::mt19937& generator, const Planes& p, int absent, PlaneActivation activation) {
  const auto size = static_cast<int64_t>(p.size()), planes = p.n * p.c;
  Guarded<T> x(random_values(generator, size)), y(random_values(generator, size)), out(size);
  Guarded<T> a(random_values(generator, planes)), b(random_values(generator, planes)),
      center(random_values(generator, planes)), offset(random_values(generator, planes));
  Guarded<char> scratch(plane_scratch_bytes()(p.c, sizeof(T)));
  PlaneAffineArgs<T> args{p.n,           p.pixels,      p.c,        x.data(),   a.data(), y.data(), b.data(),
                          center.data(), offset.data(), activation, out.data(), 0,        p.n,      scratch.data()};
  if (absent == 1) args.x = nullptr;
  if (absent == 2) args.y = nullptr;
  if (absent == 3) args.center = args.offset = nullptr;
  if (absent == 4) args.a = args.b = nullptr;
  plane_affine(T())(args);
  std::vector<double> want(p.size()), magnitude(p.size());
  for (size_t i = 0; i < p.size(); ++i) {
    const auto at = static_cast<int64_t>(i), k = static_cast<int64_t>(p.plane(i));
    const auto of = [](const T* v, int64_t j, double missing) {
      return v == nullptr ? missing : static_cast<double>(v[j]);
    };
    const double u = args.x == nullptr ? 0 : of(args.a, k, 1) * of(args.x, at, 0);
    const double v = args.y == nullptr ? 0 : of(args.b, k, 1) * (of(args.y, at, 0) - of(args.center, k, 0));
    want[i] = u + v + of(args.offset, k, 0);
    magnitude[i] = std::abs(u) + std::abs(v) + std::abs(of(args.offset, k, 0));
    if (activation == PlaneActivation::kElu && want[i] < 0) want[i] = std::expm1(want[i]);
  }
  const auto all_close = [&](Guarded<T>& got) {
    for (size_t i = 0; i < p.size(); ++i)
      if (!close(got[static_cast<int64_t>(i)], want[i], magnitude[i], 6)) return false;
    return true;
  };
  CHECK(all_close(out));
  Guarded<T>& in_place = args.y == nullptr ? x : y;  // one image at a time, onto an input
  args.out = in_place.data();
  for (args.begin = 0; args.begin < p.n; ++args.begin) {
    args.end = args.begin + 1;
    plane_affine(T())(args);
  }
  CHECK(all_close(in_place));
  CHECK((out.guards_untouched() && in_place.guards_untouched() && scratch.guards_untouched()));
}

template <class T>
void check_elu() {
  std::vector<double> xs{0.0, -0.0, 1e-30, -1e-30, -1e-39, 3.5, INFINITY, -INFINITY, NAN, -1e30, -700.0, -104.0, -88.0};
  for (int i = 0; i < 20000; ++i) xs.push_back(-50.0 * std::pow(0.9993, i));
  const auto size = static_cast<int64_t>(xs.size());
  const T one = 1;
  Guarded<T> x(xs), y(size);
  Guarded<char> scratch(plane_scratch_bytes()(1, sizeof(T)));
  plane_affine(T())({1, size, 1, x.data(), &one, nullptr, nullptr, nullptr, nullptr, PlaneActivation::kElu, y.data(), 0,
                     1, scratch.data()});
  double worst = 0;
  for (int64_t i = 0; i < size; ++i) {
    const auto v = static_cast<long double>(x[i]);
    const long double want = v > 0 ? v : std::expm1(v);
    if (std::isnan(v) || std::isinf(v) || v == 0) {
      const bool same = std::isnan(v) ? std::isnan(y[i])
                                      : static_cast<long double>(y[i]) == want && std::signbit(y[i]) == std::signbit(v);
      CHECK(same);
    } else {
      worst = std::max(worst, static_cast<double>(std::abs((static_cast<long double>(y[i]) - want) / want)));
    }
  }
  CHECK(worst <= 2 * static_cast<double>(std::numeric_limits<T>::epsilon()));
}

}  // namespace

TEST_CASE("plane kernels: moments and sums", "[kernels]") {
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
  Guarded<float> x(std::vector<float>(static_cast<size_t>(pixels * c), 0.1F)), mean(c), variance(c);
  Guarded<char> scratch(plane_scratch_bytes()(c, sizeof(float)));
  each_simd_level([&](const char* level) {
    INFO(level);
    plane_moments_f32()({1, pixels, c, x.data(), mean.data(), variance.data(), 0, 1, scratch.data()});
    for (int64_t k = 0; k < c; ++k) {
      CHECK(close(mean[k], static_cast<double>(0.1F), 0.1, 40));
      CHECK(variance[k] <= 1e-11F);
    }
  });
}

TEST_CASE("plane kernels: affine maps, with parts absent, in place, with elu", "[kernels]") {
  std::mt19937 generator(42);
  for (int trial = 0; trial < 30; ++trial) {
    const Planes p{pick(generator, 0, 3), pick(generator, 0, 60), trial % 4 == 0 ? 16 : pick(generator, 0, 70)};
    each_simd_level([&](const char* level) {
      for (int absent = 0; absent < 5; ++absent) {
        INFO(level << ", " << p.n << " images of " << p.pixels << " pixels, " << p.c << " channels, without "
                   << absent);
        const PlaneActivation activation = trial % 2 == 0 ? PlaneActivation::kElu : PlaneActivation::kNone;
        check_affine<float>(generator, p, absent, activation);
        check_affine<double>(generator, p, absent, activation);
      }
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
