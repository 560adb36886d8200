// SPDX-License-Identifier: MIT
#include <limits>

#include "ops/detail/axis_device.h"
#include "ops/detail/column_blocks.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

template <class T>
STEIN_KERNEL bool is_nan(T v) {
  return v != v;
}

struct Larger {
  template <class T>
  STEIN_KERNEL T operator()(T a, T b) const {
    return is_nan(a) || (!is_nan(b) && a >= b) ? a : b;
  }
};
struct Smaller {
  template <class T>
  STEIN_KERNEL T operator()(T a, T b) const {
    return is_nan(a) || (!is_nan(b) && a <= b) ? a : b;
  }
};
struct Or {
  STEIN_KERNEL bool operator()(bool a, bool b) const { return a || b; }
};
struct And {
  STEIN_KERNEL bool operator()(bool a, bool b) const { return a && b; }
};

// Packs of elements, or of products of two.
template <class T, bool kProduct>
struct Terms {
  View<const T> in, second;
  template <int kPack>
  STEIN_KERNEL Pack<T, kPack> load(std::int64_t i) const {
    auto r = in.template load<kPack>(i);
    if constexpr (kProduct) {
      const auto other = second.template load<kPack>(i);
      STEIN_UNROLL
      for (int k = 0; k < kPack; ++k) r.at[k] *= other.at[k];
    }
    return r;
  }
};

// A row of in (rows, n) is cut into `parts` ranges; a block for each: its threads take every so many packs, then combine.
template <class T, class Op, bool kProduct, int kPack>
struct ReduceRows {
  static constexpr const char* name = "reduce_rows";
  Terms<T, kProduct> in;
  View<T> out;
  T neutral;
  std::int64_t rows, n, parts, part;  // part: elements of a range, a multiple of kPack
  STEIN_KERNEL void operator()(Block& block) const {
    for (auto work = block.index(); work < rows * parts; work += block.count()) {
      const auto start = work / parts * n, first = work % parts * part, end = first + part < n ? first + part : n;
      auto mine = block.template local<T>(neutral);
      block.threads([&](int t) {
        auto j = first + t * kPack;
        T sum = neutral;
        STEIN_FOUR_AT_ONCE
        for (; j + kPack <= end; j += block.size() * kPack) {
          const auto v = in.template load<kPack>(start + j);
          STEIN_UNROLL
          for (int k = 0; k < kPack; ++k) sum = Op{}(sum, v.at[k]);
        }
        for (; j < end; ++j)
          sum = Op{}(sum, in.template load<1>(start + j).at[0]);  // one thread alone has what is left
        mine[t] = sum;
      });
      const T all = combine(block, mine, neutral, Op{});
      block.phase([&](int t) {
        if (t == 0) out[work] = all;
      });
    }
  }
};

// A block for each group of columns and range of rows: in (outer, n, inner) -> out (outer, parts, inner).
template <class T, class Op, bool kProduct, int kPack>
struct ReduceColumns {
  static constexpr const char* name = "reduce_columns";
  ColumnBlocks at;
  Terms<T, kProduct> in;
  View<T> out;
  T neutral;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto walk = [&](T* mine, const ColumnBlocks::Range& range, std::int64_t column, std::int64_t row, int step) {
      STEIN_FOUR_AT_ONCE
      for (; row < range.end; row += step) {
        const auto v = in.template load<kPack>((range.matrix * at.rows + row) * at.columns + column);
        STEIN_UNROLL
        for (int k = 0; k < kPack; ++k) mine[k] = Op{}(mine[k], v.at[k]);
      }
    };
    fold_columns<kPack>(block, at, neutral, Op{}, walk,
                        [&](const ColumnBlocks::Range& range, std::int64_t column, T all) {
                          out[(range.matrix * at.parts + range.part) * at.columns + column] = all;
                        });
  }
};

// A thread for each element of the result, where there are many of them or the axis is short: in (outer, n, inner) -> out (outer, inner).
template <class T, class Op, bool kProduct>
struct ReduceLanes {
  static constexpr const char* name = "reduce_lanes";
  Terms<T, kProduct> in;
  View<T> out;
  T neutral;
  std::int64_t outer, n, inner;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, outer * inner, [&](std::int64_t i) {
      const auto start = i / inner * n * inner + i % inner;
      T all = neutral;
      for (std::int64_t j = 0; j < n; ++j) all = Op{}(all, in.template load<1>(start + j * inner).at[0]);
      out[i] = all;
    });
  }
};

// in (outer, n, inner) -> out (outer, parts, inner)
template <class T, class Op, bool kProduct>
void reduce_once(const T* in, const T* second, T* out, T neutral, std::int64_t outer, std::int64_t n,
                 std::int64_t inner, std::int64_t parts) {
  const Terms<T, kProduct> terms{in, second};
  const auto part = ((n + parts - 1) / parts + 3) / 4 * 4;
  if (inner == 1 && n >= 32) {
    const Grid grid{outer * parts < 65536 ? outer * parts : 65536, part >= 256 ? 256 : 32};
    const auto run = [&](auto pack) {
      launch(ReduceRows<T, Op, kProduct, pack>{terms, out, neutral, outer, n, parts, part}, grid);
    };
    const bool packs = (outer == 1 || n % kPackOf<T> == 0) && aligned_for_packs({in, second});
    return packs ? run(std::integral_constant<int, kPackOf<T>>{}) : run(std::integral_constant<int, 1>{});
  }
  if (parts == 1 && (n < 64 || (inner >= 32 && outer * inner >= 65536)))
    return launch(ReduceLanes<T, Op, kProduct>{terms, out, neutral, outer, n, inner}, threads_for(outer * inner));
  auto at = column_blocks<T>(outer, n, inner, {in, second});
  at.parts = parts;
  at.part = part;
  by_pack<T>(at, [&](auto pack) { launch(ReduceColumns<T, Op, kProduct, pack>{at, terms, out, neutral}, at.grid()); });
}

