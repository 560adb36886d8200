// SPDX-License-Identifier: MIT
#define STEIN_HOST 1
#define STEIN_UNIT host
#include "tensor/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "tensor/detail/random_formula.h"
#include "tensor/simd.h"
#include "tensor/thread_pool.h"

using namespace stein;

namespace {

using kernels::host::philox4x32_10;
using Words = std::vector<std::uint32_t>;

Words philox(const Words& counter, const Words& key) {
  const auto r = philox4x32_10({counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
  return {r.w0, r.w1, r.w2, r.w3};
}

// The words that a draw of n elements from block `first` sees.
Words words(std::uint64_t seed, std::uint64_t first, std::size_t n) {
  Words r;
  for (std::uint64_t b = first; r.size() < n; ++b)
    for (auto w : philox({static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32), 0, 0},
                         {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}))
      r.push_back(w);
  return r;
}

std::vector<double> values(const Tensor& t) {
  std::vector<double> r;
  visit_dtype(t.dtype(), [&](auto tag) {
    for (auto v : t.to_vector<typename decltype(tag)::type>()) r.push_back(static_cast<double>(v));
  });
  return r;
}

double mean_power(const std::vector<double>& x, int power) {
  double s = 0;
  for (double v : x) s += std::pow(v, power);
  return s / static_cast<double>(x.size());
}

// Kolmogorov and Smirnov's distance between the sample and a distribution function, times sqrt(n): above 1.95 with
// probability 1e-3 when the sample follows it.
template <class F>
double ks(std::vector<double> x, F cdf) {
  std::sort(x.begin(), x.end());
  const auto n = static_cast<double>(x.size());
  double d = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]), k = static_cast<double>(i);
    d = std::max({d, f - k / n, (k + 1) / n - f});
  }
  return d * std::sqrt(n);
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// All kinds of draws, one after the other, as bytes.
std::string all_draws() {
  Generator g(42);
  std::string bytes;
  for (DType t : {f32, f64})
    for (const auto& draw : {uniform({20001}, g, -1, 3, t), normal({20001}, g, 1, 2, t), rademacher({20001}, g, t),
                             unit_sphere({301, 7}, g, t), randn({3}, g, t)})
      bytes.append(static_cast<const char*>(draw.raw()), static_cast<std::size_t>(draw.numel()) * size_of(t));
  for (const auto& draw : {permutation(5001, g), integers(-5, 1000, {20001}, g)})
    bytes.append(static_cast<const char*>(draw.raw()), static_cast<std::size_t>(draw.numel()) * 8);
  return bytes;
}

struct Restore {
  int threads = num_threads();
  SimdLevel level = simd_level();
  ~Restore() {
    set_num_threads(threads);
    set_simd_level(level);
  }
};

}  // namespace

