// SPDX-License-Identifier: MIT
#pragma once

namespace stein::detail {

/// What CMake knew when it configured this build; the definition is generated in the build tree.
struct BuildInfo {
  const char* version;
  const char* compiler;
  const char* build_type;
  const char* simd_levels;  // those compiled in, separated by spaces
  const char* sanitizers;   // empty: none
  bool png, jpeg, xsimd, cuda;
};
const BuildInfo& build_info();

}  // namespace stein::detail
