// SPDX-License-Identifier: MIT
#include "tools/lab/lab.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "smld/detail/chart_data.h"
#include "smld/image.h"
#include "smld/samplers.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/error.h"
#include "tools/interrupt.h"

namespace stein::tools {
namespace {

std::string field(const Cell& c) {
  if (c.number && c.text.empty()) return fmt::format("{}", c.value);
  if (c.text.find_first_of(",\"\n\r") == std::string::npos) return c.text;
  std::string r = "\"";
  for (char ch : c.text) r += ch == '"' ? std::string("\"\"") : std::string(1, ch);
  return r + "\"";
}

std::string csv_text(const std::string& file, const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  if (columns.empty()) fail("lab", "at least one column for " + file, "none");
  std::string s;
  const auto put = [&](const Row& row) {
    if (row.size() != columns.size())
      fail("lab", fmt::format("rows of {} cells for {}", columns.size(), file), fmt::format("a row of {}", row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) s += (i == 0 ? "" : ",") + field(row[i]);
    s += "\n";
  };
  put(Row(columns.begin(), columns.end()));
  for (const auto& row : rows) put(row);
  return s;
}

}  // namespace

std::string num(double value, int digits) {
  std::string s = fmt::format("{:.{}g}", value, digits);
  std::string tail;
  if (const auto e = s.find('e'); e != std::string::npos) {
    tail = "·10<sup>" + std::to_string(std::stoi(s.substr(e + 1))) + "</sup>";
    s.resize(e);
    if (s == "1") s.clear(), tail.erase(0, std::string("·").size());
  }
  s += tail;
  for (auto at = s.find('-'); at != std::string::npos; at = s.find('-', at + 3)) s.replace(at, 1, "−");
  return s;
}

Lab::Lab(std::string folder, std::uint64_t seed, bool quick, bool quiet, const Device& device)
    : folder_(std::move(folder)), seed_(seed), quick_(quick), quiet_(quiet), device_(device), generator_(seed) {}

void Lab::wait() const {
  if (device_ != cpu) zeros({}, f32, device_).to(cpu);  // comes back behind all that was launched before
}

void Lab::write(const std::string& file, const char* ending, const std::string& content) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (!file.ends_with(ending) || file.front() == '.' || !std::all_of(file.begin(), file.end(), plain))
    fail("lab", fmt::format("a file name of a-z, 0-9, - and _ that ends in {}", ending), file);
  if (std::find(files_.begin(), files_.end(), file) != files_.end())
    fail("lab", "a new file name", file + ", which was written");
  detail::write_atomically("lab", folder_ + "/" + file, content);
  files_.push_back(file);
}

void Lab::heading(const std::string& text) { blocks_.push_back({Block::Kind::heading, text, "", "", {}, {}}); }

void Lab::text(const std::string& paragraph) { blocks_.push_back({Block::Kind::text, paragraph, "", "", {}, {}}); }

void Lab::table(const std::string& file, const std::string& caption, const std::vector<std::string>& columns,
                const std::vector<Row>& rows) {
  csv(file, columns, rows);
  blocks_.push_back({Block::Kind::table, caption, file, "", columns, rows});
}

void Lab::csv(const std::string& file, const std::vector<std::string>& columns, const std::vector<Row>& rows) {
  write(file, ".csv", csv_text(file, columns, rows));
}

void Lab::csv(const std::string& file, const std::vector<std::string>& columns, const Tensor& rows) {
  if (rows.rank() != 2 || rows.size(1) != static_cast<std::int64_t>(columns.size()))
    fail("lab", fmt::format("rows (n, {}) for {}", columns.size(), file), describe(rows));
  const auto values = smld::Values(rows).vector();
  std::vector<Row> cells;
  for (std::size_t i = 0; i < values.size(); i += columns.size())
    cells.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i),
                       values.begin() + static_cast<std::ptrdiff_t>(i + columns.size()));
  csv(file, columns, cells);
}

void Lab::figure(const std::string& file, const smld::Chart& chart, const std::string& caption) {
  const std::string svg = chart.svg();
  write(file, ".svg", svg);
  blocks_.push_back({Block::Kind::figure, caption, file, svg, {}, {}});
}

void Lab::image(const std::string& file, const Tensor& picture, const std::string& caption, std::int64_t width) {
  const Tensor large = smld::enlarge(picture.to(cpu), width);
  write(file, ".png", smld::encode_png(large));
  blocks_.push_back({Block::Kind::image, caption, file, smld::charts::data_uri(large), {}, {}});
}

bool Lab::check(const std::string& what, double measured, double truth, double allowed) {
  checks_.push_back({what, measured, truth, allowed});
  return checks_.back().met();
}

bool Lab::go_on() const { return !interrupted(); }

void Lab::check_interrupt() const {
  if (!go_on()) throw smld::Interrupted("lab");
}

Work::Work(const Lab& lab, const std::string& label, std::int64_t total)
    : lab_(lab), progress_(label, 0, total, !lab.quiet()) {}

void Work::update(std::int64_t done, const std::string& detail) {
  lab_.check_interrupt();
  const double rate = static_cast<double>(done) / std::max(progress_.seconds(), 1e-9);
  progress_.update(done, fmt::format("{:.3g}/s{}{}", rate, detail.empty() ? "" : "  ", detail));
}

}  // namespace stein::tools
