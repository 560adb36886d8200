// SPDX-License-Identifier: MIT
#define STEIN_HOST 1
#define STEIN_UNIT host
#include "tensor/random.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "tensor/detail/random_device.h"
#include "tensor/detail/random_formula.h"
#include "tensor/detail/random_kernels.h"
#include "tensor/replay.h"
#include "tensor/thread_pool.h"

namespace stein {
namespace {

std::mutex state_mutex;                        // for every generator's state: held for a few instructions once a draw
thread_local Generator* substitute = nullptr;  // for default_generator()

constexpr std::int64_t kGrain = 4096;  // blocks a thread takes at once; results do not depend on it

// The third and fourth counter word. Draws use (attempt, 0), forks (*, 1): they never meet.
enum Purpose : std::uint32_t { kDraw = 0, kFork = 1 };

kernels::host::PhiloxWords block(std::uint64_t seed, std::uint64_t position, std::uint32_t attempt, Purpose purpose) {
  return kernels::host::philox4x32_10(
      {static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), attempt, purpose},
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

// Fills row-major `t`: kernel(seed, first block, pointer, count) over ranges of whole blocks of `per_block` elements.
template <class T, class Kernel>
void draw(Tensor& t, Generator& generator, std::int64_t per_block, Kernel kernel, kernels::Law law = {}, double a = 0,
          double b = 0) {
  if (t.device() != cpu) {
    const auto [seed, first] = generator.take((t.numel() + per_block - 1) / per_block);
    return kernels::device_draw(t.device())(
        {law, t.dtype() == f64, seed, first, t.numel(), a, b, const_cast<void*>(t.raw())});
  }
  T* p = t.mutable_data<T>();
  const auto n = t.numel(), blocks = (n + per_block - 1) / per_block;
  const auto [seed, first] = generator.take(blocks);
  parallel_for(blocks, kGrain, [&, seed = seed, first = first](std::int64_t begin, std::int64_t end) {
    const auto from = begin * per_block, to = std::min(end * per_block, n);
    kernel(seed, first + static_cast<std::uint64_t>(begin), p + from, to - from);
  });
}

void draw_uniform(std::string_view op, Tensor& t, Generator& g, double low, double high) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high))
    fail(op, "finite bounds low < high", std::to_string(low) + " and " + std::to_string(high));
  visit_floating(op, t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T l = static_cast<T>(low), h = static_cast<T>(high);
    if (!std::isfinite(h - l) || !(l < h))
      fail(op, "bounds whose distance " + std::string(name_of(t.dtype())) + " can hold",
           std::to_string(low) + " and " + std::to_string(high));
    draw<T>(
        t, g, std::is_same_v<T, float> ? 4 : 2,
        [=](auto seed, auto first, T* p, std::int64_t n) {
          if constexpr (std::is_same_v<T, float>)
            kernels::random_uniform_f32()(seed, first, p, n, l, h);
          else
            kernels::random_uniform_f64()(seed, first, p, n, l, h);
        },
        kernels::Law::uniform, low, high);
  });
}

void draw_normal(std::string_view op, Tensor& t, Generator& g, double mean, double deviation) {
  if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation < 0)
    fail(op, "a finite mean and a deviation of at least 0", std::to_string(mean) + " and " + std::to_string(deviation));
  visit_floating(op, t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T m = static_cast<T>(mean), d = static_cast<T>(deviation);
    draw<T>(
        t, g, std::is_same_v<T, float> ? 4 : 2,
        [=](auto seed, auto first, T* p, std::int64_t n) {
          if constexpr (std::is_same_v<T, float>)
            kernels::random_normal_f32()(seed, first, p, n, m, d);
          else
            kernels::random_normal_f64()(seed, first, p, n, m, d);
        },
        kernels::Law::normal, mean, deviation);
  });
}

// Element i of a draw of integers: the high half of (64 random bits) * range; low halves below 2^64 mod range would favour
// some results and are drawn again, from the same position with the next attempt number.
// Lemire, "Fast random integer generation in an interval", ACM TOMACS 2019.
std::uint64_t below(std::uint64_t range, std::uint64_t seed, std::uint64_t first, std::uint64_t i) {
  for (std::uint32_t attempt = 0;; ++attempt) {
    const auto w = block(seed, first + i / 2, attempt, kDraw);
    const std::uint64_t bits = i % 2 ? std::uint64_t{w.w2} << 32 | w.w3 : std::uint64_t{w.w0} << 32 | w.w1;
    // The 128-bit product of two 64-bit numbers, in 32-bit halves.
    const std::uint64_t a = bits >> 32, b = bits & 0xffffffffu, c = range >> 32, d = range & 0xffffffffu;
    const std::uint64_t bd = b * d, ad = a * d, bc = b * c, middle = (bd >> 32) + (ad & 0xffffffffu) + bc;
    const std::uint64_t high = a * c + (ad >> 32) + (middle >> 32), low = bits * range;
    if (low >= range || low >= (0 - range) % range) return high;
  }
}

Tensor like(const Tensor& t) {
  return t.is_channels_last() && !t.is_contiguous() ? empty_channels_last(t.shape(), t.dtype(), t.device())
                                                    : empty(t.shape(), t.dtype(), t.device());
}

}  // namespace

Generator& Generator::acting() const {
  return substitute && this == &default_generator() ? *substitute : const_cast<Generator&>(*this);
}

Generator::State Generator::state() const {
  const std::lock_guard lock(state_mutex);
  return acting().state_;
}

void Generator::set_state(const State& state) {
  const std::lock_guard lock(state_mutex);
  acting().state_ = state;
}

