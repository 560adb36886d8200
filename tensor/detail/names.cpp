// SPDX-License-Identifier: MIT
#include "tensor/detail/names.h"

#include <algorithm>

#include "tensor/error.h"

namespace stein::detail {
namespace {

// Letters to insert, leave out, replace, or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view name, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  std::size_t least = name.size() / 3 + 1, begin_alike = 0;
  const std::string* longer = nullptr;
  for (const auto& known : names) {
    if (const auto d = distance(name, known); d < least) least = d, nearest = &known;
    if (name.size() >= 3 && known.starts_with(name)) longer = &known, ++begin_alike;
  }
  if (!nearest && begin_alike == 1) nearest = longer;
  return nearest ? "did you mean " + *nearest + "?" : "";
}

void fail_name(std::string_view op, std::string_view name, const std::vector<std::string>& names) {
  std::string all;
  for (const auto& known : names) all += (all.empty() ? "" : ", ") + known;
  fail(op, "one of " + all, "'" + std::string(name) + "'", did_you_mean(name, names));
}

}  // namespace stein::detail
