// SPDX-License-Identifier: MIT
// What users name, in tables: one message for unknown names, with the one that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stein::detail {

template <class T>
struct Named {
  std::string_view name;
  T value;
};

/// "did you mean train?" for trian; "" where no name is near: at most a third of the letters wrong, or three and more letters with which
/// one name alone begins.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& names);

/// Throws Error: expected one of `names`; got 'name'; did you mean ...?
[[noreturn]] void fail_name(std::string_view op, std::string_view name, const std::vector<std::string>& names);

template <class T, std::size_t N>
std::vector<std::string> names_of(const Named<T> (&table)[N]) {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

/// The value of `name`. Throws Error, listing the names, for another one.
template <class T, std::size_t N>
const T& by_name(std::string_view op, const Named<T> (&table)[N], std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return row.value;
  fail_name(op, name, names_of(table));
}

}  // namespace stein::detail
