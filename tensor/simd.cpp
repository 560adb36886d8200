// SPDX-License-Identifier: MIT
#include "tensor/simd.h"

#include <cstdlib>
#include <string>

#include "tensor/error.h"

namespace stein {

SimdLevel best_simd_level() {
#if defined(STEIN_LEVELS_X86)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    return SimdLevel::v4;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return SimdLevel::v3;
  return SimdLevel::v2;
#else
  return SimdLevel::generic;
#endif
}

const char* name_of(SimdLevel level) {
  static const char* const names[] = {"v2", "v3", "v4", "generic"};
  return names[static_cast<int>(level)];
}

SimdLevel parse_simd_level(const char* text) {
  for (auto level : {SimdLevel::v2, SimdLevel::v3, SimdLevel::v4, SimdLevel::generic})
    if (std::string(text) == name_of(level)) return level;
  fail("simd", "a level v2, v3, v4 or generic", text, "STEIN_SIMD takes the same words");
}

void set_simd_level(SimdLevel level) {
  const bool generic = best_simd_level() == SimdLevel::generic;
  if (level > best_simd_level() || generic != (level == SimdLevel::generic))
    fail("simd", std::string("a level this CPU has, at most ") + name_of(best_simd_level()), name_of(level));
  detail::current_simd_level = level;
}

SimdLevel simd_level() { return detail::current_simd_level; }

namespace detail {
namespace {
// A wrong STEIN_SIMD must not end the program before main: the best level is used, and `stein info` shows it.
SimdLevel level_at_start() {
  const auto best = best_simd_level();
  const char* forced = std::getenv("STEIN_SIMD");
  if (!forced) return best;
  for (auto level : {SimdLevel::v2, SimdLevel::v3, SimdLevel::v4})
    if (std::string(forced) == name_of(level) && level <= best) return level;
  return best;
}
}  // namespace
SimdLevel current_simd_level = level_at_start();
}  // namespace detail

}  // namespace stein
