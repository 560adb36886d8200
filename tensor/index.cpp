// SPDX-License-Identifier: MIT
#include "tensor/index.h"

#include <charconv>
#include <string>

#include "tensor/error.h"

namespace stein {
namespace {

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

std::int64_t integer(std::string_view part, std::string_view whole) {
  std::int64_t v = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), v);
  if (error != std::errc{} || end != part.data() + part.size())
    fail("index", "integers, start:stop:step, ..., None, separated by commas", '"' + std::string(whole) + '"');
  return v;
}

Index parse_one(std::string_view part, std::string_view whole) {
  if (part == "...") return ellipsis;
  if (part == "None") return newaxis;
  if (part.find(':') == std::string_view::npos) return Index(integer(part, whole));
  Slice s;
  std::int64_t* fields[] = {&s.start, &s.stop, &s.step};
  for (int k = 0;; ++k) {
    const auto colon = part.find(':');
    const auto field = trim(part.substr(0, colon));
    if (k > 2) integer("", whole);  // a third colon: the same error as any other misspelling
    if (!field.empty()) *fields[k] = integer(field, whole);
    if (colon == std::string_view::npos) return s;
    part.remove_prefix(colon + 1);
  }
}

}  // namespace

std::vector<Index> parse_indices(std::string_view text) {
  std::vector<Index> r;
  for (auto rest = text;;) {
    const auto comma = rest.find(',');
    r.push_back(parse_one(trim(rest.substr(0, comma)), text));
    if (comma == std::string_view::npos) return r;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace stein