Generator Generator::fork(std::uint64_t stream) const {
  const auto w = block(state().seed, stream, 0, kFork);
  return Generator(std::uint64_t{w.w0} << 32 | w.w1);
}

Generator::State Generator::take(std::int64_t blocks) {
  detail::not_while_recording("random numbers", "each replay would repeat them: draw outside, and give them as inputs");
  const std::lock_guard lock(state_mutex);
  auto& state = acting().state_;
  const State start = state;
  state.position += static_cast<std::uint64_t>(blocks);
  return start;
}

Generator& default_generator() {
  static Generator g;
  return g;
}

Substitute::Substitute(const Generator::State& state) : before_(std::exchange(substitute, &generator_)) {
  generator_.set_state(state);
}
Substitute::~Substitute() { substitute = before_; }
bool Substitute::active() { return substitute != nullptr; }

void manual_seed(std::uint64_t seed) { default_generator().set_state({seed, 0}); }

Tensor uniform(const Shape& shape, Generator& generator, double low, double high, DType dtype, const Device& device) {
  Tensor t = empty(shape, dtype, device);
  draw_uniform("uniform", t, generator, low, high);
  return t;
}
Tensor uniform(const Shape& shape, double low, double high, DType dtype) {
  return uniform(shape, default_generator(), low, high, dtype);
}

Tensor normal(const Shape& shape, Generator& generator, double mean, double deviation, DType dtype,
              const Device& device) {
  Tensor t = empty(shape, dtype, device);
  draw_normal("normal", t, generator, mean, deviation);
  return t;
}
Tensor normal(const Shape& shape, double mean, double deviation, DType dtype) {
  return normal(shape, default_generator(), mean, deviation, dtype);
}

Tensor randn(const Shape& shape, Generator& generator, DType dtype, const Device& device) {
  Tensor t = empty(shape, dtype, device);
  draw_normal("randn", t, generator, 0, 1);
  return t;
}
Tensor randn(const Shape& shape, DType dtype) { return randn(shape, default_generator(), dtype); }

Tensor randn_like(const Tensor& t, Generator& generator) {
  Tensor r = like(t);
  fill_normal(r, generator);
  return r;
}

void fill_uniform(Tensor& t, Generator& generator, double low, double high) {
  if (t.is_contiguous()) return draw_uniform("fill_uniform", t, generator, low, high);
  t.copy_(uniform(t.shape(), generator, low, high, t.dtype(), t.device()));
}

void fill_normal(Tensor& t, Generator& generator, double mean, double deviation) {
  if (t.is_contiguous()) return draw_normal("fill_normal", t, generator, mean, deviation);
  t.copy_(normal(t.shape(), generator, mean, deviation, t.dtype(), t.device()));
}

Tensor rademacher(const Shape& shape, Generator& generator, DType dtype, const Device& device) {
  Tensor t = empty(shape, dtype, device);
  visit_floating("rademacher", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    draw<T>(
        t, generator, 4,
        [](auto seed, auto first, T* p, std::int64_t n) {
          if constexpr (std::is_same_v<T, float>)
            kernels::random_sign_f32()(seed, first, p, n);
          else
            kernels::random_sign_f64()(seed, first, p, n);
        },
        kernels::Law::sign);
  });
  return t;
}

Tensor unit_sphere(const Shape& shape, Generator& generator, DType dtype, const Device& device) {
  if (device != cpu) return detail::copy_to(unit_sphere(shape, generator, dtype), device);
  if (shape.rank() == 0) fail("unit_sphere", "a shape with at least one axis", to_string(shape));
  Tensor t = empty(shape, dtype);
  draw_normal("unit_sphere", t, generator, 0, 1);
  const auto d = shape.back();
  if (t.numel() == 0) return t;
  visit_floating("unit_sphere", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = t.mutable_data<T>();
    parallel_for(t.numel() / d, std::max<std::int64_t>(1, 4 * kGrain / d), [&](std::int64_t begin, std::int64_t end) {
      for (T* row = p + begin * d; row != p + end * d; row += d) {
        double partial[4] = {};  // a fixed order, whatever the machine
        for (std::int64_t j = 0; j < d; ++j) {
          const auto x = static_cast<double>(row[j]);
          partial[j % 4] += x * x;
        }
        const double length = std::sqrt((partial[0] + partial[1]) + (partial[2] + partial[3]));
        if (length == 0)
          row[0] = 1;
        else
          for (std::int64_t j = 0; j < d; ++j) row[j] = static_cast<T>(static_cast<double>(row[j]) / length);
      }
    });
  });
  return t;
}

Tensor permutation(std::int64_t n, Generator& generator) {
  if (n < 0) fail("permutation", "a length of at least 0", std::to_string(n));
  Tensor t = arange(n);
  auto* p = t.mutable_data<std::int64_t>();
  const auto [seed, first] = generator.take((n + 1) / 2);
  for (std::int64_t i = n - 1; i > 0; --i) {  // Fisher and Yates
    const auto u = static_cast<std::uint64_t>(i);
    std::swap(p[i], p[below(u + 1, seed, first, u)]);
  }
  return t;
}

Tensor integers(std::int64_t low, std::int64_t high, const Shape& shape, Generator& generator) {
  if (low >= high) fail("integers", "low < high", std::to_string(low) + " and " + std::to_string(high));
  Tensor t = empty(shape, i64);
  const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  draw<std::int64_t>(t, generator, 2, [=](std::uint64_t seed, std::uint64_t first, std::int64_t* p, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i)
      p[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) +
                                       below(range, seed, first, static_cast<std::uint64_t>(i)));
  });
  return t;
}

}  // namespace stein
