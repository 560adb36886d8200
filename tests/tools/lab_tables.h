// SPDX-License-Identifier: MIT
// What tests of experiments read: the checks and the tables that `stein lab NAME --quick` leaves.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/program.h"

namespace stein::test {

/// Runs `stein lab NAME --quick` into dir/lab; returns its checks, of which none may be missed.
inline nlohmann::json checks_of(const TempDir& dir, const std::string& name) {
  const auto r = run(dir, {"lab", name, "--quick", "--quiet", "--out", dir / "lab"});
  INFO(r.err);
  REQUIRE(r.code == 0);
  const auto checks = nlohmann::json::parse(read_file(dir / ("lab/" + name + "/lab.json")))["checks"];
  for (const auto& c : checks) {
    INFO(c.dump());
    CHECK(c["met"].get<bool>());
  }
  return checks;
}

/// Rows of a table, the names of the columns first; fields plain or quoted.
inline std::vector<std::vector<std::string>> csv(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) {
    rows.emplace_back(1);
    bool quoted = false;
    for (char c : line) {
      if (c == '"')
        quoted = !quoted;
      else if (c == ',' && !quoted)
        rows.back().emplace_back();
      else
        rows.back().back() += c;
    }
  }
  return rows;
}

}  // namespace stein::test
