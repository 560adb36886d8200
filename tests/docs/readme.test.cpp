// SPDX-License-Identifier: MIT
// What the pages show is what the repository holds.
#include <catch2/catch.hpp>

#include "tests/support/temp_dir.h"

using namespace stein::test;

TEST_CASE("the README's program is examples/mixture.cpp") {
  const std::string source = read_file(STEIN_SOURCE_DIR "/examples/mixture.cpp");
  const auto body = source.substr(source.find("#include"));
  CHECK(read_file(STEIN_SOURCE_DIR "/README.md").find(body) != std::string::npos);
}
