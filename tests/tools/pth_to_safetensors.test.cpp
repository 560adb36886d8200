// SPDX-License-Identifier: MIT
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/skip.h"

TEST_CASE("pth_to_safetensors converts every container of PyTorch's", "[python][slow]") {
  const char* chosen = std::getenv("STEIN_PYTHON");
  const std::string python = chosen ? chosen : "python3";
  if (std::system(("command -v '" + python + "' >/dev/null 2>&1").c_str()) != 0)
    stein::test::skip("no " + python + " here");
  const int status =
      std::system(("'" + python + "' '" STEIN_SOURCE_DIR "/tests/python/check_pth_to_safetensors.py'").c_str());
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77)
    stein::test::skip(python + " lacks torch or safetensors (STEIN_PYTHON may name another)");
  CHECK(WEXITSTATUS(status) == 0);
}
