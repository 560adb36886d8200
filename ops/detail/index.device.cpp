// SPDX-License-Identifier: MIT
#include "ops/detail/axis_device.h"
#include "tensor/detail/index_fault.h"
#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

// Shared by both directions: which row of `n` stands at place (o, j, c) of the index; -1, and a note for the host, where that is
// none of them.
struct Places {
  using Fault = ::stein::detail::IndexFault;
  View<const std::int64_t> index;
  View<std::int64_t> fault;
  std::int64_t n, m, inner, index_outer;
  bool whole, adding;
  STEIN_KERNEL std::int64_t operator()(std::int64_t o, std::int64_t j, std::int64_t c) const {
    const auto position = whole ? j : (o % index_outer * m + j) * inner + c;
    const std::int64_t k = index[position];
    if (k >= 0 && k < n) return k;
    if (fault.claim(Fault::claimed)) {
      fault[Fault::op] =
          adding ? (whole ? Fault::index_add : Fault::scatter_add) : (whole ? Fault::index_select : Fault::gather);
      fault[Fault::value] = k;
      fault[Fault::position] = position;
      fault[Fault::size] = n;
    }
    return -1;
  }
};

template <class T>
struct Gather {
  static constexpr const char* name = "gather";
  View<const T> from;
  View<T> to;
  Places places;
  std::int64_t outer;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto n = places.n, m = places.m, inner = places.inner;
    each_element(block, outer * m * inner, [&](std::int64_t i) {
      const auto c = i % inner, j = i / inner % m, o = i / inner / m, k = places(o, j, c);
      if (k < 0)
        to[i] = T(0);
      else
        to[i] = from[(o * n + k) * inner + c];
    });
  }
};

// A thread for each lane (o, c) adds in the order of j: the result does not depend on the order of threads.
template <class T>
struct Add {
  static constexpr const char* name = "scatter_add";
  View<const T> from;
  View<T> to;
  Places places;
  std::int64_t outer;
  STEIN_KERNEL void operator()(Block& block) const {
    const auto n = places.n, m = places.m, inner = places.inner;
    each_element(block, outer * inner, [&](std::int64_t lane) {
      const auto c = lane % inner, o = lane / inner;
      for (std::int64_t k = 0; k < n; ++k) to[(o * n + k) * inner + c] = T(0);
      for (std::int64_t j = 0; j < m; ++j) {
        const auto k = places(o, j, c);
        if (k >= 0) to[(o * n + k) * inner + c] += from[(o * m + j) * inner + c];
      }
    });
  }
};

template <class T>
struct Triangle {
  static constexpr const char* name = "triangle";
  View<T> data;
  std::int64_t offset, numel, rows, columns;
  bool upper;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, numel, [&](std::int64_t i) {
      const auto above = i % columns - i / columns % rows - offset;  // by so much above the diagonal
      if (upper ? above < 0 : above > 0) data[i] = T(0);
    });
  }
};

template <class From, class To>
struct Cast {
  static constexpr const char* name = "cast";
  View<const From> from;
  View<To> to;
  std::int64_t n;
  STEIN_KERNEL void operator()(Block& block) const {
    each_element(block, n, [&](std::int64_t i) { to[i] = static_cast<To>(static_cast<From>(from[i])); });
  }
};

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

using namespace ::stein::STEIN_UNIT;

void device_index(const IndexArgs& a) {
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Places places{a.index, a.fault, a.n, a.m, a.inner, a.index_outer, a.whole, a.adding};
    const auto* from = static_cast<const T*>(a.from);
    auto* to = static_cast<T*>(a.to);
    if (!a.adding)
      launch(Gather<T>{from, to, places, a.outer}, threads_for(a.outer * a.m * a.inner));
    else if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, std::uint8_t>)
      launch(Add<T>{from, to, places, a.outer}, threads_for(a.outer * a.inner));
  });
}

void device_triangle(const TriangleArgs& a) {
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto numel = a.count * a.rows * a.columns;
    launch(Triangle<T>{static_cast<T*>(a.data), a.offset, numel, a.rows, a.columns, a.upper}, threads_for(numel));
  });
}

void device_cast(const CastArgs& a) {
  visit_dtype(a.from_dtype, [&](auto from_tag) {
    visit_dtype(a.to_dtype, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      launch(Cast<From, To>{static_cast<const From*>(a.from), static_cast<To*>(a.to), a.n}, threads_for(a.n));
    });
  });
}

}  // namespace stein::kernels::STEIN_UNIT
