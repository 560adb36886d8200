// SPDX-License-Identifier: MIT
#include "ops/detail/pool_kernels.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "tests/ops/detail_kernels.h"

namespace stein::test {
namespace {

using namespace stein::kernels;

auto avg_pool(float) { return avg_pool_f32(); }
auto avg_pool(double) { return avg_pool_f64(); }
auto avg_pool_adjoint(float) { return avg_pool_adjoint_f32(); }
auto avg_pool_adjoint(double) { return avg_pool_adjoint_f64(); }
auto max_pool(float) { return max_pool_f32(); }
auto max_pool(double) { return max_pool_f64(); }

PoolShape random_shape(std::mt19937& generator, bool max) {
  PoolShape s{};
  do {
    s.n = pick(generator, 1, 3), s.c = pick(generator, 1, 40);
    s.h = pick(generator, 1, 15), s.w = pick(generator, 1, 15);
    s.kh = pick(generator, 1, 5), s.kw = pick(generator, 1, 5);
    s.stride_h = pick(generator, 1, 3), s.stride_w = pick(generator, 1, 3);
    s.pad_h = pick(generator, 0, s.kh / 2), s.pad_w = pick(generator, 0, s.kw / 2);
    s.dilation_h = max ? pick(generator, 1, 2) : 1, s.dilation_w = max ? pick(generator, 1, 3) : 1;
    s.ho = s.h + 2 * s.pad_h - s.dilation_h * (s.kh - 1) - 1, s.wo = s.w + 2 * s.pad_w - s.dilation_w * (s.kw - 1) - 1;
  } while (s.ho < 0 || s.wo < 0);
  // Now and then one window more, which reaches past the padding (PyTorch's ceil_mode).
  const auto more = [&](int64_t room, int64_t stride) { return generator() % 4 == 0 && room % stride != 0 ? 1 : 0; };
  s.ho = s.ho / s.stride_h + 1 + (max ? 0 : more(s.ho, s.stride_h));
  s.wo = s.wo / s.stride_w + 1 + (max ? 0 : more(s.wo, s.stride_w));
  if ((s.ho - 1) * s.stride_h >= s.h + s.pad_h) --s.ho;
  if ((s.wo - 1) * s.stride_w >= s.w + s.pad_w) --s.wo;
  return s;
}

/// Calls body(index in x, index in y, pixel in the plane) for every pixel inside each window.
template <class Body>
void each_pair(const PoolShape& s, const Body& body) {
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t p = 0; p < s.ho; ++p)
      for (int64_t q = 0; q < s.wo; ++q)
        for (int64_t c = 0; c < s.c; ++c)
          for (int64_t i = 0; i < s.kh; ++i)
            for (int64_t j = 0; j < s.kw; ++j) {
              const int64_t h = p * s.stride_h - s.pad_h + i * s.dilation_h,
                            w = q * s.stride_w - s.pad_w + j * s.dilation_w;
              if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
              body(static_cast<size_t>(((n * s.h + h) * s.w + w) * s.c + c),
                   static_cast<size_t>(((n * s.ho + p) * s.wo + q) * s.c + c), h * s.w + w);
            }
}

double divisor(const PoolShape& s, size_t y, bool include_pad) {
  const auto pixel = static_cast<int64_t>(y) / s.c;
  const int64_t h0 = pixel / s.wo % s.ho * s.stride_h - s.pad_h, w0 = pixel % s.wo * s.stride_w - s.pad_w;
  const int64_t h1 = std::min(h0 + s.kh, s.h + s.pad_h), w1 = std::min(w0 + s.kw, s.w + s.pad_w);
  if (include_pad) return static_cast<double>((h1 - h0) * (w1 - w0));
  return static_cast<double>((std::min(h1, s.h) - std::max<int64_t>(h0, 0)) *
                             (std::min(w1, s.w) - std::max<int64_t>(w0, 0)));
}

template <class T>
void check_avg(std::mt19937& generator, const PoolShape& s, bool include_pad) {
  const std::vector<double> x = random_values(generator, s.n * s.h * s.w * s.c),
                            g = random_values(generator, s.n * s.ho * s.wo * s.c);
  std::vector<Sum> y(g.size()), gx(x.size());
  each_pair(s, [&](size_t i, size_t o, int64_t) {
    y[o].add(x[i] / divisor(s, o, include_pad));
    gx[i].add(g[o] / divisor(s, o, include_pad));
  });
  Guarded<T> src(x), cotangent(g), out(static_cast<int64_t>(y.size())), back(static_cast<int64_t>(gx.size()));
  Guarded<char> scratch(avg_pool_scratch_bytes()(s, sizeof(T)));
  const auto run = [&](auto kernel, Guarded<T>& from, Guarded<T>& to, int64_t items) {
    for (int64_t i = 0; i < items; i += 3)
      kernel({s, include_pad, from.data(), to.data(), i, std::min(items, i + 3), scratch.data()});
  };
  run(avg_pool(T()), src, out, s.n * s.ho);
  run(avg_pool_adjoint(T()), cotangent, back, s.n * s.h);
  CHECK(first_wrong(out, y) == -1);
  CHECK(first_wrong(back, gx) == -1);
  CHECK((out.guards_untouched() && back.guards_untouched() && scratch.guards_untouched()));
}

template <class T>
void check_max(const PoolShape& s, const std::vector<double>& x) {
  std::vector<double> y(static_cast<size_t>(s.n * s.ho * s.wo * s.c), -INFINITY);
  std::vector<int64_t> index(y.size(), -1);
  each_pair(s, [&](size_t i, size_t o, int64_t pixel) {
    if (index[o] == -1 || x[i] > y[o] || std::isnan(x[i])) y[o] = x[i], index[o] = pixel;
  });
  Guarded<T> src(x), out(static_cast<int64_t>(y.size()));
  Guarded<int64_t> at(out.size());
  for (int64_t i = 0; i < s.n * s.ho; ++i) max_pool(T())({s, src.data(), out.data(), at.data(), i, i + 1});
  bool same = true;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto v = static_cast<double>(out[static_cast<int64_t>(i)]);
    same = same && (v == y[i] || (std::isnan(v) && std::isnan(y[i]))) && at[static_cast<int64_t>(i)] == index[i];
  }
  CHECK(same);
  CHECK((out.guards_untouched() && at.guards_untouched()));
}

