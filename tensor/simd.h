// SPDX-License-Identifier: MIT
// SIMD levels. Files named *.simd.cpp and the elementwise kernels are compiled once per level, each in a namespace named
// by STEIN_UNIT; at start the best level of this CPU is chosen (STEIN_SIMD=v2|v3|v4 forces one).
//
// A header declares a kernel for all levels and a function that picks one:
//     STEIN_SIMD_KERNEL(row_sum_f32, float(const float* x, std::int64_t n))
//     ... kernels::row_sum_f32()(x, n)       // host side
// A unit defines it inside `namespace stein::kernels::STEIN_UNIT { float row_sum_f32(const float* x, std::int64_t n) {...} }`.
// Units share no inline code with other units: the linker could pick the AVX-512 copy of a shared inline function for
// everybody (the test simd_symbols looks for that).
#pragma once

#include <cstdint>
#include <type_traits>

#if defined(STEIN_UNIT) && !defined(STEIN_HOST)
#define STEIN_UNIT_IS_KERNEL 1
#endif

#if defined(STEIN_LEVELS_X86)
#define STEIN_EACH_LEVEL(X) X(v2) X(v3) X(v4)
#else
#define STEIN_EACH_LEVEL(X) X(generic)
#endif

namespace stein {

/// X86-64 levels v2 (SSE4.2), v3 (AVX2), v4 (AVX-512); generic on other machines.
enum class SimdLevel : std::uint8_t { v2, v3, v4, generic };

/// The level in use. Chosen once, from the CPU and STEIN_SIMD.
SimdLevel simd_level();
/// The best level of this CPU.
SimdLevel best_simd_level();
/// Forces a level, for tests. Throws Error when the CPU does not have it.
void set_simd_level(SimdLevel level);
const char* name_of(SimdLevel level);  ///< "v2", "v3", "v4" or "generic"
/// Reads "v2", "v3", "v4" or "generic". Throws Error otherwise.
SimdLevel parse_simd_level(const char* text);

namespace detail {
extern SimdLevel current_simd_level;
}

/// One of several kernels of the same signature, by level.
template <class F>
struct PerLevel {
#if defined(STEIN_LEVELS_X86)
  /// The kernels, one per level.
  F v2;  ///< at least SSE4.2
  F v3;  ///< AVX2 and FMA
  F v4;  ///< AVX-512
  /// That of the level in use.
  const F& get() const {
    switch (detail::current_simd_level) {
      case SimdLevel::v4:
        return v4;
      case SimdLevel::v3:
        return v3;
      default:
        return v2;
    }
  }
#else
  F generic;  ///< the only one
  const F& get() const { return generic; }
#endif
};

}  // namespace stein

#define STEIN_SIMD_DECLARE_V2(name, ...)  \
  namespace stein::kernels::v2 {          \
  std::type_identity_t<__VA_ARGS__> name; \
  }
#define STEIN_SIMD_DECLARE_V3(name, ...)  \
  namespace stein::kernels::v3 {          \
  std::type_identity_t<__VA_ARGS__> name; \
  }
#define STEIN_SIMD_DECLARE_V4(name, ...)  \
  namespace stein::kernels::v4 {          \
  std::type_identity_t<__VA_ARGS__> name; \
  }
#define STEIN_SIMD_DECLARE_GENERIC(name, ...) \
  namespace stein::kernels::generic {         \
  std::type_identity_t<__VA_ARGS__> name;     \
  }

#if defined(STEIN_LEVELS_X86)
#define STEIN_SIMD_LEVELS_OF(name) \
  { v2::name, v3::name, v4::name }
#define STEIN_SIMD_DECLARE(name, ...)      \
  STEIN_SIMD_DECLARE_V2(name, __VA_ARGS__) \
  STEIN_SIMD_DECLARE_V3(name, __VA_ARGS__) \
  STEIN_SIMD_DECLARE_V4(name, __VA_ARGS__)
#else
#define STEIN_SIMD_LEVELS_OF(name) \
  { generic::name }
#define STEIN_SIMD_DECLARE(name, ...) STEIN_SIMD_DECLARE_GENERIC(name, __VA_ARGS__)
#endif

#ifdef STEIN_UNIT_IS_KERNEL
// In a kernel unit only the declarations: the picking function belongs to the host.
#define STEIN_SIMD_KERNEL(name, ...) STEIN_SIMD_DECLARE(name, __VA_ARGS__)
#else
#define STEIN_SIMD_KERNEL(name, ...)                                                                 \
  STEIN_SIMD_DECLARE(name, __VA_ARGS__)                                                              \
  namespace stein::kernels {                                                                         \
  inline auto name() {                                                                               \
    static constexpr PerLevel<std::type_identity_t<__VA_ARGS__>*> levels STEIN_SIMD_LEVELS_OF(name); \
    return levels.get();                                                                             \
  }                                                                                                  \
  }
#endif
