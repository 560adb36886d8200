// SPDX-License-Identifier: MIT
#include "tools/profile_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace stein::tools {
namespace {

constexpr std::size_t kShown = 30;  // lines of a table
constexpr std::size_t kOrders = 4;  // columns; what is higher is added to the last

struct Cell {
  std::int64_t calls = 0, bytes = 0;
  double seconds = 0;
};
struct Line {
  std::string name;
  Cell cells[kOrders];
  double seconds = 0;
};

std::string name_of_order(std::size_t order) {
  constexpr const char* kNames[kOrders] = {"forward", "backward", "double backward", "higher orders"};
  return kNames[order];
}

std::vector<Line> lines_by(const std::vector<Profile::Row>& rows, std::string Profile::Row::*key) {
  std::map<std::string, Line> by;
  for (const auto& row : rows) {
    Line& line = by[row.*key];
    line.name = (row.*key).empty() ? "(outside)" : row.*key;
    Cell& cell = line.cells[std::min<std::size_t>(static_cast<std::size_t>(row.order), kOrders - 1)];
    cell.calls += row.calls;
    cell.bytes += row.bytes;
    cell.seconds += row.seconds;
    line.seconds += row.seconds;
  }
  std::vector<Line> lines;
  for (auto& [name, line] : by) lines.push_back(std::move(line));
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.seconds > b.seconds; });
  if (lines.size() > kShown) {
    Line rest;
    rest.name = fmt::format("({} more)", lines.size() - kShown + 1);
    for (auto line = lines.begin() + kShown - 1; line != lines.end(); ++line) {
      rest.seconds += line->seconds;
      for (std::size_t k = 0; k < kOrders; ++k) {
        rest.cells[k].calls += line->cells[k].calls;
        rest.cells[k].bytes += line->cells[k].bytes;
        rest.cells[k].seconds += line->cells[k].seconds;
      }
    }
    lines.resize(kShown - 1);
    lines.push_back(std::move(rest));
  }
  return lines;
}

void append(std::string& text, const char* title, const std::vector<Line>& lines, double all, std::size_t orders) {
  std::size_t width = std::string(title).size();
  for (const auto& line : lines) width = std::max(width, line.name.size());
  auto to = std::back_inserter(text);
  fmt::format_to(to, "\n{:{}}  {:>8} {:>6}", "", width, "", "");
  for (std::size_t k = 0; k < orders; ++k) fmt::format_to(to, "  {:>29}", name_of_order(k));
  fmt::format_to(to, "\n{:{}}  {:>8} {:>6}", title, width, "ms", "%");
  for (std::size_t k = 0; k < orders; ++k) fmt::format_to(to, "  {:>9} {:>9} {:>9}", "ms", "calls", "MB");
  text += '\n';
  for (const auto& line : lines) {
    fmt::format_to(to, "{:{}}  {:>8.1f} {:>6.1f}", line.name, width, line.seconds * 1e3,
                   all > 0 ? line.seconds / all * 100 : 0);
    for (std::size_t k = 0; k < orders; ++k) {
      const Cell& c = line.cells[k];
      if (c.calls == 0)
        fmt::format_to(to, "  {:>9} {:>9} {:>9}", "-", "-", "-");
      else
        fmt::format_to(to, "  {:>9.1f} {:>9} {:>9.1f}", c.seconds * 1e3, c.calls, static_cast<double>(c.bytes) * 1e-6);
    }
    text += '\n';
  }
}

}  // namespace

std::string profile_table(const Profile& profile) {
  const auto rows = profile.rows();
  double in_ops = 0;
  std::int64_t calls = 0;
  std::size_t orders = 2;
  for (const auto& row : rows) {
    in_ops += row.seconds;
    calls += row.calls;
    orders = std::max(orders, std::min<std::size_t>(static_cast<std::size_t>(row.order) + 1, kOrders));
  }
  std::string text = fmt::format(
      "profile: {:.2f} s, of which {:.2f} s in {} calls of ops; MB: elements that went in and came out, views none\n",
      profile.seconds(), in_ops, calls);
  append(text, "op", lines_by(rows, &Profile::Row::op), in_ops, orders);
  append(text, "module", lines_by(rows, &Profile::Row::module), in_ops, orders);
  if (static_cast<std::size_t>(calls) > profile.events().size())
    text += fmt::format("\nthe trace holds the first {} calls\n", profile.events().size());
  return text;
}

void write_trace(const Profile& profile, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::map<int, std::string> modules;  // as JSON strings
  file << R"({"displayTimeUnit": "ms", "traceEvents": [)"
       << R"({"name": "process_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "stein"}})";
  for (const auto& e : profile.events()) {
    auto& module = modules[e.module];
    if (module.empty()) module = nlohmann::json(Profile::module_name(e.module)).dump();
    const auto order = name_of_order(std::min<std::size_t>(static_cast<std::size_t>(e.order), kOrders - 1));
    file << fmt::format(
        ",\n"
        R"({{"name": "{}", "cat": "{}", "ph": "X", "pid": 1, "tid": 1, "ts": {:.3f}, "dur": {:.3f}, )"
        R"("args": {{"pass": "{}", "module": {}}}}})",
        e.op, order, e.begin * 1e6, (e.end - e.begin) * 1e6, order, module);
  }
  file << "\n]}\n";
  file.close();
  if (!file) fail("profile", "a file that can be written", path);
}

}  // namespace stein::tools
