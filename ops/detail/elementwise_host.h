// SPDX-License-Identifier: MIT
// Host units: what turns an elementwise functor into a recorded op.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "autograd/rule.h"
#include "ops/ops.h"
#include "ops/registry.h"

namespace stein {

namespace host {

struct ElementwiseBase : ::stein::ElementwiseBase {
  static constexpr Takes takes = Takes::floating;
  static constexpr bool predicate = false;
  static constexpr bool numbers_only = false;
  static constexpr bool first_is_bool = false;
};
struct Unary : ElementwiseBase {
  static constexpr int arity = 1;
};
struct Binary : ElementwiseBase {
  static constexpr int arity = 2;
};
struct Ternary : ElementwiseBase {
  static constexpr int arity = 3;
};

}  // namespace host

namespace detail {

struct ElementwiseTraits {
  const char* name;
  bool predicate, first_is_bool;
};
/// The kernels of one op everywhere.
struct ElementwiseTable {
  PerLevel<const ElementwiseKernels*> cpu;
  const DeviceElementwise *sim, *cuda;  // null: not in this build
};
/// Runs a kernel over broadcast operands; the result takes the layout of a channels-last operand. Numbers of the cpu (rank 0) join
/// operands of any device.
Tensor run_elementwise(const ElementwiseTraits& traits, const ElementwiseTable& table, const void* op,
                       std::span<const Tensor* const> inputs);

/// first = op(first, second) in place, where both are floating, alike in dtype and shape and lie alike without gaps;
/// else returns false and does nothing.
bool run_elementwise_onto(const ElementwiseTable& table, const void* op, Tensor& first, const Tensor& second);

/// An axis (negative, in the broadcast shape) of size > 1 along which every operand is the same: has size 1, is
/// missing, or is expanded (stride 0), the last at least once. 0 when there is none.
int shared_axis(std::span<const Tensor* const> inputs);
/// The operand's first slice along `axis` (negative), kept as size 1, where it has that axis with size > 1.
Tensor first_slice(const Tensor& t, int axis);
Tensor expand_axis(const Tensor& t, int axis, std::int64_t size);
std::int64_t common_size(std::span<const Tensor* const> inputs, int axis);

}  // namespace detail

/// Runs an elementwise functor; autograd's record() finds this overload.
template <class T, class... I>
requires std::is_base_of_v<ElementwiseBase, T> &&(sizeof...(I) == T::arity) Tensor
    run(const T& op, const I&... inputs) {
  const Tensor* in[] = {&inputs...};
  return detail::run_elementwise({T::name, T::predicate, T::first_is_bool}, kernels_of(&op), &op, in);
}

/// Applies and records an elementwise op. Operands that are all the same along an axis are computed once and expanded.
template <class T, class... I>
Tensor elementwise(const T& op, const I&... inputs) {
  const Tensor* in[] = {&inputs...};
  if (const int axis = detail::shared_axis(in)) {
    const auto size = detail::common_size(in, axis);
    return detail::expand_axis(elementwise(op, detail::first_slice(inputs, axis)...), axis, size);
  }
  return record(op, inputs...);
}

}  // namespace stein

#if defined(STEIN_LEVELS_X86)
#define STEIN_ELEMENTWISE_LEVELS(fn) \
  { &kernels::v2::elementwise_##fn, &kernels::v3::elementwise_##fn, &kernels::v4::elementwise_##fn }
#define STEIN_ELEMENTWISE_EXTERN(fn)                \
  namespace stein::kernels::v2 {                    \
  extern const ElementwiseKernels elementwise_##fn; \
  }                                                 \
  namespace stein::kernels::v3 {                    \
  extern const ElementwiseKernels elementwise_##fn; \
  }                                                 \
  namespace stein::kernels::v4 {                    \
  extern const ElementwiseKernels elementwise_##fn; \
  }
#else
#define STEIN_ELEMENTWISE_LEVELS(fn) \
  { &kernels::generic::elementwise_##fn }
#define STEIN_ELEMENTWISE_EXTERN(fn)                \
  namespace stein::kernels::generic {               \
  extern const ElementwiseKernels elementwise_##fn; \
  }
#endif

#ifdef STEIN_HAVE_CUDA
#define STEIN_ELEMENTWISE_CUDA(fn) &kernels::cuda::elementwise_##fn
#else
#define STEIN_ELEMENTWISE_CUDA(fn) nullptr
#endif

/// Ties functor `Type` to its kernels, which the kernel units define under the name `fn`.
#define STEIN_ELEMENTWISE(fn, Type)                                                                 \
  STEIN_ELEMENTWISE_EXTERN(fn)                                                                      \
  namespace stein::kernels::sim {                                                                   \
  extern const DeviceElementwise elementwise_##fn;                                                  \
  }                                                                                                 \
  namespace stein::kernels::cuda {                                                                  \
  extern const DeviceElementwise elementwise_##fn;                                                  \
  }                                                                                                 \
  namespace stein::host {                                                                           \
  inline const stein::detail::ElementwiseTable& kernels_of(const Type*) {                           \
    static constexpr stein::detail::ElementwiseTable table{                                         \
        STEIN_ELEMENTWISE_LEVELS(fn), &kernels::sim::elementwise_##fn, STEIN_ELEMENTWISE_CUDA(fn)}; \
    return table;                                                                                   \
  }                                                                                                 \
  }

/// The public function of one tensor and its registration; the rest are fields of UnaryInfo.
#define STEIN_UNARY(fn, Type, ...)                                           \
  STEIN_ELEMENTWISE(fn, Type)                                                \
  namespace stein {                                                          \
  Tensor fn(const Tensor& x) { return elementwise(host::Type{}, x); }        \
  void register_##fn(OpRegistry& r) {                                        \
    r.add_unary(                                                             \
        #fn, [](const Tensor& x) { return fn(x); }, UnaryInfo{__VA_ARGS__}); \
  }                                                                          \
  }

/// The same for two tensors, with BinaryInfo.
#define STEIN_BINARY(fn, Type, ...)                                                               \
  STEIN_ELEMENTWISE(fn, Type)                                                                     \
  namespace stein {                                                                               \
  Tensor fn(const Tensor& a, const Tensor& b) { return elementwise(host::Type{}, a, b); }         \
  void register_##fn(OpRegistry& r) {                                                             \
    r.add_binary(                                                                                 \
        #fn, [](const Tensor& a, const Tensor& b) { return fn(a, b); }, BinaryInfo{__VA_ARGS__}); \
  }                                                                                               \
  }
