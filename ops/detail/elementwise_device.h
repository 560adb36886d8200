// SPDX-License-Identifier: MIT
// Device units only (tensor/kernel.h): a thread for each pack of elements around a functor.
#pragma once

#include <cstdint>
#include <cstring>

#include "ops/detail/elementwise_functor.h"
#include "ops/elementwise.h"
#include "tensor/kernel.h"

namespace stein::kernels::STEIN_UNIT {

using ::stein::STEIN_UNIT::aligned_for_packs;
using ::stein::STEIN_UNIT::Block;
using ::stein::STEIN_UNIT::each_pack;
using ::stein::STEIN_UNIT::kPackOf;
using ::stein::STEIN_UNIT::Pack;
using ::stein::STEIN_UNIT::threads_for;
using ::stein::STEIN_UNIT::threads_for_packs;
using ::stein::STEIN_UNIT::View;

/// An operand: elements of memory, or one number for all.
template <class T>
struct DeviceOperand {
  View<const T> elements;
  T number;
  bool is_number;

  DeviceOperand() = default;
  DeviceOperand(const ElementwiseArgs& args, int k)
      : elements(nullptr), number(), is_number(k >= args.inputs || !args.in[k]) {
    if (k >= args.inputs) return;
    if (is_number)
      std::memcpy(&number, &args.number[k], sizeof number);
    else
      elements = static_cast<const T*>(args.in[k]);
  }
  /// From element i on, or that element kCount times.
  template <int kCount>
  STEIN_KERNEL Pack<T, kCount> pack(std::int64_t i, bool repeated) const {
    if (!is_number && !repeated) return elements.template load<kCount>(i);
    const T one = is_number ? number : static_cast<T>(elements[i]);
    Pack<T, kCount> r;
    STEIN_UNROLL
    for (int k = 0; k < kCount; ++k) r.at[k] = one;
    return r;
  }
};

template <class Op, class T>
struct DeviceOperands {
  using First = std::conditional_t<Op::first_is_bool, std::uint8_t, T>;
  using Result = std::conditional_t<Op::predicate, bool, T>;
  using Places = typename detail::IndexMap<4>::Offsets;
  Op op;
  View<Result> out;
  DeviceOperand<First> a;
  DeviceOperand<T> b, c;
  DeviceOperands(const void* functor, const ElementwiseArgs& args)
      : op(*static_cast<const Op*>(functor)), out(static_cast<Result*>(args.out)), a(args, 0), b(args, 1), c(args, 2) {}

  STEIN_KERNEL Result value(First x, T y, T z) const {
    if constexpr (Op::first_is_bool)
      return op(x != 0, y, z);
    else if constexpr (Op::arity == 1)
      return op(x);
    else if constexpr (Op::arity == 2)
      return op(x, y);
    else
      return op(x, y, z);
  }
  /// kCount results, at o.at[0], from operands at o.at[1], ...; of the repeated ones one element serves them all.
  template <int kCount>
  STEIN_KERNEL void elements(const Places& o, bool repeated_a, bool repeated_b, bool repeated_c) const {
    const auto x = a.template pack<kCount>(o.at[1], repeated_a);
    Pack<T, kCount> y{}, z{};
    if constexpr (Op::arity > 1) y = b.template pack<kCount>(o.at[2], repeated_b);
    if constexpr (Op::arity > 2) z = c.template pack<kCount>(o.at[3], repeated_c);
    Pack<Result, kCount> r;
    STEIN_UNROLL
    for (int k = 0; k < kCount; ++k) r.at[k] = value(x.at[k], y.at[k], z.at[k]);
    out.store(o.at[0], r);
  }
};

/// Where every operand lies as the result does: packs, and one by one what they leave over.
template <class Op, class T>
struct ElementwiseFlat {
  static constexpr const char* name = Op::name;
  DeviceOperands<Op, T> operands;
  std::int64_t n, packs;  // no packs where an address does not allow them

