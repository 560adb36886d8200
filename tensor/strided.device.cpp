// SPDX-License-Identifier: MIT
#include "tensor/detail/strided_device.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

template <class T>
struct StridedCopy {
  static constexpr const char* name = "strided_copy";
  View<const T> from;
  View<T> to;
  detail::IndexMap<2> map;
  std::int64_t n;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, n, [&](std::int64_t i) {
      const auto o = map(i);
      to[o.at[0]] = from[o.at[1]];
    });
  }
};

// Row by row on both sides.
template <class T>
struct Copy {
  static constexpr const char* name = "copy";
  static constexpr int kCount = 16 / sizeof(T);
  View<const T> from;
  View<T> to;
  std::int64_t n, packs;
  STEIN_KERNEL void operator()(Block& block) const {
    block.threads([&](int t) {
      each_pack<kCount>(block.first(t), block.step(), n, packs,
                        [&](auto count, std::int64_t i) { to.store(i, from.template load<count>(i)); });
    });
  }
};

template <class T>
struct StridedFill {
  static constexpr const char* name = "strided_fill";
  View<T> to;
  T value;
  detail::IndexMap<1> map;
  std::int64_t n;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, n, [&](std::int64_t i) { to[map(i).at[0]] = value; });
  }
};

template <class T>
struct Fill {
  static constexpr const char* name = "fill";
  static constexpr int kCount = 16 / sizeof(T);
  View<T> to;
  T value;
  std::int64_t n, packs;
  template <int kPack>
  STEIN_KERNEL void elements(std::int64_t i) const {
    Pack<T, kPack> r;
    STEIN_UNROLL
    for (int k = 0; k < kPack; ++k) r.at[k] = value;
    to.store(i, r);
  }
  STEIN_KERNEL void operator()(Block& block) const {
    block.threads([&](int t) {
      each_pack<kCount>(block.first(t), block.step(), n, packs,
                        [&](auto count, std::int64_t i) { elements<count>(i); });
    });
  }
};

template <int N>
bool row_by_row(const detail::IndexMap<N>& map) {
  bool r = map.rank <= 1;
  for (int k = 0; k < N; ++k) r = r && (map.rank == 0 || map.stride[0][k] == 1);
  return r;
}

// f(an unsigned integer of the element's size)
template <class F>
void by_size(int element_size, const F& f) {
  if (element_size == 8)
    f(std::uint64_t{});
  else if (element_size == 4)
    f(std::uint32_t{});
  else
    f(std::uint8_t{});
}

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

using namespace ::stein::STEIN_UNIT;

void strided_copy(const StridedCopyArgs& a) {
  by_size(a.element_size, [&](auto zero) {
    using T = decltype(zero);
    if (row_by_row(a.map)) {
      const auto packs = aligned_for_packs({a.from, a.to}) ? a.n / Copy<T>::kCount : 0;
      return launch(Copy<T>{static_cast<const T*>(a.from), static_cast<T*>(a.to), a.n, packs},
                    threads_for_packs(a.n, packs));
    }
    launch(StridedCopy<T>{static_cast<const T*>(a.from), static_cast<T*>(a.to), a.map, a.n}, threads_for(a.n));
  });
}

void strided_fill(const StridedFillArgs& a) {
  by_size(a.element_size, [&](auto zero) {
    using T = decltype(zero);
    if (row_by_row(a.map)) {
      const auto packs = aligned_for_packs({a.to}) ? a.n / Fill<T>::kCount : 0;
      return launch(Fill<T>{static_cast<T*>(a.to), static_cast<T>(a.value), a.n, packs}, threads_for_packs(a.n, packs));
    }
    launch(StridedFill<T>{static_cast<T*>(a.to), static_cast<T>(a.value), a.map, a.n}, threads_for(a.n));
  });
}

}  // namespace stein::kernels::STEIN_UNIT
