// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace stein::test {

/// Ends this test's process as skipped: prints `SKIPPED: reason` and leaves with the code that ctest shows as "Skipped"
/// (Catch2 2.13 has no skip of its own; every TEST_CASE runs in a process of its own under ctest).
[[noreturn]] inline void skip(const std::string& reason) {
  std::printf("SKIPPED: %s\n", reason.c_str());
  std::fflush(nullptr);
  std::_Exit(77);
}

}  // namespace stein::test
