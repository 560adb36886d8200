// SPDX-License-Identifier: MIT
// The ops that come of docs/10_extending.md and of tools/new_op stand in this program instead of stein's own (tests/docs/extending.py). The
// every-op suite is linked in and checks them; here stands that it saw them, and that it would have noticed a wrong rule.
#include <extending/names.h>
#include <catch2/catch.hpp>

#include <set>

#include "autograd/calculus/gradcheck_table.h"

using namespace stein;

namespace stein {
void register_planted(OpRegistry& r);
}

TEST_CASE("the suite sees the page's ops and the skeletons") {
  std::set<std::string> seen;
  for (const auto& op : op_registry().entries()) seen.insert(op.name);
  CHECK(seen == std::set<std::string>(std::begin(kNames), std::end(kNames)));
  for (const std::string name : {"page_mish", "page_gmean", "page_rms_norm", "skeleton_binary"})
    CHECK(seen.count(name) == 1);
}

TEST_CASE("mish without the second term of its rule does not pass") {
  OpRegistry registry;
  register_planted(registry);
  int wrong = 0;
  for (const auto& row : gradcheck(registry.entries().at(0), 1)) wrong += !row.ok && row.error > 1e-2;
  CHECK(wrong > 0);
}
