// SPDX-License-Identifier: MIT
// Elementwise ops: a functor on scalars is the whole kernel. An op file, ops/elementwise/<name>.op.h, is compiled several times:
// once for the host (STEIN_HOST: the public function, the rule, the registration) and once per SIMD level (the functor
// on packs). docs/10_extending.md walks through one.
//
//     namespace stein::STEIN_UNIT {
//     struct Softplus : Unary {
//       static constexpr const char* name = "softplus";
//       template <class T> T operator()(T x) const { return math::max(x, T(0)) + math::log1p_unit(math::exp(-math::abs(x))); }
//       STEIN_RULES(Tensor vjp0(G g, Out<0> y) const { return softplus_backward(g, y); })
//     };
//     }
//     STEIN_UNARY(softplus, Softplus, .formula = "log(1 + e^x)", .domain = {-4, 4},
//                 .reference = [](long double x) { return std::log1p(std::exp(x)); })
//
// An op with attributes (leaky_relu) or three operands (where) uses STEIN_ELEMENTWISE, which only ties the functor to its
// kernels, and writes its public function and its registration under #if defined(STEIN_HOST).
#pragma once

#include <cstdint>

#include "ops/math.h"
#include "tensor/simd.h"

namespace stein {

/// A kernel on contiguous elements: out[i] = op(in[0][i], in[1][i], ...), i < n.
using ElementwiseKernel = void (*)(const void* op, void* out, const void* const* in, std::int64_t n);

/// The kernels of one op at one SIMD level; null where the dtype is not supported.
struct ElementwiseKernels {
  ElementwiseKernel f32 = nullptr;      ///< of float
  ElementwiseKernel f64 = nullptr;      ///< of double
  ElementwiseKernel i64 = nullptr;      ///< of int64_t
  ElementwiseKernel u8 = nullptr;       ///< of bytes
  ElementwiseKernel boolean = nullptr;  ///< of bool
};

/// Which dtypes an op takes.
enum class Takes : std::uint8_t { floating, numbers /* f32 f64 i64 */, booleans, everything };

}  // namespace stein

#ifdef STEIN_UNIT_IS_KERNEL
#include "ops/detail/elementwise_kernel.h"
#define STEIN_RULES(...)
#define STEIN_ELEMENTWISE(fn, Type)                                                      \
  namespace stein::kernels::STEIN_UNIT {                                                 \
  extern const ElementwiseKernels elementwise_##fn;                                      \
  const ElementwiseKernels elementwise_##fn = make_kernels<::stein::STEIN_UNIT::Type>(); \
  }
#define STEIN_UNARY(fn, Type, ...) STEIN_ELEMENTWISE(fn, Type)
#define STEIN_BINARY(fn, Type, ...) STEIN_ELEMENTWISE(fn, Type)
#else
#include "ops/detail/elementwise_host.h"
#define STEIN_RULES(...) __VA_ARGS__
#endif
