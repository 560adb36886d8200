// SPDX-License-Identifier: MIT
// The one way in which stein reports bad input: `[op] expected ...; got ...; hint`.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace stein {

/// Every error that stein throws. `what()` reads `[op] expected ...; got ...; hint`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[op] expected <expected>; got <got>; <hint>"); the hint is left out when empty.
[[noreturn]] void fail(std::string_view op, std::string_view expected, std::string_view got,
                       std::string_view hint = {});

}  // namespace stein
