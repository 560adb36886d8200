// SPDX-License-Identifier: MIT
// What the pages show is what the repository holds.
#include <catch2/catch.hpp>

#include "tests/support/temp_dir.h"

using namespace stein::test;

TEST_CASE("docs/add_an_op.md shows examples/own_op.cpp") {
  const std::string source = read_file(STEIN_SOURCE_DIR "/examples/own_op.cpp");
  CHECK(read_file(STEIN_SOURCE_DIR "/docs/add_an_op.md").find(source.substr(source.find("#include"))) !=
        std::string::npos);
}

TEST_CASE("the README's programs are those of examples/") {
  const std::string page = read_file(STEIN_SOURCE_DIR "/README.md");
  for (const std::string name : {"mixture", "derivatives"}) {
    const std::string source = read_file(STEIN_SOURCE_DIR "/examples/" + name + ".cpp");
    CHECK(page.find(source.substr(source.find("#include"))) != std::string::npos);
  }
}