std::string text_of(const PoolShape& s) {
  std::string text = "n c h w ho wo kh kw stride pad dilation: ";
  for (const int64_t v : {s.n, s.c, s.h, s.w, s.ho, s.wo, s.kh, s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w,
                          s.dilation_h, s.dilation_w})
    text += std::to_string(v) + " ";
  return text;
}

}  // namespace

TEST_CASE("pool kernels: average and its adjoint", "[kernels]") {
  std::mt19937 generator(21);
  for (int trial = 0; trial < 60; ++trial) {
    const PoolShape s = trial == 0   ? PoolShape{2, 16, 14, 14, 14, 14, 5, 5, 1, 1, 2, 2, 1, 1}
                        : trial == 1 ? PoolShape{2, 33, 8, 10, 4, 5, 2, 2, 2, 2, 0, 0, 1, 1}
                        : trial == 2 ? PoolShape{0, 3, 4, 4, 4, 4, 1, 1, 1, 1, 0, 0, 1, 1}
                                     : random_shape(generator, false);
    each_simd_level([&](const char* level) {
      for (const bool include_pad : {false, true}) {
        INFO(level << ", " << text_of(s) << ", count_include_pad " << include_pad);
        check_avg<float>(generator, s, include_pad);
        check_avg<double>(generator, s, include_pad);
      }
    });
  }
}

TEST_CASE("pool kernels: maximum, its index, ties, infinities and NaN", "[kernels]") {
  std::mt19937 generator(22);
  for (int trial = 0; trial < 60; ++trial) {
    const PoolShape s = random_shape(generator, true);
    std::vector<double> x(static_cast<size_t>(s.n * s.h * s.w * s.c));
    for (double& v : x) {
      const int64_t r = pick(generator, -6, 6);  // few values: many ties
      v = r == 6 && trial % 2 == 0 ? NAN : r < -3 ? -INFINITY : static_cast<double>(r);
    }
    each_simd_level([&](const char* level) {
      INFO(level << ", " << text_of(s));
      check_max<float>(s, x);
      check_max<double>(s, x);
    });
  }
}

}  // namespace stein::test
