// SPDX-License-Identifier: MIT
// Whether text is well-formed XML, as far as SVG needs it: nesting, attributes, entities.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stein::test {

/// Empty when all is well, else what is wrong and where.
inline std::string xml_fault(std::string_view s) {
  std::vector<std::string> open;
  std::size_t i = 0;
  bool root = false;
  const auto at = [&](const char* what) { return std::string(what) + " at " + std::to_string(i); };
  const auto name_at = [&](std::size_t from) {
    std::size_t end = from;
    while (end < s.size() &&
           (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '-' || s[end] == ':' || s[end] == '_'))
      ++end;
    return std::string(s.substr(from, end - from));
  };
  const auto entity = [&](std::size_t from) {
    for (std::string_view e : {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"})
      if (s.substr(from).starts_with(e)) return true;
    return false;
  };
  while (i < s.size()) {
    if (s[i] == '&' && !entity(i)) return at("a bare &");
    if (static_cast<unsigned char>(s[i]) < 0x20 && s[i] != '\n' && s[i] != '\t') return at("a control character");
    if (s[i] != '<') {
      if (open.empty() && !std::isspace(static_cast<unsigned char>(s[i]))) return at("text outside the root");
      ++i;
      continue;
    }
    const bool end = s.substr(i).starts_with("</");
    const std::string name = name_at(i + (end ? 2 : 1));
    if (name.empty()) return at("a bare <");
    i += name.size() + (end ? 2 : 1);
    std::set<std::string> seen;
    while (i < s.size() && s[i] != '>' && s[i] != '/') {
      if (std::isspace(static_cast<unsigned char>(s[i]))) {
        ++i;
        continue;
      }
      const std::string attribute = name_at(i);
      if (attribute.empty() || end) return at("no attribute");
      if (!seen.insert(attribute).second) return at("an attribute twice");
      i += attribute.size();
      if (!s.substr(i).starts_with("=\"")) return at("no value");
      for (i += 2; i < s.size() && s[i] != '"'; ++i)
        if (s[i] == '<' || (s[i] == '&' && !entity(i))) return at("a bare < or & in a value");
      if (++i < s.size() && s[i] != '>' && s[i] != '/' && !std::isspace(static_cast<unsigned char>(s[i])))
        return at("no space after a value");
    }
    const bool alone = i < s.size() && s[i] == '/';
    i += alone ? 1 : 0;
    if (i >= s.size() || s[i] != '>') return at("an open tag");
    ++i;
    if (end) {
      if (open.empty() || open.back() != name) return at("an end without a begin");
      open.pop_back();
    } else {
      if (open.empty() && root) return at("a second root");
      root = true;
      if (!alone) open.push_back(name);
    }
  }
  return open.empty() && root ? "" : at("an end missing");
}

inline std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto i = text.find(part); i != std::string_view::npos; i = text.find(part, i + part.size())) ++n;
  return n;
}

}  // namespace stein::test
