// SPDX-License-Identifier: MIT
// What the kernels over planes share. A period is a stretch of memory after which both channels and vectors repeat: c elements
// when whole vectors hold c, otherwise c vectors; taken several times where that is less than four vectors. Coefficients are laid
// out once for a period, and all loops run over vectors of periods.
//
// Sums: vectors add up to kBlock periods, whose totals are added in double; with the block sums the error grows like
// kBlock + pixels / 2^29 and not like pixels.
#pragma once

#include "ops/detail/kernel_vec.h"

namespace stein::kernels::STEIN_UNIT {

inline constexpr int64_t kBlock = 32;

template <class T>
int64_t period(int64_t c) {
  int64_t length = c % kLanes<T> == 0 ? c : c * kLanes<T>;
  while (length > 0 && length < 4 * kLanes<T>) length *= 2;
  return length;
}

/// Values of the channels, repeated over a period.
template <class T>
void repeat(const T* values, int64_t c, int64_t length, T* to) {
  for (int64_t i = 0; i < length; i += c)
    for (int64_t k = 0; k < c; ++k) to[i + k] = values[k];
}

/// The cotangent g of ELU's result y, before ELU.
template <class T>
STEIN_INLINE Vec<T> before_elu(Vec<T> g, Vec<T> y) {
  return y <= Vec<T>{} ? g * (y + T(1)) : g;
}
template <class T>
STEIN_INLINE T before_elu_one(T g, T y) {
  return y <= T(0) ? g * (y + T(1)) : g;
}

enum class Term {
  kX,         // x
  kSquare,    // (x - center)^2
  kPair,      // x, and x * (y - center)
  kGatedPair  // the same of x before an ELU whose result is gate
};
constexpr bool is_pair(Term term) { return term == Term::kPair || term == Term::kGatedPair; }

template <class T>
struct Source {
  const T *x, *y, *gate, *center;  // center holds a period
  Source at(int64_t i) const { return {x + i, y + i, gate + i, center}; }
};

/// totals[i] += the terms of `periods` periods at positions [i, i + V vectors); the second of a pair goes to products.
template <class T, Term kTerm, int V>
void add_columns(const Source<T>& s, int64_t i, int64_t periods, int64_t length, double* totals, double* products) {
  constexpr int W = kLanes<T>;
  constexpr bool kPair = is_pair(kTerm);
  Vec<T> acc[V], product[V], mid[V];
  STEIN_UNROLL
  for (int v = 0; v < V; ++v) {
    acc[v] = product[v] = Vec<T>{};
    mid[v] = kTerm == Term::kX ? Vec<T>{} : load(s.center + i + v * W);
  }
  for (int64_t p = 0; p < periods; ++p) {
    STEIN_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t at = p * length + i + v * W;
      Vec<T> x = load(s.x + at);
      if constexpr (kTerm == Term::kSquare) x = (x - mid[v]) * (x - mid[v]);
      if constexpr (kTerm == Term::kGatedPair) x = before_elu<T>(x, load(s.gate + at));
      acc[v] += x;
      if constexpr (kPair) product[v] += x * (load(s.y + at) - mid[v]);
    }
  }
  STEIN_UNROLL
  for (int v = 0; v < V; ++v)
    for (int l = 0; l < W; ++l) {
      totals[i + v * W + l] += static_cast<double>(acc[v][l]);
      if constexpr (kPair) products[i + v * W + l] += static_cast<double>(product[v][l]);
    }
}

