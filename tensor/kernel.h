// SPDX-License-Identifier: MIT
// The language in which kernels for devices are written: View, Local, Block. Files named *.device.cpp are compiled by the host
// compiler for `sim`, in every build, and by nvcc for `cuda`, each in a namespace named by STEIN_UNIT. They need no other
// library: no fmt and no SIMD packs.
//
// A kernel is a struct: its members are its parameters, its call runs one block of threads.
//     struct Twice {
//       static constexpr const char* name = "twice";
//       View<const float> in;
//       View<float> out;
//       std::int64_t n;
//       STEIN_KERNEL void operator()(Block& block) const {
//         each_element(block, n, [&](std::int64_t i) { out[i] = 2 * in[i]; });
//       }
//     };
//     void twice(const float* in, float* out, std::int64_t n) { launch(Twice{in, out, n}, threads_for(n)); }
// block.threads(f) runs f(t) by every thread t of the block; block.phase(f) does so and ends in a barrier. What a thread keeps
// from one phase to the next is a Local; what the threads of a block share is declared by STEIN_SHARED(type, name, count).
// in.load<4>(i) and out.store(i, pack) move several elements at once, where their address is a multiple of their size together;
// STEIN_UNROLL before a loop over a pack's elements keeps them in registers. STEIN_FOUR_AT_ONCE before a loop that adds up what it loads
// has a thread wait for four loads together and not for one after the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace stein::STEIN_UNIT {

/// Blocks of a launch and threads of each block, a multiple of 32 and at most 1024.
struct Grid {
  std::int64_t blocks;
  int threads;
};
/// Enough threads for n elements, each in a loop from block.first(t) in steps of block.step(), as each_element has them.
inline Grid threads_for(std::int64_t n, int threads = 256) {
  return {std::min<std::int64_t>((n + threads - 1) / threads, 4096), threads};
}

/// Elements next to each other, which one instruction loads or stores.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T at[kCount];
};
/// How many elements a thread takes at once: 16 bytes of those of 4 or 8, 4 of those of one.
template <class T>
constexpr int kPackOf = sizeof(T) == 8 ? 2 : 4;
/// Whether all addresses are multiples of what packs need at most; null is.
inline bool aligned_for_packs(std::initializer_list<const void*> addresses) {
  return std::all_of(addresses.begin(), addresses.end(),
                     [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; });
}

}  // namespace stein::STEIN_UNIT

#if defined(__CUDACC__)
#include "tensor/detail/kernel_cuda.h"
#else
#include "tensor/detail/kernel_sim.h"
#endif

namespace stein::STEIN_UNIT {

/// f(i) for every i below n, by all threads of the launch together.
template <class F>
STEIN_KERNEL void each_element(Block& block, std::int64_t n, const F& f) {
  block.threads([&](int t) {
    for (auto i = block.first(t); i < n; i += block.step()) f(i);
  });
}
/// One thread's part of n elements: f(std::integral_constant<int, count>, i) for packs first, first + step, ... of the `packs` there are
/// of kCount elements each, then for the elements that they leave, one by one.
template <int kCount, class F>
STEIN_KERNEL void each_pack(std::int64_t first, std::int64_t step, std::int64_t n, std::int64_t packs, const F& f) {
  for (auto i = first; i < packs; i += step) f(std::integral_constant<int, kCount>{}, i * kCount);
  for (auto i = packs * kCount + first; i < n; i += step) f(std::integral_constant<int, 1>{}, i);
}
/// Enough threads for that, in steps of block.step().
inline Grid threads_for_packs(std::int64_t n, std::int64_t packs) { return threads_for(packs ? packs : n); }

/// a + b: for combine, and what is like it.
struct Plus {
  template <class T>
  STEIN_KERNEL T operator()(T a, T b) const {
    return a + b;
  }
};

/// f(0.0) or f(0.f): kernels for f64 or f32.
template <class F>
void by_floating(bool f64, const F& f) {
  f64 ? f(double{}) : f(float{});
}

/// values[t] of all threads combined by op, the same in every thread: in warps by shuffles, then over the warps. The order of
/// the combinations is that of a tree, and the same on every device.
template <class T, class Op>
STEIN_KERNEL T combine(Block& block, Local<T>& values, T neutral, const Op& op) {
  STEIN_SHARED(T, of_warps, 32);
  for (int delta = 16; delta > 0; delta /= 2) {
    Local<T> other = block.shuffle_down(values, delta);
    block.threads([&](int t) { values[t] = op(values[t], other[t]); });
  }
  block.phase([&](int t) {
    if (t % 32 == 0) of_warps[t / 32] = values[t];
  });
  block.phase([&](int t) { values[t] = t < block.size() / 32 ? static_cast<T>(of_warps[t]) : neutral; });
  for (int delta = 16; delta > 0; delta /= 2) {
    Local<T> other = block.shuffle_down(values, delta);
    block.threads([&](int t) { values[t] = op(values[t], other[t]); });
  }
  block.phase([&](int t) {
    if (t == 0) of_warps[0] = values[t];
  });
  T all = neutral;
  block.phase([&](int) { all = of_warps[0]; });
  return all;
}

}  // namespace stein::STEIN_UNIT
