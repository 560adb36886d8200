// SPDX-License-Identifier: MIT
#include "tensor/detail/names.h"

#include <catch2/catch.hpp>

#include "tensor/error.h"

using namespace stein::detail;

TEST_CASE("the name that was probably meant is found, and no other") {
  const std::vector<std::string> names{"train", "trace", "sample", "sub-vp", "vp", "diffusion", "diffusion-2"};
  CHECK(did_you_mean("trian", names) == "did you mean train?");  // swapped
  CHECK(did_you_mean("tran", names) == "did you mean train?");   // left out
  CHECK(did_you_mean("smaple", names) == "did you mean sample?");
  CHECK(did_you_mean("difusion", names) == "did you mean diffusion?");
  CHECK(did_you_mean("sam", names) == "did you mean sample?");  // the beginning of one name
  CHECK(did_you_mean("tra", names) == "");                      // of two
  CHECK(did_you_mean("dance", names) == "");
  CHECK(did_you_mean("ve", names) == "");  // half of the letters wrong
  CHECK(did_you_mean("", names) == "");
  CHECK(did_you_mean("train", {}) == "");
}

TEST_CASE("a table gives the value of a name, or lists the names") {
  static constexpr Named<int> kNumbers[] = {{"one", 1}, {"two", 2}, {"three", 3}};
  CHECK(by_name("numbers", kNumbers, "three") == 3);
  CHECK_THROWS_WITH(by_name("numbers", kNumbers, "thre"),
                    "[numbers] expected one of one, two, three; got 'thre'; did you mean three?");
  CHECK_THROWS_WITH(by_name("numbers", kNumbers, "twelve"), "[numbers] expected one of one, two, three; got 'twelve'");
  CHECK_THROWS_AS(by_name("numbers", kNumbers, "One"), stein::Error);
}
