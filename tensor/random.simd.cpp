// SPDX-License-Identifier: MIT
#include "tensor/detail/random_formula.h"
#include "tensor/detail/random_kernels.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

constexpr std::int64_t kBlocks = 256;  // per round: words and results stay in the first-level cache

void words(std::uint64_t key, std::uint64_t first, std::uint32_t* out, std::int64_t blocks) {
  const auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  const auto low = static_cast<std::uint32_t>(first), high = static_cast<std::uint32_t>(first >> 32);
  const auto n = static_cast<std::uint32_t>(blocks);
  for (std::uint32_t b = 0; b < n; ++b) {
    const std::uint32_t sum = low + b;
    const auto r = philox4x32_10({sum, high + (sum < low ? 1u : 0u), 0u, 0u}, k0, k1);
    out[4 * b] = r.w0;
    out[4 * b + 1] = r.w1;
    out[4 * b + 2] = r.w2;
    out[4 * b + 3] = r.w3;
  }
}

// Calls f(words, results, groups): `groups` groups of kWords words that make kResults results each. The last round is
// padded in the local buffers, so every element comes from the same code.
template <int kWords, int kResults, class T, class F>
void rounds(std::uint64_t key, std::uint64_t first, T* out, std::int64_t n, F f) {
  alignas(64) std::uint32_t w[4 * kBlocks];
  alignas(64) T padded[4 * kBlocks];
  constexpr std::int64_t per_round = 4 * kBlocks / kWords * kResults;
  for (; n > 0; n -= per_round, out += per_round, first += kBlocks) {
    const std::int64_t count = n < per_round ? n : per_round, groups = (count + kResults - 1) / kResults;
    words(key, first, w, (groups * kWords + 3) / 4);
    const bool whole = groups * kResults == count;
    f(w, whole ? out : padded, groups);
    if (!whole) __builtin_memcpy(out, padded, static_cast<std::size_t>(count) * sizeof(T));
  }
}

// low + (high - low) u, never above the last number below high.
template <class T>
void uniform(std::uint64_t key, std::uint64_t first, T* out, std::int64_t n, T low, T high, T last) {
  constexpr int step = sizeof(T) / 4;
  const T width = high - low;
  rounds<step, 1>(key, first, out, n, [=](const std::uint32_t* w, T* to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const T x = fused(unit(w + step * i, T()), width, low);
      to[i] = x < last ? x : last;
    }
  });
}

template <class T>
void normal(std::uint64_t key, std::uint64_t first, T* out, std::int64_t n, T mean, T deviation) {
  constexpr int step = 2 * sizeof(T) / 4;
  rounds<step, 2>(key, first, out, n, [=](const std::uint32_t* w, T* to, std::int64_t pairs) {
    for (std::int64_t i = 0; i < pairs; ++i) {
      T z[2];
      normals(w + step * i, z);
      to[2 * i] = fused(z[0], deviation, mean);
      to[2 * i + 1] = fused(z[1], deviation, mean);
    }
  });
}

// One word an element whatever T, so both dtypes draw the same signs.
template <class T>
void sign(std::uint64_t key, std::uint64_t first, T* out, std::int64_t n) {
  rounds<1, 1>(key, first, out, n, [](const std::uint32_t* w, T* to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(1 - 2 * static_cast<std::int32_t>(w[i] >> 31));
  });
}

}  // namespace

void random_uniform_f32(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n, float low, float high) {
  uniform<float>(key, first, out, n, low, high, __builtin_nextafterf(high, low));
}
void random_uniform_f64(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n, double low, double high) {
  uniform<double>(key, first, out, n, low, high, __builtin_nextafter(high, low));
}
void random_normal_f32(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n, float mean, float dev) {
  normal<float>(key, first, out, n, mean, dev);
}
void random_normal_f64(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n, double mean, double dev) {
  normal<double>(key, first, out, n, mean, dev);
}
void random_sign_f32(std::uint64_t key, std::uint64_t first, float* out, std::int64_t n) { sign(key, first, out, n); }
void random_sign_f64(std::uint64_t key, std::uint64_t first, double* out, std::int64_t n) { sign(key, first, out, n); }

}  // namespace stein::kernels::STEIN_UNIT
