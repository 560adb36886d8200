// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <limits>

#include "autograd/calculus/check.h"

namespace stein {

bool CheckReport::ok() const {
  return std::all_of(lines.begin(), lines.end(), [](const CheckLine& l) { return l.ok(); });
}

double CheckReport::worst() const {
  double w = 0;
  for (const auto& l : lines)
    w = std::max(
        w, l.problem.empty() && l.error == l.error ? l.error / l.tolerance : std::numeric_limits<double>::infinity());
  return w;
}

std::string CheckReport::to_string(bool failures_only) const {
  std::string s;
  char part[128];
  for (const bool passed : {false, true})
    for (const auto& l : lines) {
      if (l.ok() != passed || (passed && failures_only)) continue;
      std::snprintf(part, sizeof part, "%s order %d  %-26s %-22s ", passed ? "ok    " : "FAILED", l.order,
                    l.mode.c_str(), l.argument.c_str());
      s += part;
      if (!l.problem.empty()) {
        s += "threw " + l.problem + "\n";
        continue;
      }
      std::snprintf(part, sizeof part, "error %8.1e (at most %.0e)", l.error, l.tolerance);
      s += part;
      if (l.expected != 0 || l.got != 0) {
        std::snprintf(part, sizeof part, "  expected %.12g, got %.12g", l.expected, l.got);
        s += part;
      }
      s += "\n";
    }
  return s;
}

void CheckReport::append(const CheckReport& other) {
  lines.insert(lines.end(), other.lines.begin(), other.lines.end());
}

}  // namespace stein
