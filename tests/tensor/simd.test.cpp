// SPDX-License-Identifier: MIT
#include "tensor/simd.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "tensor/detail/random_kernels.h"
#include "tensor/error.h"

using namespace stein;

namespace {

// The level that a process of its own chooses under STEIN_SIMD=`forced`.
std::string level_under(const std::string& forced) {
  char self[4096];
  const auto n = ::readlink("/proc/self/exe", self, sizeof self);
  REQUIRE(n > 0);
  const auto command =
      "STEIN_SIMD=" + forced + " '" + std::string(self, static_cast<std::size_t>(n)) + "' '[simd-child]'";
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  std::string text;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe)) text += buffer;
  ::pclose(pipe);
  const auto at = text.find("level=");
  return at == std::string::npos ? "nothing: " + text : text.substr(at + 6, text.find('\n', at) - at - 6);
}

}  // namespace

TEST_CASE("simd child", "[.][simd-child]") { std::printf("level=%s\n", name_of(simd_level())); }

TEST_CASE("simd levels: names, forcing, the kernel that is picked") {
  const auto before = simd_level(), best = best_simd_level();
  CHECK(before <= best);
  for (const char* name : {"v2", "v3", "v4", "generic"}) CHECK(std::string(name_of(parse_simd_level(name))) == name);
  CHECK_THROWS_WITH(parse_simd_level("avx"),
                    "[simd] expected a level v2, v3, v4 or generic; got avx; STEIN_SIMD takes the same words");
#if defined(STEIN_LEVELS_X86)
  set_simd_level(SimdLevel::v2);
  CHECK(simd_level() == SimdLevel::v2);
  CHECK(kernels::random_sign_f32() == &kernels::v2::random_sign_f32);
  if (best >= SimdLevel::v3) {
    set_simd_level(SimdLevel::v3);
    CHECK(kernels::random_sign_f32() == &kernels::v3::random_sign_f32);
  }
  if (best >= SimdLevel::v4) {
    set_simd_level(SimdLevel::v4);
    CHECK(kernels::random_sign_f32() == &kernels::v4::random_sign_f32);
  } else
    CHECK_THROWS_WITH(set_simd_level(SimdLevel::v4),
                      Catch::StartsWith("[simd] expected a level this CPU has, at most "));
  CHECK_THROWS_AS(set_simd_level(SimdLevel::generic), Error);
#endif
  set_simd_level(before);
}

TEST_CASE("STEIN_SIMD chooses the level at start; nonsense is ignored") {
  const std::string best = name_of(best_simd_level());
#if defined(STEIN_LEVELS_X86)
  CHECK(level_under("v2") == "v2");
#endif
  CHECK(level_under(best) == best);
  CHECK(level_under("v9") == best);
}