template <class T, class Op, bool kProduct = false>
void reduce(const kernels::ReduceArgs& a, T neutral) {
  const auto *in = static_cast<const T*>(a.in), *second = static_cast<const T*>(a.second);
  auto *out = static_cast<T*>(a.out), *partial = static_cast<T*>(a.partial);
  reduce_once<T, Op, kProduct>(in, second, a.parts == 1 ? out : partial, neutral, a.outer, a.n, a.inner, a.parts);
  if (a.parts > 1) reduce_once<T, Op, false>(partial, nullptr, out, neutral, a.outer, a.parts, a.inner, 1);
}

template <class T>
constexpr T lowest() {
  return std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
}
template <class T>
constexpr T highest() {
  return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
}

template <class T>
struct Cumsum {
  static constexpr const char* name = "cumsum";
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
  View<const T> in;
  View<T> out;
  std::int64_t lanes, n, inner;
  bool from_last;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, lanes, [&](std::int64_t lane) {
      const auto start = lane / inner * n * inner + lane % inner;
      Sum sum = 0;
      for (std::int64_t k = 0; k < n; ++k) {
        const auto i = start + (from_last ? n - 1 - k : k) * inner;
        sum += static_cast<Sum>(in[i]);
        out[i] = static_cast<T>(sum);
      }
    });
  }
};

template <class T>
struct Best {
  static constexpr const char* name = "best";
  View<const T> in;
  View<T> out;
  View<std::int64_t> at;
  std::int64_t lanes, n, inner;
  bool largest;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, lanes, [&](std::int64_t lane) {
      const auto start = lane / inner * n * inner + lane % inner;
      T best = in[start];
      std::int64_t place = 0;
      for (std::int64_t j = 1; j < n && !is_nan(best); ++j) {
        const T v = in[start + j * inner];
        if ((largest ? v > best : v < best) || is_nan(v)) best = v, place = j;
      }
      out[lane] = best;
      at[lane] = place;
    });
  }
};

// Every element counts those that come before it: that is its place.
template <class T>
struct Sort {
  static constexpr const char* name = "sort";
  View<const T> in;
  View<T> out;
  View<std::int64_t> at;
  std::int64_t numel, n, inner;
  bool descending;
  STEIN_KERNEL bool less(T a, T b) const { return a < b || (is_nan(b) && !is_nan(a)); }
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, numel, [&](std::int64_t i) {
      const auto start = i / (n * inner) * n * inner + i % inner, j = i / inner % n;
      const T mine = in[i];
      std::int64_t place = 0;
      for (std::int64_t k = 0; k < n; ++k) {
        const T other = in[start + k * inner];
        const bool before = descending ? less(mine, other) : less(other, mine),
                   after = descending ? less(other, mine) : less(mine, other);
        place += before || (!after && k < j);
      }
      out[start + place * inner] = mine;
      at[start + place * inner] = j;
    });
  }
};

// For a dtype of numbers: f32, f64 or i64.
template <class F>
void by_number(DType dtype, const F& f) {
  if (dtype == f32)
    f(float{});
  else if (dtype == f64)
    f(double{});
  else
    f(std::int64_t{});
}

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

using namespace ::stein::STEIN_UNIT;

void device_reduce(const ReduceArgs& a) {
  if (a.dtype == boolean)
    return a.what == Reduction::any || a.what == Reduction::largest ? reduce<bool, Or>(a, false)
                                                                    : reduce<bool, And>(a, true);
  const auto extreme = [&](auto zero) {
    using T = decltype(zero);
    a.what == Reduction::largest ? reduce<T, Larger>(a, lowest<T>()) : reduce<T, Smaller>(a, highest<T>());
  };
  if (a.dtype == u8) return extreme(std::uint8_t{});
  by_number(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (a.what == Reduction::sum)
      reduce<T, Plus>(a, T(0));
    else if (a.what == Reduction::product_sum)
      reduce<T, Plus, true>(a, T(0));
    else
      extreme(zero);
  });
}

void device_cumsum(const CumsumArgs& a) {
  by_number(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(Cumsum<T>{static_cast<const T*>(a.in), static_cast<T*>(a.out), a.outer * a.inner, a.n, a.inner, a.from_last},
           threads_for(a.outer * a.inner));
  });
}

void device_best(const BestArgs& a) {
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(
        Best<T>{static_cast<const T*>(a.in), static_cast<T*>(a.out), a.at, a.outer * a.inner, a.n, a.inner, a.largest},
        threads_for(a.outer * a.inner));
  });
}

void device_sort(const SortArgs& a) {
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto numel = a.outer * a.n * a.inner;
    launch(Sort<T>{static_cast<const T*>(a.in), static_cast<T*>(a.out), a.at, numel, a.n, a.inner, a.descending},
           threads_for(numel));
  });
}

}  // namespace stein::kernels::STEIN_UNIT
