// SPDX-License-Identifier: MIT
#include "ops/detail/conv_kernels.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <type_traits>

#include "tests/ops/detail_kernels.h"

namespace stein::test {
namespace {

using namespace stein::kernels;

// The kernels of a dtype, at the level in force.
template <class T>
struct Conv;
template <>
struct Conv<float> {
  static auto plan() { return conv_plan_f32(); }
  static auto pack() { return conv_pack_f32(); }
  static auto run() { return conv_run_f32(); }
  static auto filter_plan() { return conv_filter_plan_f32(); }
  static auto filter_run() { return conv_filter_run_f32(); }
  static auto filter_finish() { return conv_filter_finish_f32(); }
};
template <>
struct Conv<double> {
  static auto plan() { return conv_plan_f64(); }
  static auto pack() { return conv_pack_f64(); }
  static auto run() { return conv_run_f64(); }
  static auto filter_plan() { return conv_filter_plan_f64(); }
  static auto filter_run() { return conv_filter_run_f64(); }
  static auto filter_finish() { return conv_filter_finish_f64(); }
};

template <class T>
struct Winograd;  // f32 only
template <>
struct Winograd<float> {
  static auto plan() { return winograd_plan_f32(); }
  static auto pack() { return winograd_pack_f32(); }
  static auto run() { return winograd_run_f32(); }
  static auto filter_plan() { return winograd_filter_plan_f32(); }
  static auto filter_run() { return winograd_filter_run_f32(); }
  static auto filter_finish() { return winograd_filter_finish_f32(); }
};
/// Rounding in transforms mixes neighbours: the bound is one for all results.
template <class T>
std::int64_t first_wrong_winograd(Guarded<T>& got, const std::vector<Sum>& want) {
  double largest = 0;
  for (const Sum& s : want) largest = std::max(largest, s.magnitude);
  for (std::int64_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - want[static_cast<std::size_t>(i)].value);
    if (!(error <= 8 * std::numeric_limits<T>::epsilon() * largest)) return i;
  }
  return -1;
}

ConvShape shape_of(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh, int64_t kw, int64_t stride = 1,
                   int64_t pad = 0, int64_t dilation = 1, int64_t groups = 1) {
  return {n,
          c,
          h,
          w,
          o,
          (h + 2 * pad - dilation * (kh - 1) - 1) / stride + 1,
          (w + 2 * pad - dilation * (kw - 1) - 1) / stride + 1,
          kh,
          kw,
          stride,
          stride,
          pad,
          pad,
          dilation,
          dilation,
          groups};
}

std::string text_of(const ConvShape& s) {
  std::string text;
  for (const int64_t v : {s.n, s.c, s.h, s.w, s.o, s.ho, s.wo, s.kh, s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w,
                          s.dilation_h, s.dilation_w, s.groups})
    text += std::to_string(v) + " ";
  return "n c h w o ho wo kh kw stride pad dilation groups: " + text;
}

/// The three convolutions by their definition, in double; filters are OIHW.
struct Reference {
  ConvShape s;
  std::vector<double> x, w, g, bias;
  std::vector<Sum> y, gx, gw;

