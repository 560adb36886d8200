// SPDX-License-Identifier: MIT
#include "ops/detail/resample_kernels.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ops/detail_kernels.h"

namespace stein::test {
namespace {

using namespace stein::kernels;

auto resample(float) { return resample_f32(); }
auto resample(double) { return resample_f64(); }
auto resample_adjoint(float) { return resample_adjoint_f32(); }
auto resample_adjoint(double) { return resample_adjoint_f64(); }

template <class T>
void check_resample(std::mt19937& generator, int64_t n, int64_t c, int64_t h, int64_t w, int64_t ho, int64_t wo,
                    ResampleMode mode) {
  std::vector<ResampleTap> rows(static_cast<size_t>(ho)), cols(static_cast<size_t>(wo));
  resample_taps(h, ho, mode, rows.data());
  resample_taps(w, wo, mode, cols.data());
  const std::vector<double> x = random_values(generator, n * h * w * c), g = random_values(generator, n * ho * wo * c);
  std::vector<Sum> y(g.size()), gx(x.size());
  for (int64_t o = 0; o < n * ho * wo * c; ++o) {
    const int64_t image = o / (ho * wo * c);
    const ResampleTap &r = rows[static_cast<size_t>(o / (wo * c) % ho)], &q = cols[static_cast<size_t>(o / c % wo)];
    const auto at = [&](int64_t row, int64_t col, double weight) {
      if (weight == 0) return;
      const auto i = static_cast<size_t>(((image * h + row) * w + col) * c + o % c);
      y[static_cast<size_t>(o)].add(weight * x[i]);
      gx[i].add(weight * g[static_cast<size_t>(o)]);
    };
    at(r.first, q.first, (1 - r.weight) * (1 - q.weight));
    at(r.first, q.second, (1 - r.weight) * q.weight);
    at(r.second, q.first, r.weight * (1 - q.weight));
    at(r.second, q.second, r.weight * q.weight);
  }
  Guarded<T> src(x), cotangent(g), out(n * ho * wo * c), back(n * h * w * c);
  Guarded<char> scratch(resample_scratch_bytes()(c, w, sizeof(T)));
  for (int64_t i = 0; i < n * ho; ++i)
    resample(T())({n, c, h, w, ho, wo, rows.data(), cols.data(), src.data(), out.data(), i, i + 1, scratch.data()});
  resample_adjoint(T())(
      {n, c, h, w, ho, wo, rows.data(), cols.data(), cotangent.data(), back.data(), 0, n, scratch.data()});
  CHECK(first_wrong(out, y) == -1);
  CHECK(first_wrong(back, gx) == -1);
  CHECK((out.guards_untouched() && back.guards_untouched() && scratch.guards_untouched()));
}

}  // namespace

TEST_CASE("resample kernels: where the taps are", "[kernels]") {
  const auto taps = [](int64_t in, int64_t out, ResampleMode mode) {
    std::vector<ResampleTap> t(static_cast<size_t>(out));
    resample_taps(in, out, mode, t.data());
    std::vector<double> at;
    for (const ResampleTap& tap : t) {
      CHECK((tap.first >= 0 && tap.second >= tap.first && tap.second <= tap.first + 1 && tap.second < in));
      at.push_back(static_cast<double>(tap.first) + tap.weight);
    }
    return at;
  };
  // By the definitions, as torch.nn.functional.interpolate gives them for x = [0, 1, ...].
  CHECK(taps(3, 7, ResampleMode::kNearest) == std::vector<double>{0, 0, 0, 1, 1, 2, 2});
  CHECK(taps(5, 3, ResampleMode::kNearest) == std::vector<double>{0, 1, 3});
  CHECK(taps(2, 4, ResampleMode::kNearest) == std::vector<double>{0, 0, 1, 1});
  CHECK(taps(2, 4, ResampleMode::kBilinear) == std::vector<double>{0, 0.25, 0.75, 1});
  CHECK(taps(4, 2, ResampleMode::kBilinear) == std::vector<double>{0.5, 2.5});
  CHECK(taps(3, 5, ResampleMode::kBilinearAlignCorners) == std::vector<double>{0, 0.5, 1, 1.5, 2});
  CHECK(taps(5, 1, ResampleMode::kBilinearAlignCorners) == std::vector<double>{0});
  CHECK(taps(4, 4, ResampleMode::kBilinear) == std::vector<double>{0, 1, 2, 3});
  CHECK(taps(1, 3, ResampleMode::kBilinear) == std::vector<double>{0, 0, 0});
}

TEST_CASE("resample kernels: forward and adjoint", "[kernels]") {
  std::mt19937 generator(31);
  for (int trial = 0; trial < 40; ++trial) {
    const int64_t n = pick(generator, 0, 3), c = pick(generator, 1, 35), h = pick(generator, 1, 9),
                  w = pick(generator, 1, 9);
    const int64_t ho = trial % 8 == 0 ? h : pick(generator, 1, 19), wo = trial % 8 == 0 ? w : pick(generator, 1, 19);
    each_simd_level([&](const char* level) {
      for (const ResampleMode mode :
           {ResampleMode::kNearest, ResampleMode::kBilinear, ResampleMode::kBilinearAlignCorners}) {
        INFO(level << ", mode " << static_cast<int>(mode) << ", " << n << " " << c << " " << h << "x" << w << " to "
                   << ho << "x" << wo);
        check_resample<float>(generator, n, c, h, w, ho, wo, mode);
        check_resample<double>(generator, n, c, h, w, ho, wo, mode);
      }
    });
  }
}

TEST_CASE("resample kernels: a tap of weight 0 is not read", "[kernels]") {
  ResampleTap taps[3];
  resample_taps(2, 3, ResampleMode::kBilinearAlignCorners, taps);
  const float x[4] = {1, INFINITY, 2, INFINITY};
  float y[9], scratch[16];
  each_simd_level([&](const char* level) {
    INFO(level);
    resample_f32()({1, 1, 2, 2, 3, 3, taps, taps, x, y, 0, 3, scratch});
    CHECK((y[0] == 1 && y[3] == 1.5F && y[6] == 2 && y[1] == INFINITY && y[2] == INFINITY));
  });
}

}  // namespace stein::test
