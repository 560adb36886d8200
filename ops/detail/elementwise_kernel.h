// SPDX-License-Identifier: MIT
// Kernel units only: the loop around a functor.
#pragma once

#include <cstdint>

#include "ops/detail/elementwise_functor.h"
#include "ops/elementwise.h"
#include "tensor/pack.h"

namespace stein::kernels::STEIN_UNIT {

// Functor on numbers; the compiler vectorises it where it can. A condition is read as a byte: g++ 12 does not vectorise
// a selection by bool.
template <class Op, class T>
void number_loop(const void* op, void* out, const void* const* in, std::int64_t n) {
  const Op f = *static_cast<const Op*>(op);
  using Result = std::conditional_t<Op::predicate, bool, T>;
  auto* r = static_cast<Result*>(out);
  const T* b = Op::arity > 1 ? static_cast<const T*>(in[1]) : nullptr;
  const T* c = Op::arity > 2 ? static_cast<const T*>(in[2]) : nullptr;
  if constexpr (Op::first_is_bool) {
    const auto* condition = static_cast<const std::uint8_t*>(in[0]);
    for (std::int64_t i = 0; i < n; ++i) r[i] = f(condition[i] != 0, b[i], c[i]);
  } else {
    const T* a = static_cast<const T*>(in[0]);
    for (std::int64_t i = 0; i < n; ++i) {
      if constexpr (Op::arity == 1)
        r[i] = f(a[i]);
      else if constexpr (Op::arity == 2)
        r[i] = f(a[i], b[i]);
      else
        r[i] = f(a[i], b[i], c[i]);
    }
  }
}

template <class Op, class T>
inline void one_pack(const Op& f, T* out, const T* a, const T* b, const T* c) {
  using P = Pack<T>;
  if constexpr (Op::arity == 1)
    f(P::load_unaligned(a)).store_unaligned(out);
  else if constexpr (Op::arity == 2)
    f(P::load_unaligned(a), P::load_unaligned(b)).store_unaligned(out);
  else
    f(P::load_unaligned(a), P::load_unaligned(b), P::load_unaligned(c)).store_unaligned(out);
}

// Functor on packs. The tail uses the pack too, padded with its own first element: an element's result does not
// depend on its position, so not on how the work was split either.
template <class Op, class T>
void pack_loop(const void* op, void* out, const void* const* in, std::int64_t n) {
  constexpr std::int64_t w = static_cast<std::int64_t>(Pack<T>::size);
  const Op f = *static_cast<const Op*>(op);
  T* r = static_cast<T*>(out);
  const T* a = static_cast<const T*>(in[0]);
  const T* b = Op::arity > 1 ? static_cast<const T*>(in[1]) : nullptr;
  const T* c = Op::arity > 2 ? static_cast<const T*>(in[2]) : nullptr;
  std::int64_t i = 0;
  for (; i + w <= n; i += w)
    one_pack<Op, T>(f, r + i, a + i, Op::arity > 1 ? b + i : nullptr, Op::arity > 2 ? c + i : nullptr);
  if (i == n) return;
  T pad[4][w];
  for (std::int64_t j = 0; j < w; ++j) {
    const std::int64_t k = i + (i + j < n ? j : 0);
    pad[0][j] = a[k];
    pad[1][j] = Op::arity > 1 ? b[k] : T(0);
    pad[2][j] = Op::arity > 2 ? c[k] : T(0);
  }
  one_pack<Op, T>(f, pad[3], pad[0], pad[1], pad[2]);
  for (std::int64_t j = 0; i + j < n; ++j) r[i + j] = pad[3][j];
}

template <class Op, class T>
constexpr ElementwiseKernel kernel_for() {
#ifdef STEIN_HAVE_XSIMD
  constexpr bool packs = true;
#else
  constexpr bool packs = false;
#endif
  if constexpr (!packs || Op::predicate || Op::numbers_only || Op::first_is_bool || std::is_integral_v<T>)
    return number_loop<Op, T>;
  else
    return pack_loop<Op, T>;
}

template <class Op>
constexpr ElementwiseKernels make_kernels() {
  ElementwiseKernels k;
  if constexpr (Op::takes != Takes::booleans) {
    k.f32 = kernel_for<Op, float>();
    k.f64 = kernel_for<Op, double>();
  }
  if constexpr (Op::takes == Takes::numbers || Op::takes == Takes::everything) k.i64 = kernel_for<Op, std::int64_t>();
  if constexpr (Op::takes == Takes::everything) k.u8 = kernel_for<Op, std::uint8_t>();
  if constexpr (Op::takes == Takes::everything || Op::takes == Takes::booleans) k.boolean = kernel_for<Op, bool>();
  return k;
}

}  // namespace stein::kernels::STEIN_UNIT