  Reference(std::mt19937& generator, const ConvShape& shape) : s(shape) {
    const int64_t cg = s.c / s.groups, og = s.o / s.groups;
    x = random_values(generator, s.n * s.h * s.w * s.c);
    w = random_values(generator, s.o * cg * s.kh * s.kw);
    g = random_values(generator, s.n * s.ho * s.wo * s.o);
    bias = random_values(generator, s.o);
    y.resize(g.size());
    gx.resize(x.size());
    gw.resize(w.size());
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t p = 0; p < s.ho; ++p)
        for (int64_t q = 0; q < s.wo; ++q)
          for (int64_t o = 0; o < s.o; ++o) {
            const auto at_y = static_cast<size_t>(((n * s.ho + p) * s.wo + q) * s.o + o);
            for (int64_t ky = 0; ky < s.kh; ++ky)
              for (int64_t kx = 0; kx < s.kw; ++kx) {
                const int64_t i = p * s.stride_h - s.pad_h + ky * s.dilation_h,
                              j = q * s.stride_w - s.pad_w + kx * s.dilation_w;
                if (i < 0 || i >= s.h || j < 0 || j >= s.w) continue;
                for (int64_t c = 0; c < cg; ++c) {
                  const auto at_x = static_cast<size_t>(((n * s.h + i) * s.w + j) * s.c + o / og * cg + c);
                  const auto at_w = static_cast<size_t>(((o * cg + c) * s.kh + ky) * s.kw + kx);
                  y[at_y].add(x[at_x] * w[at_w]);
                  gx[at_x].add(g[at_y] * w[at_w]);
                  gw[at_w].add(g[at_y] * x[at_x]);
                }
              }
          }
  }
};

template <class T, template <class> class Kernels>
std::int64_t wrong(Guarded<T>& got, const std::vector<Sum>& want) {
  if constexpr (std::is_same_v<Kernels<float>, Winograd<float>>) return first_wrong_winograd(got, want);
  return first_wrong(got, want);
}

template <class T, template <class> class Kernels>
void check_run(const Reference& r, ConvPass pass, const std::vector<double>& source, const std::vector<Sum>& want,
               bool with_bias) {
  const ConvShape& s = r.s;
  const int64_t cg = s.c / s.groups;
  ConvPlan plan{};
  Kernels<T>::plan()(s, pass, plan);
  Guarded<T> src(source), w(r.w), bias(r.bias), dst(static_cast<int64_t>(want.size()));
  Guarded<char> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
  const auto pack = [&](Guarded<char>& to, int64_t begin, int64_t end) {
    Kernels<T>::pack()({s, pass, w.data(), cg * s.kh * s.kw, s.kh * s.kw, s.kw, 1, to.data(), begin, end});
  };
  pack(packed, 0, plan.pack_items);
  Guarded<char> packed_split(plan.packed_bytes);  // item by item, last first
  for (int64_t i = plan.pack_items - 1; i >= 0; --i) pack(packed_split, i, i + 1);
  CHECK(std::memcmp(packed_split.data(), packed.data(), static_cast<std::size_t>(plan.packed_bytes)) == 0);
  ConvRunArgs<T> args{s,          pass, src.data(), packed.data(), with_bias ? bias.data() : nullptr,
                      dst.data(), 0,    plan.items, scratch.data()};
  Kernels<T>::run()(args);
  CHECK(wrong<T, Kernels>(dst, want) == -1);

  Guarded<T> split(static_cast<int64_t>(want.size()));  // item by item, last first
  args.dst = split.data();
  for (args.begin = plan.items - 1; args.begin >= 0; --args.begin) {
    args.end = args.begin + 1;
    Kernels<T>::run()(args);
  }
  CHECK(std::memcmp(split.data(), dst.data(), want.size() * sizeof(T)) == 0);
  CHECK(
      (dst.guards_untouched() && split.guards_untouched() && packed.guards_untouched() && scratch.guards_untouched()));
}

template <class T, template <class> class Kernels>
void check_filter(const Reference& r) {
  const ConvShape& s = r.s;
  const int64_t cg = s.c / s.groups, taps = s.kh * s.kw;
  ConvFilterPlan plan{};
  Kernels<T>::filter_plan()(s, plan);
  Guarded<T> x(r.x), g(r.g), gw(static_cast<int64_t>(r.gw.size())), split(gw.size());
  Guarded<char> partial(plan.partial_bytes), scratch(plan.scratch_bytes);
  Kernels<T>::filter_run()({s, x.data(), g.data(), partial.data(), 0, plan.chunks, scratch.data()});
  Kernels<T>::filter_finish()({s, partial.data(), gw.data(), cg * taps, taps, s.kw, 1, 0, plan.finish_items});
  CHECK(wrong<T, Kernels>(gw, r.gw) == -1);

  Guarded<char> partial_split(plan.partial_bytes);
  for (int64_t chunk = plan.chunks - 1; chunk >= 0; --chunk)
    Kernels<T>::filter_run()({s, x.data(), g.data(), partial_split.data(), chunk, chunk + 1, scratch.data()});
  for (int64_t i = plan.finish_items - 1; i >= 0; --i)
    Kernels<T>::filter_finish()({s, partial_split.data(), split.data(), cg * taps, taps, s.kw, 1, i, i + 1});
  CHECK(std::memcmp(split.data(), gw.data(), r.gw.size() * sizeof(T)) == 0);
  CHECK(
      (gw.guards_untouched() && split.guards_untouched() && partial.guards_untouched() && scratch.guards_untouched()));
}

