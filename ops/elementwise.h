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
#include "tensor/detail/index_map.h"
#include "tensor/simd.h"

namespace stein {

/// One function F for each dtype; null where it is not supported.
template <class F>
struct PerDType {
  F f32 = nullptr;      ///< of float
  F f64 = nullptr;      ///< of double
  F i64 = nullptr;      ///< of int64_t
  F u8 = nullptr;       ///< of bytes
  F boolean = nullptr;  ///< of bool
};

/// A kernel on contiguous elements: out[i] = op(in[0][i], in[1][i], ...), i < n.
using ElementwiseKernel = void (*)(const void* op, void* out, const void* const* in, std::int64_t n);
/// The kernels of one op at one SIMD level.
using ElementwiseKernels = PerDType<ElementwiseKernel>;

/// What a device's kernel is given: n elements; operand 0 of the map is the result, 1 + k is input k.
struct ElementwiseArgs {
  std::int64_t n;           ///< elements of the result
  int inputs;               ///< how many
  void* out;                ///< address on the device
  const void* in[3];        ///< addresses on the device; null: a number
  std::uint64_t number[3];  ///< its bytes
  detail::IndexMap<4> map;  ///< where element i is
  bool flat;                ///< at i, in every operand
};
/// The kernels of one op on one device.
using DeviceElementwise = PerDType<void (*)(const void* op, const ElementwiseArgs& args)>;

/// Which dtypes an op takes.
enum class Takes : std::uint8_t { floating, numbers /* f32 f64 i64 */, booleans, everything };

}  // namespace stein

#if defined(STEIN_DEVICE_UNIT)
#include "ops/detail/elementwise_device.h"
#define STEIN_RULES(...)
#define STEIN_ELEMENTWISE(fn, Type)                                                            \
  namespace stein::kernels::STEIN_UNIT {                                                       \
  extern const DeviceElementwise elementwise_##fn;                                             \
  const DeviceElementwise elementwise_##fn = make_device_kernels<::stein::STEIN_UNIT::Type>(); \
  }
#define STEIN_UNARY(fn, Type, ...) STEIN_ELEMENTWISE(fn, Type)
#define STEIN_BINARY(fn, Type, ...) STEIN_ELEMENTWISE(fn, Type)
#elif defined(STEIN_UNIT_IS_KERNEL)
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
