// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "smld/detail/chart_data.h"

namespace stein::smld::charts {
namespace {

// 1, 2 or 5 times a power of ten, at least `raw`.
double nice_step(double raw) {
  const double base = std::pow(10, std::floor(std::log10(raw)));
  for (double m : {1.0, 2.0, 5.0})
    if (raw <= m * base * (1 + 1e-9)) return m * base;
  return 10 * base;
}

std::string minus(std::string text) {
  if (!text.empty() && text[0] == '-') text.replace(0, 1, "\u2212");
  return text;
}

std::string power_of_ten(int e) {
  static const char* digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string r = "10";
  if (e < 0) r += "⁻";
  for (char c : std::to_string(std::abs(e))) r += digits[c - '0'];
  return r;
}

std::string log_text(int digit, int e) {
  if (e >= -3 && e <= 3) return fmt::format("{:.{}f}", digit * std::pow(10, e), std::max(0, -e));
  return digit == 1 ? power_of_ten(e) : fmt::format("{}·{}", digit, power_of_ten(e));
}

void linear_ticks(std::vector<Tick>& to, const Range& r, double low, double high, int wanted) {
  double step = nice_step((high - low) / std::max(wanted, 2));
  if (std::floor(high / step) - std::ceil(low / step) < 2) step = nice_step(step / 2.6);  // fewer than three
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double k = first; k <= last && to.size() < 100; ++k) {
    const double v = k == 0 ? 0 : k * step, part = r.part(v);
    if (part > -1e-6 && part < 1 + 1e-6) to.push_back({part, tick_text(v, step)});
  }
}

}  // namespace

// Beyond 1e150 differences and their squares would overflow.
bool Range::usable(double v) const { return std::abs(v) < 1e150 && (!log || v > 0); }

double Range::part(double v) const { return ((log ? std::log10(v) : v) - from) / (to - from); }

std::string tick_text(double value, double step) {
  if (value == 0) return "0";
  const int place = static_cast<int>(std::floor(std::log10(step) + 1e-9));  // of the last digit
  if (std::max(std::abs(value), step) < 1e5 && (place >= -4 || std::abs(value) >= 0.01))
    return minus(fmt::format("{:.{}f}", value, std::clamp(-place, 0, 9)));
  const int e = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
  const auto head = minus(fmt::format("{:.{}f}", value / std::pow(10, e), std::clamp(e - place, 0, 6)));
  return head == "1"           ? power_of_ten(e)
         : head == minus("-1") ? minus("-") + power_of_ten(e)
                               : head + "·" + power_of_ten(e);
}

std::vector<Tick> ticks_of(const Range& r, int wanted) {
  std::vector<Tick> t;
  if (!r.log) {
    linear_ticks(t, r, r.from, r.to, wanted);
    return t;
  }
  const double decades = r.to - r.from;
  if (decades < 0.7) {
    linear_ticks(t, r, std::pow(10, r.from), std::pow(10, r.to), wanted);
    return t;
  }
  const int every = std::max(1, static_cast<int>(std::ceil(decades / std::max(wanted, 2) - 1e-9)));
  // Digits besides 1 that have room for a label.
  const double room = wanted / decades;
  const std::string_view digits = room >= 12 ? "123456789" : room >= 6 ? "123468" : room >= 2.8 ? "125" : "1";
  for (int e = static_cast<int>(std::floor(r.from)); e <= r.to + 1e-9; ++e)
    for (int digit = 1; digit < 10; ++digit) {
      const double at = (e + std::log10(digit) - r.from) / decades;
      if (at < -1e-9 || at > 1 + 1e-9) continue;
      const bool labelled = digit == 1 ? e % every == 0 : digits.find(static_cast<char>('0' + digit)) != digits.npos;
      if (labelled || every == 1) t.push_back({at, labelled ? log_text(digit, e) : std::string()});
    }
  return t;
}

std::string escape_xml(std::string_view text) {
  std::string r;
  for (char c : text) switch (c) {
      case '<':
        r += "&lt;";
        break;
      case '>':
        r += "&gt;";
        break;
      case '&':
        r += "&amp;";
        break;
      case '"':
        r += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') r += c;  // others are no XML at all
    }
  return r;
}

double text_width(std::string_view text, double size) {
  double ems = 0;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;  // goes on a UTF-8 sequence
    ems += std::string_view("ijl.,:;|!'()[]frtI ").find(c) != std::string_view::npos ? 0.38
           : std::string_view("mwMW%@").find(c) != std::string_view::npos            ? 0.95
           : c >= 'A' && c <= 'Z'                                                    ? 0.72
                                                                                     : 0.62;
  }
  return ems * size;
}

}  // namespace stein::smld::charts