template <template <class> class Kernels>
void check_all(std::mt19937& generator, const ConvShape& s) {
  const Reference r(generator, s);
  std::vector<Sum> biased = r.y;
  for (size_t i = 0; i < biased.size(); ++i) biased[i].add(r.bias[i % static_cast<size_t>(s.o)]);
  each_simd_level([&](const char* level) {
    INFO(level << ", " << text_of(s));
    const auto check = [&](auto one) {
      using T = decltype(one);
      INFO("size of an element: " << sizeof(T));
      check_run<T, Kernels>(r, ConvPass::kForward, r.x, r.y, false);
      check_run<T, Kernels>(r, ConvPass::kForward, r.x, biased, true);
      check_run<T, Kernels>(r, ConvPass::kInput, r.g, r.gx, false);
      check_filter<T, Kernels>(r);
    };
    check(1.0F);
    if constexpr (std::is_same_v<Kernels<float>, Conv<float>>) check(1.0);
  });
}

}  // namespace

TEST_CASE("convolution kernels: shapes of the networks", "[kernels]") {
  std::mt19937 generator(7);
  check_all<Conv>(generator, shape_of(2, 16, 14, 14, 32, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(1, 32, 14, 14, 16, 3, 3, 1, 2, 2));
  check_all<Conv>(generator, shape_of(1, 33, 14, 14, 65, 3, 3, 1, 4, 4));
  check_all<Conv>(generator, shape_of(2, 1, 28, 28, 16, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(2, 3, 32, 32, 17, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(2, 16, 28, 28, 1, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(1, 32, 32, 32, 3, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(2, 16, 28, 28, 32, 1, 1));
  check_all<Conv>(generator, shape_of(9, 3, 5, 6, 4, 3, 3, 1, 1));
  check_all<Conv>(generator, shape_of(2, 128, 40, 40, 2, 3, 3, 1, 1));  // more than one band
}

TEST_CASE("convolution kernels: a pad larger than the kernel, a stride larger than the kernel, rows never read",
          "[kernels]") {
  std::mt19937 generator(8);
  check_all<Conv>(generator, shape_of(2, 5, 7, 6, 3, 1, 1, 1, 4));
  check_all<Conv>(generator, shape_of(2, 5, 9, 8, 3, 3, 2, 2, 4));
  check_all<Conv>(generator, shape_of(1, 2, 13, 11, 18, 1, 2, 3, 0));
  check_all<Conv>(generator, shape_of(1, 7, 12, 14, 6, 2, 1, 3, 1));
  check_all<Conv>(generator, shape_of(1, 1, 1, 1, 1, 1, 1));
  ConvShape uneven = shape_of(2, 6, 11, 12, 9, 3, 5);
  uneven.stride_h = 2, uneven.stride_w = 3, uneven.pad_h = 0, uneven.pad_w = 3, uneven.dilation_h = 3,
  uneven.dilation_w = 2;
  uneven.ho = (11 - 7) / 2 + 1, uneven.wo = (12 + 6 - 9) / 3 + 1;
  uneven.groups = 3;
  check_all<Conv>(generator, uneven);
}

TEST_CASE("convolution kernels: no images and no channels", "[kernels]") {
  std::mt19937 generator(9);
  check_all<Conv>(generator, shape_of(0, 4, 5, 5, 6, 3, 3));
  check_all<Conv>(generator, shape_of(2, 0, 5, 5, 6, 3, 3));
  check_all<Conv>(generator, shape_of(2, 4, 5, 5, 0, 3, 3));
}

TEST_CASE("convolution kernels: random shapes", "[kernels]") {
  std::mt19937 generator(10);
  for (int trial = 0; trial < 120; ++trial) {
    ConvShape s{};
    do {
      s.n = pick(generator, 1, 3);
      s.groups = trial % 4 == 0 ? pick(generator, 2, 4) : 1;
      s.c = pick(generator, 1, 33) / s.groups * s.groups;
      s.o = pick(generator, 1, trial % 3 == 0 ? 5 : 33) / s.groups * s.groups;
      s.h = pick(generator, 1, 13), s.w = pick(generator, 1, trial % 5 == 0 ? 47 : 17);
      s.kh = pick(generator, 1, 4), s.kw = pick(generator, 1, 4);
      s.stride_h = pick(generator, 1, 3), s.stride_w = pick(generator, 1, 3);
      s.pad_h = pick(generator, 0, 4), s.pad_w = pick(generator, 0, 4);
      s.dilation_h = pick(generator, 1, 4), s.dilation_w = pick(generator, 1, 4);
      s.ho = s.h + 2 * s.pad_h - s.dilation_h * (s.kh - 1) - 1;
      s.wo = s.w + 2 * s.pad_w - s.dilation_w * (s.kw - 1) - 1;
    } while (s.c == 0 || s.o == 0 || s.ho < 0 || s.wo < 0);
    s.ho = s.ho / s.stride_h + 1, s.wo = s.wo / s.stride_w + 1;
    check_all<Conv>(generator, s);
  }
}

TEST_CASE("winograd kernels: shapes of the networks and random ones", "[kernels]") {
  std::mt19937 generator(11);
  check_all<Winograd>(generator, shape_of(3, 16, 14, 14, 32, 3, 3, 1, 1));
  check_all<Winograd>(generator, shape_of(1, 32, 14, 14, 16, 3, 3, 1, 2, 2));
  check_all<Winograd>(generator, shape_of(2, 33, 14, 14, 65, 3, 3, 1, 4, 4));
  check_all<Winograd>(generator, shape_of(9, 3, 28, 28, 4, 3, 3, 1, 1));
  for (const int64_t o : {16, 12, 8, 3})  // products in their sources' places, and a second group that is not full
    check_all<Winograd>(generator, shape_of(9, 16, 28, 28, o, 3, 3, 1, 1));
  ConvShape uneven = shape_of(2, 17, 23, 18, 20, 3, 3);
  uneven.dilation_h = 1, uneven.dilation_w = 4, uneven.pad_h = 3, uneven.pad_w = 2;
  uneven.ho = 23 + 6 - 2, uneven.wo = 18 + 4 - 8;
  check_all<Winograd>(generator, uneven);
  check_all<Winograd>(generator, shape_of(0, 3, 8, 8, 4, 3, 3, 1, 1));
  check_all<Winograd>(generator, shape_of(2, 0, 8, 8, 4, 3, 3, 1, 1));
  check_all<Winograd>(generator, shape_of(2, 4, 8, 8, 0, 3, 3, 1, 1));
  for (int trial = 0; trial < 60; ++trial) {
    const int64_t dilation = pick(generator, 1, 4), pad = pick(generator, 0, 5),
                  least = std::max<int64_t>(1, 2 * dilation + 1 - 2 * pad);
    check_all<Winograd>(generator,
                        shape_of(pick(generator, 1, 4), pick(generator, 1, 33), pick(generator, least, least + 14),
                                 pick(generator, least, least + 14), pick(generator, 1, 40), 3, 3, 1, pad, dilation));
  }
}

}  // namespace stein::test