TEST_CASE("philox 4x32-10 gives the published known answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const auto f = 0xffffffffu;
  CHECK(philox({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniforms are the top bits of the words") {
  const std::uint64_t seed = 0x123456789abcdef0, first = 0xfffffffe;  // the block number carries into its upper half
  const auto w = words(seed, first, 4100);
  Generator g;
  g.set_state({seed, first});
  const auto x = uniform({2050}, g).to_vector<float>();
  CHECK(g.state().position == first + 513);  // 2050 words
  for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(x[i] == static_cast<float>(w[i] >> 8) / 16777216.0f);
  g.set_state({seed, first});
  const auto y = uniform({2050}, g, 0, 1, f64).to_vector<double>();
  CHECK(g.state().position == first + 1025);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto bits = (std::uint64_t{w[2 * i]} >> 5 << 26) | (w[2 * i + 1] >> 6);
    REQUIRE(y[i] == static_cast<double>(bits) / 9007199254740992.0);
  }
}

TEST_CASE("normals are Box and Muller's formula to a few units in the last place") {
  const std::size_t n = 40000;
  const auto w = words(7, 0, 2 * n);
  Generator g(7), h(7);
  const auto z = randn({n}, g).to_vector<float>();
  const auto d = randn({n}, h, f64).to_vector<double>();
  const long double turn = 2 * std::acos(-1.0L);
  double worst = 0, worst64 = 0;
  for (std::size_t i = 0; i < n; i += 2) {
    const long double u = (w[i] + 0.5L) / 0x1p32L;
    // The quarter turns are centred on the axes: quadrant + x with x in [-1/2, 1/2).
    const long double t = (static_cast<std::int32_t>(w[i + 1] << 2 | 2) / 0x1p32L + (w[i + 1] >> 30)) / 4 * turn;
    const long double r = std::sqrt(-2 * std::log(u));
    worst = std::max({worst, static_cast<double>(std::abs(z[i] - r * std::cos(t)) / r),
                      static_cast<double>(std::abs(z[i + 1] - r * std::sin(t)) / r)});
    const std::uint32_t* q = &w[2 * i];
    const long double u64 = (q[0] + (q[1] + 0.5L) / 0x1p32L) / 0x1p32L;
    const auto x = static_cast<std::int32_t>(q[2] << 2 | q[3] >> 30) / 0x1p32L + (q[3] << 2 | 2u) / 0x1p64L;
    const long double t64 = (x + (q[2] >> 30)) / 4 * turn, r64 = std::sqrt(-2 * std::log(u64));
    worst64 = std::max({worst64, static_cast<double>(std::abs(d[i] - r64 * std::cos(t64)) / r64),
                        static_cast<double>(std::abs(d[i + 1] - r64 * std::sin(t64)) / r64)});
  }
  CHECK(worst < 4 * 0x1p-24);
  CHECK(worst64 < 3 * 0x1p-53);
}

TEST_CASE("normals at the ends of the range of words") {
  const std::uint32_t low[2] = {0, 0}, high[2] = {0xffffffffu, 0};
  float z[2];
  kernels::host::normals(low, z);
  CHECK(z[0] == Approx(std::sqrt(2 * 33 * std::log(2.0))).epsilon(1e-6));
  kernels::host::normals(high, z);  // u = 1 - 2^-33: a float cannot hold it, its complement can
  CHECK(z[0] == Approx(std::sqrt(2 * 0x1p-33)).epsilon(1e-6));
  const std::uint32_t low64[4] = {}, high64[4] = {0xffffffffu, 0xffffffffu, 0, 0};
  double d[2];
  kernels::host::normals(low64, d);
  CHECK(d[0] == Approx(std::sqrt(2 * 65 * std::log(2.0))).epsilon(1e-14));
  kernels::host::normals(high64, d);
  CHECK(d[0] == Approx(std::sqrt(2 * 0x1p-65)).epsilon(1e-14));
}

TEST_CASE("draws have the right distribution") {
  const std::int64_t n = 200000;
  const double error = 1 / std::sqrt(static_cast<double>(n));
  for (DType t : {f32, f64}) {
    Generator g(2024);
    const auto u = values(uniform({n}, g, 0, 1, t));
    CHECK(std::abs(mean_power(u, 1) - 0.5) < 4 * error * std::sqrt(1.0 / 12));
    CHECK(ks(u, [](double x) { return x; }) < 1.95);
    const auto z = values(randn({n}, g, t));
    CHECK(std::abs(mean_power(z, 1)) < 4 * error);
    CHECK(std::abs(mean_power(z, 2) - 1) < 4 * error * std::sqrt(2.0));
    CHECK(std::abs(mean_power(z, 3)) < 4 * error * std::sqrt(15.0));
    CHECK(std::abs(mean_power(z, 4) - 3) < 4 * error * std::sqrt(96.0));
    CHECK(ks(z, normal_cdf) < 1.95);
    std::vector<double> pairs;  // the two results of one Box-Muller pair are uncorrelated, and so are their squares
    for (std::size_t i = 0; i < z.size(); i += 2)
      pairs.push_back(z[i] * z[i + 1] + (z[i] * z[i] - 1) * (z[i + 1] * z[i + 1] - 1));
    CHECK(std::abs(mean_power(pairs, 1)) < 4 * error * std::sqrt(2 * 5.0));
    const auto scaled = values(normal({n}, g, -3, 0.5, t));
    CHECK(ks(scaled, [](double x) { return normal_cdf((x + 3) / 0.5); }) < 1.95);
    const auto s = values(rademacher({n}, g, t));
    CHECK(std::all_of(s.begin(), s.end(), [](double x) { return x == 1 || x == -1; }));
    CHECK(std::abs(mean_power(s, 1)) < 4 * error);
  }
}

TEST_CASE("uniform stays below its upper bound") {
  Generator g(3);
  const float low = 1, high = std::nextafter(1.0f, 2.0f);  // no number between them
  for (float x : uniform({10000}, g, low, high).to_vector<float>()) REQUIRE(x == low);
  for (double x : values(uniform({10000}, g, -1e6, -999999.9))) REQUIRE((x >= -1e6 && x < -999999.9));
}

TEST_CASE("unit_sphere rows have length 1 and no favourite direction") {
  Generator g(5);
  const auto x = unit_sphere({50000, 3}, g, f64).to_vector<double>();
  std::vector<double> first;
  for (std::size_t i = 0; i < x.size(); i += 3) {
    REQUIRE(std::abs(x[i] * x[i] + x[i + 1] * x[i + 1] + x[i + 2] * x[i + 2] - 1) < 1e-14);
    first.push_back(x[i]);
  }
  CHECK(ks(first, [](double v) { return (v + 1) / 2; }) < 1.95);  // Archimedes: each coordinate is uniform in 3-d
  CHECK(unit_sphere({2, 0}, g).numel() == 0);
  for (float v : unit_sphere({100, 1}, g).to_vector<float>()) REQUIRE(std::abs(v) == 1);
}

TEST_CASE("integers are unbiased and cover their range") {
  Generator g(6);
  std::vector<double> count(7);
  const auto x = integers(-3, 4, {70000}, g).to_vector<std::int64_t>();
  for (auto v : x) {
    REQUIRE((v >= -3 && v < 4));
    ++count[static_cast<std::size_t>(v + 3)];
  }
  double chi2 = 0;  // 6 degrees of freedom: above 22.5 with probability 1e-3
  for (double c : count) chi2 += (c - 10000) * (c - 10000) / 10000;
  CHECK(chi2 < 22.5);
  // A range of 3/4 of 2^64: without rejection a third of the results would come up twice as often as the others.
  const std::int64_t low = INT64_MIN, high = std::int64_t{1} << 62;
  std::vector<double> scaled;
  for (auto v : integers(low, high, {50000}, g).to_vector<std::int64_t>())
    scaled.push_back((static_cast<double>(v) + 0x1p63) / (0x1p63 + 0x1p62));
  CHECK(ks(scaled, [](double v) { return v; }) < 1.95);
  int residue[3] = {};
  for (auto v : integers(0, std::int64_t{3} << 61, {30000}, g).to_vector<std::int64_t>()) ++residue[v % 3];
  for (int r : residue) CHECK(std::abs(r - 10000) < 400);
  CHECK(integers(5, 6, {2}, g).to_vector<std::int64_t>() == std::vector<std::int64_t>{5, 5});
}

TEST_CASE("permutations hold each number once, each order equally often") {
  Generator g(8);
  const auto p = permutation(1000, g).to_vector<std::int64_t>();
  CHECK(std::set<std::int64_t>(p.begin(), p.end()).size() == 1000);
  CHECK(*std::max_element(p.begin(), p.end()) == 999);
  std::vector<double> count(27);
  for (int i = 0; i < 6000; ++i) {
    const auto q = permutation(3, g).to_vector<std::int64_t>();
    ++count[static_cast<std::size_t>(9 * q[0] + 3 * q[1] + q[2])];
  }
  double chi2 = 0;
  int orders = 0;
  for (double c : count)
    if (c > 0) ++orders, chi2 += (c - 1000) * (c - 1000) / 1000;
  CHECK(orders == 6);
  CHECK(chi2 < 20.5);  // 5 degrees of freedom, probability 1e-3
  CHECK(permutation(0, g).shape() == Shape{0});
  CHECK(permutation(1, g).to_vector<std::int64_t>() == std::vector<std::int64_t>{0});
}

TEST_CASE("draws have the same bits for any number of threads and at every SIMD level") {
  const Restore restore;
  set_num_threads(1);
  const auto expected = all_draws();
  // The same on every machine and with every compiler: FNV-1a over all bytes.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (char c : expected) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  CHECK(hash == 0x69111e79d8cd031);
  for (int threads : {2, 5}) {
    set_num_threads(threads);
    CHECK(all_draws() == expected);
  }
  for (SimdLevel level : {SimdLevel::v2, SimdLevel::v3, SimdLevel::v4})
    if (level <= best_simd_level()) {
      set_simd_level(level);
      INFO(name_of(level));
      CHECK(all_draws() == expected);
    }
}

TEST_CASE("an element depends on seed, position and index alone") {
  Generator a(9), b(9);
  const auto whole = randn({100000}, a).to_vector<float>(), part = randn({10}, b).to_vector<float>();
  CHECK(std::equal(part.begin(), part.end(), whole.begin()));
  Generator c;
  c.set_state({9, 5000});  // 4 elements a block
  const auto later = randn({64}, c).to_vector<float>();
  CHECK(std::equal(later.begin(), later.end(), whole.begin() + 20000));
}

TEST_CASE("generators: state, copies, forks, default") {
  Generator g(1);
  randn({5}, g);
  const auto saved = g.state();
  Generator copy = g;
  const auto x = randn({7}, g);
  CHECK(equal(randn({7}, copy), x));
  CHECK(copy.state() == g.state());
  CHECK_FALSE(equal(randn({7}, g), x));
  g.set_state(saved);
  CHECK(equal(randn({7}, g), x));
  // Forks: the same for the same stream, whatever the position; all different otherwise.
  std::set<std::uint64_t> seeds{g.state().seed};
  for (std::uint64_t s = 0; s < 1000; ++s) seeds.insert(g.fork(s).state().seed);
  seeds.insert(g.fork(3).fork(4).state().seed);
  seeds.insert(g.fork(4).fork(3).state().seed);
  CHECK(seeds.size() == 1003);
  CHECK(g.fork(3).state() == Generator(1).fork(3).state());
  manual_seed(77);
  const auto first = randn({4});
  CHECK(equal(uniform({4}), [] {
    Generator h(77);
    randn({4}, h);
    return uniform({4}, h);
  }()));
  manual_seed(77);
  CHECK(equal(randn({4}), first));
}

TEST_CASE("draws follow logical order in every layout") {
  Generator g(10), h(10);
  const Tensor rows = randn({2, 3, 4, 5}, g);
  const Tensor last = randn_like(empty_channels_last({2, 3, 4, 5}, f32), h);
  CHECK(last.is_channels_last());
  CHECK(equal(rows, last));
  Tensor base = zeros({4, 6}, f64), view = as_strided(base, {3, 2}, {1, 12}, 1);
  Generator a(11), b(11);
  fill_uniform(view, a, 2, 3);
  CHECK(equal(view, uniform({3, 2}, b, 2, 3, f64)));
  CHECK(base.to_vector<double>()[0] == 0);
  const auto version = base.impl().storage->version();
  fill_normal(base, a);
  CHECK(base.impl().storage->version() > version);
}

TEST_CASE("rademacher draws the same signs in both dtypes") {
  Generator a(12), b(12);
  CHECK(values(rademacher({999}, a, f32)) == values(rademacher({999}, b, f64)));
  CHECK(a.state() == b.state());
}

TEST_CASE("draws of empty and rank-0 shapes") {
  Generator g(13);
  CHECK(randn({0, 3}, g).numel() == 0);
  CHECK(g.state().position == 0);
  CHECK(uniform({}, g).rank() == 0);
  CHECK(g.state().position == 1);
}

TEST_CASE("random errors") {
  Generator g;
  CHECK_THROWS_WITH(
      randn({2}, g, i64),
      "[randn] expected a floating dtype (f32 or f64); got i64; convert it first, for example x.to(stein::f32)");
  CHECK_THROWS_WITH(uniform({2}, g, 1, 1), "[uniform] expected finite bounds low < high; got 1.000000 and 1.000000");
  CHECK_THROWS_WITH(uniform({2}, g, -1e308, 1e308, f64),
                    Catch::Contains("[uniform] expected bounds whose distance f64 can hold; got -1"));
  CHECK_THROWS_WITH(uniform({2}, g, 0, std::nan("")),
                    "[uniform] expected finite bounds low < high; got 0.000000 and nan");
  CHECK_THROWS_WITH(normal({2}, g, 0, -1),
                    "[normal] expected a finite mean and a deviation of at least 0; got 0.000000 and -1.000000");
  CHECK_THROWS_WITH(integers(3, 3, {1}, g), "[integers] expected low < high; got 3 and 3");
  CHECK_THROWS_WITH(permutation(-1, g), "[permutation] expected a length of at least 0; got -1");
  CHECK_THROWS_WITH(unit_sphere({}, g), "[unit_sphere] expected a shape with at least one axis; got ()");
  CHECK_THROWS_WITH(randn({-2}, g), "[shape] expected sizes of at least 0; got (-2,)");
}