/// Sums over the plane of each channel. totals, and products of a pair, have room for a period.
template <class T, Term kTerm>
void plane_totals(const Source<T>& s, int64_t pixels, int64_t c, double* totals, double* products) {
  constexpr int W = kLanes<T>;
  constexpr bool kPair = is_pair(kTerm);
  if (c == 0) return;
  const int64_t length = period<T>(c), periods = pixels * c / length;
  for (int64_t i = 0; i < length; ++i) totals[i] = 0;
  for (int64_t i = 0; kPair && i < length; ++i) products[i] = 0;
  for (int64_t p = 0; p < periods; p += kBlock) {
    const int64_t count = min_of(kBlock, periods - p);
    const Source<T> block = s.at(p * length);
    for (int64_t i = 0; i + 4 * W <= length; i += 4 * W)
      add_columns<T, kTerm, 4>(block, i, count, length, totals, products);
    for (int64_t i = length / (4 * W) * (4 * W); i < length; i += W)
      add_columns<T, kTerm, 1>(block, i, count, length, totals, products);
  }
  for (int64_t i = periods * length; i < pixels * c; ++i) {
    const int64_t k = i - periods * length;
    T x = s.x[i];
    if constexpr (kTerm == Term::kSquare) x = (x - s.center[k]) * (x - s.center[k]);
    if constexpr (kTerm == Term::kGatedPair) x = before_elu_one(x, s.gate[i]);
    totals[k] += static_cast<double>(x);
    if constexpr (kPair) products[k] += static_cast<double>(x * (s.y[i] - s.center[k]));
  }
  for (int64_t i = c; i < length; ++i) {
    totals[i % c] += totals[i];
    if constexpr (kPair) products[i % c] += products[i];
  }
}

/// Scratch memory: kSums rows of sums over a period, kChannels of channels, in double; kCoefficients over a period.
template <class T>
struct Rows {
  static constexpr int kSums = 5, kChannels = 4, kCoefficients = 5;
  Rows(void* scratch, int64_t length) {
    double* first = static_cast<double*>(scratch);
    for (double*& row : sums) row = first, first += length;
    for (double*& row : channels) row = first, first += length;
    T* values = reinterpret_cast<T*>(first);
    for (T*& row : coefficient) row = values, values += length;
  }
  static int64_t bytes(int64_t c) {
    return round_up(period<T>(c) * (8 * (kSums + kChannels) + static_cast<int64_t>(sizeof(T)) * kCoefficients), 64);
  }
  double *sums[kSums], *channels[kChannels];
  T* coefficient[kCoefficients];
};

#define STEIN_INLINE_LAMBDA __attribute__((always_inline))

/// f(memory position, period position, lanes) for all vectors of a plane.
template <class T, class F>
STEIN_INLINE void each_vector(int64_t size, int64_t length, F f) {
  constexpr int W = kLanes<T>;
  int64_t start = 0;
  for (; length > 0 && start + length <= size; start += length)
    for (int64_t i = 0; i < length; i += W) f(start + i, i, static_cast<int64_t>(W));
  for (int64_t i = 0; start + i < size; i += W) f(start + i, i, min_of<int64_t>(W, size - start - i));
}
template <class T>
STEIN_INLINE Vec<T> load_lanes(const T* p, int64_t lanes) {
  return lanes == kLanes<T> ? load(p) : load_n(p, lanes);
}
template <class T>
STEIN_INLINE void store_lanes(T* p, Vec<T> v, int64_t lanes) {
  lanes == kLanes<T> ? store(p, v) : store_n(p, v, lanes);
}

/// Asks for memory of the next image while this one is computed. A hint: addresses past the end do no harm.
STEIN_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 2); }

/// out = a x + b (y - center) + offset, with coefficients b, center, offset, a; x before an ELU whose result is gate.
template <class T, bool kGated>
void affine_plane(const Source<T>& s, T* const* coefficient, int64_t size, int64_t length, T* out) {
  each_vector<T>(size, length, [&](int64_t at, int64_t i, int64_t lanes) STEIN_INLINE_LAMBDA {
    Vec<T> x = load_lanes(s.x + at, lanes);
    if constexpr (kGated) x = before_elu<T>(x, load_lanes(s.gate + at, lanes));
    const Vec<T> d = load_lanes(s.y + at, lanes) - load(coefficient[1] + i);
    const Vec<T> v = load(coefficient[3] + i) * x + load(coefficient[0] + i) * d;
    store_lanes(out + at, v + load(coefficient[2] + i), lanes);
    if constexpr (kGated) prefetch(s.gate + size + at);
    prefetch(s.x + size + at);
    prefetch(s.y + size + at);
  });
}

}  // namespace stein::kernels::STEIN_UNIT
