// SPDX-License-Identifier: MIT
#include "ops/detail/reduce_kernels.h"

#include "tensor/pack.h"

namespace stein::kernels::STEIN_UNIT {
namespace {

constexpr std::int64_t kBlock = 1024;

// What is summed: element i, and the pack that begins there.
template <class T>
struct Elements {
  const T* x;
  T operator[](std::int64_t i) const { return x[i]; }
  Pack<T> pack(std::int64_t i) const { return Pack<T>::load_unaligned(x + i); }
  Elements from(std::int64_t i) const { return {x + i}; }
};
template <class T>
struct Products {
  const T *x, *y;
  T operator[](std::int64_t i) const { return x[i] * y[i]; }
  Pack<T> pack(std::int64_t i) const { return Pack<T>::load_unaligned(x + i) * Pack<T>::load_unaligned(y + i); }
  Products from(std::int64_t i) const { return {x + i, y + i}; }
};

// At most kBlock elements, by 4 packs side by side; their lanes are added in halves.
template <class T, template <class> class Terms>
T sum_block(const Terms<T> x, std::int64_t n) {
  using P = Pack<T>;
  constexpr std::int64_t w = static_cast<std::int64_t>(P::size);
  T sum = T(0);
  std::int64_t i = 0;
  if (n >= w) {
    P s0(T(0)), s1(T(0)), s2(T(0)), s3(T(0));
    for (; i + 4 * w <= n; i += 4 * w) {
      s0 += x.pack(i);
      s1 += x.pack(i + w);
      s2 += x.pack(i + 2 * w);
      s3 += x.pack(i + 3 * w);
    }
    for (; i + w <= n; i += w) s0 += x.pack(i);
    T lanes[w];
    ((s0 + s1) + (s2 + s3)).store_unaligned(lanes);
    for (std::int64_t half = w / 2; half > 0; half /= 2)
      for (std::int64_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
    sum = lanes[0];
  }
  for (; i < n; ++i) sum += x[i];
  return sum;
}

// Sums of blocks are added pairwise like the carries of a binary counter, so the rounding error grows with log n. The
// order depends on n alone.
template <class T>
class PairwiseSum {
 public:
  void add(T sum) {
    std::uint64_t c = counter_++;
    int l = 0;
    for (; c & 1; c >>= 1) sum = level_[l++] + sum;
    level_[l] = sum;
  }
  T value() const {
    T total = T(0);
    for (int l = 0; counter_ >> l; ++l)
      if (counter_ >> l & 1) total += level_[l];
    return total;
  }

 private:
  T level_[64];
  std::uint64_t counter_ = 0;
};

template <class T, template <class> class Terms>
T sum_row(const Terms<T> x, std::int64_t n) {
  if (n <= kBlock) return sum_block(x, n);
  PairwiseSum<T> total;
  for (std::int64_t i = 0; i < n; i += kBlock) total.add(sum_block(x.from(i), n - i < kBlock ? n - i : kBlock));
  return total.value();
}

template <class T>
void sum_rows(const T* in, T* out, std::int64_t rows, std::int64_t n) {
  for (std::int64_t r = 0; r < rows; ++r) out[r] = sum_row(Elements<T>{in + r * n}, n);
}

// Bands of 128 rows, four rows at a time, bands added one after the other: short chains of roundings, contiguous reads.
template <class T, template <class> class Terms>
void sum_wide_columns(const Terms<T> in, T* out, std::int64_t n, std::int64_t inner) {
  constexpr std::int64_t band = 128, tile = 256;
  for (std::int64_t i = 0; i < inner; ++i) out[i] = T(0);
  for (std::int64_t i0 = 0; i0 < inner; i0 += tile) {
    const std::int64_t width = inner - i0 < tile ? inner - i0 : tile;
    T sum[tile];
    for (std::int64_t j0 = 0; j0 < n; j0 += band) {
      const std::int64_t end = n - j0 < band ? n : j0 + band;
      for (std::int64_t i = 0; i < width; ++i) sum[i] = T(0);
      Terms<T> row = in.from(j0 * inner + i0);
      std::int64_t j = j0;
      for (; j + 4 <= end; j += 4, row = row.from(4 * inner)) {
        const Terms<T> r1 = row.from(inner), r2 = r1.from(inner), r3 = r2.from(inner);
        for (std::int64_t i = 0; i < width; ++i) sum[i] += (row[i] + r1[i]) + (r2[i] + r3[i]);
      }
      for (; j < end; ++j, row = row.from(inner))
        for (std::int64_t i = 0; i < width; ++i) sum[i] += row[i];
      for (std::int64_t i = 0; i < width; ++i) out[i0 + i] += sum[i];
    }
  }
}

// Few columns: as many rows as fill 64 elements are seen as one row.
template <class T, template <class> class Terms>
void sum_columns(const Terms<T> in, T* out, std::int64_t n, std::int64_t inner) {
  const std::int64_t together = inner > 0 && inner <= 32 ? 64 / inner : 1;
  if (together == 1 || n < 4 * together) return sum_wide_columns(in, out, n, inner);
  T sum[64];
  const std::int64_t rows = n / together;
  sum_wide_columns(in, sum, rows, together * inner);
  for (std::int64_t i = 0; i < inner; ++i) {
    out[i] = sum[i];
    for (std::int64_t r = 1; r < together; ++r) out[i] += sum[r * inner + i];
    for (std::int64_t j = rows * together; j < n; ++j) out[i] += in[j * inner + i];
  }
}

}  // namespace

void sum_rows_f32(const float* in, float* out, std::int64_t rows, std::int64_t n) { sum_rows(in, out, rows, n); }
void sum_rows_f64(const double* in, double* out, std::int64_t rows, std::int64_t n) { sum_rows(in, out, rows, n); }
void sum_columns_f32(const float* in, float* out, std::int64_t n, std::int64_t inner) {
  sum_columns(Elements<float>{in}, out, n, inner);
}
void sum_columns_f64(const double* in, double* out, std::int64_t n, std::int64_t inner) {
  sum_columns(Elements<double>{in}, out, n, inner);
}

void dot_columns_f32(const float* a, const float* b, float* out, std::int64_t n, std::int64_t inner) {
  inner == 1 ? void(*out = sum_row(Products<float>{a, b}, n)) : sum_columns(Products<float>{a, b}, out, n, inner);
}
void dot_columns_f64(const double* a, const double* b, double* out, std::int64_t n, std::int64_t inner) {
  inner == 1 ? void(*out = sum_row(Products<double>{a, b}, n)) : sum_columns(Products<double>{a, b}, out, n, inner);
}

}  // namespace stein::kernels::STEIN_UNIT
