// SPDX-License-Identifier: MIT
// Checks of numbers given as options; CLI11's own print bounds of three hundred digits.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <string>

namespace stein::tools {

inline CLI::Validator number(const char* expected, bool (*ok)(double)) {
  return {[=](std::string& text) {
            double v = NAN;
            return CLI::detail::lexical_cast(text, v) && ok(v) ? std::string()
                                                               : std::string("expected ") + expected + "; got " + text;
          },
          ""};
}
inline const CLI::Validator above_zero = number("a number above 0", [](double v) { return v > 0; });
inline const CLI::Validator not_negative = number("a number of at least 0", [](double v) { return v >= 0; });

/// Says what runs when command `c` is given.
using OnCommand = std::function<void(CLI::App* c, std::function<int()> f)>;
/// `stein bench` with its kinds.
void add_bench(CLI::App& app, const OnCommand& on);

}  // namespace stein::tools