  STEIN_KERNEL void operator()(Block& block) const {
    block.threads([&](int t) {
      each_pack<kPackOf<T>>(block.first(t), block.step(), n, packs, [&](auto count, std::int64_t i) {
        operands.template elements<count>({{i, i, i, i}}, false, false, false);
      });
    });
  }
};

/// Where operands are broadcast, permuted or cut, kCount elements along the innermost axis at once. I: the type of index arithmetic,
/// 32 bits where they are enough.
template <class Op, class T, class I, int kCount>
struct ElementwiseMapped {
  static constexpr const char* name = Op::name;
  DeviceOperands<Op, T> operands;
  detail::IndexMap<4> map;
  std::int64_t n;

  STEIN_KERNEL void operator()(Block& block) const {
    const bool many = kCount > 1;
    const bool a = many && map.stride[0][1] == 0, b = many && map.stride[0][2] == 0, c = many && map.stride[0][3] == 0;
    block.threads([&](int t) {
      for (auto i = static_cast<I>(block.first(t)); i < static_cast<I>(n / kCount); i += static_cast<I>(block.step()))
        operands.template elements<kCount>(map(static_cast<I>(i * kCount)), a, b, c);
    });
  }
};

/// Whether all operands have packs of `count` elements along the innermost axis, or one element for all of it: images that lie channels-last
/// beside a number for each channel, say.
inline bool packs_along_innermost(const ElementwiseArgs& args, int count) {
  const auto& m = args.map;
  if (m.rank == 0 || m.size[0] % count || m.stride[0][0] != 1) return false;
  for (int k = 0; k <= args.inputs; ++k) {
    if (k > 0 && !args.in[k - 1]) continue;
    if (k > 0 && m.stride[0][k] == 0) continue;
    bool fits = m.stride[0][k] == 1 && aligned_for_packs({k == 0 ? args.out : args.in[k - 1]});
    for (int axis = 1; axis < m.rank; ++axis) fits = fits && m.stride[axis][k] % count == 0;
    if (!fits) return false;
  }
  return true;
}

template <class Op, class T>
void launch_elementwise(const void* functor, const ElementwiseArgs& args) {
  constexpr int kCount = kPackOf<T>;
  const DeviceOperands<Op, T> operands(functor, args);
  const auto n = args.n;
  if (args.flat) {
    const auto packs = aligned_for_packs({args.out, args.in[0], args.in[1], args.in[2]}) ? n / kCount : 0;
    return launch(ElementwiseFlat<Op, T>{operands, n, packs}, threads_for_packs(n, packs));
  }
  // The last step of the loop goes past n by at most the number of threads.
  if (n >= std::int64_t{1} << 30)
    launch(ElementwiseMapped<Op, T, std::int64_t, 1>{operands, args.map, n}, threads_for(n));
  else if (packs_along_innermost(args, kCount))
    launch(ElementwiseMapped<Op, T, std::int32_t, kCount>{operands, args.map, n}, threads_for(n / kCount));
  else
    launch(ElementwiseMapped<Op, T, std::int32_t, 1>{operands, args.map, n}, threads_for(n));
}

template <class Op>
constexpr DeviceElementwise make_device_kernels() {
  DeviceElementwise k;
  if constexpr (Op::takes != Takes::booleans) {
    k.f32 = launch_elementwise<Op, float>;
    k.f64 = launch_elementwise<Op, double>;
  }
  if constexpr (Op::takes == Takes::numbers || Op::takes == Takes::everything)
    k.i64 = launch_elementwise<Op, std::int64_t>;
  if constexpr (Op::takes == Takes::everything) k.u8 = launch_elementwise<Op, std::uint8_t>;
  if constexpr (Op::takes == Takes::everything || Op::takes == Takes::booleans)
    k.boolean = launch_elementwise<Op, bool>;
  return k;
}

}  // namespace stein::kernels::STEIN_UNIT
