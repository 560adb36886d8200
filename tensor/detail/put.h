// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

namespace stein::detail {

/// Appends the formatted text.
template <class... T>
void put(std::string& to, fmt::format_string<T...> format, T&&... args) {
  fmt::format_to(std::back_inserter(to), format, std::forward<T>(args)...);
}

}  // namespace stein::detail
