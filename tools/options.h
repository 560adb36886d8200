// SPDX-License-Identifier: MIT
// Options that several commands have; and checks of numbers, for CLI11's own print bounds of three hundred digits.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <functional>
#include <string>

#include "tensor/device_math.h"

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

/// --device, and --math, which sets how this thread multiplies there; on the cpu it can only be f32.
inline void add_device(CLI::App& c, std::string& device) {
  c.add_option("--device", device,
               "where to compute: cpu, sim (a simulated GPU that checks every access: slow), cuda or cuda:K");
  const auto set = [&device](const std::string& name) {  // options are read in the order in which they were added
    if (device == "cpu" && name != name_of(stein::detail::Factors::f32))
      throw CLI::ValidationError(
          "--math", "expected f32 on the cpu, where no factor is rounded; got " + name + "; name another --device");
    stein::detail::device_math.factors = stein::detail::by_name("--math", stein::detail::kFactors, name);
  };
  c.add_option_function<std::string>("--math", set,
                                     "to what products in f32 on sim and cuda may round their factors: f32, tf32, bf16")
      ->check(CLI::IsMember(stein::detail::names_of(stein::detail::kFactors)));
}

/// Says what runs when command `c` is given.
using OnCommand = std::function<void(CLI::App* c, std::function<int()> f)>;
/// `stein bench` with its kinds.
void add_bench(CLI::App& app, const OnCommand& on);

}  // namespace stein::tools
