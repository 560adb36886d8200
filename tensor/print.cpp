// SPDX-License-Identifier: MIT
#include "tensor/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <ostream>
#include <string_view>
#include <type_traits>
#include <vector>

namespace stein {
namespace {

using Words = std::vector<std::string>;

// Digits of one finite number: "12.5" or "1.25e-05" split at the point and the 'e'.
struct Digits {
  std::string whole, fraction, exponent;
};

Digits cut(std::string_view s) {
  Digits d;
  const auto e = s.find('e');
  if (e != std::string_view::npos) d.exponent = s.substr(e + 1);
  s = s.substr(0, e);
  const auto point = s.find('.');
  d.whole = s.substr(0, point);
  if (point != std::string_view::npos) d.fraction = s.substr(point + 1);
  return d;
}

// x to `count` digits after the point.
template <class T>
Digits rounded(T x, bool scientific, int count) {
  char text[128];  // fixed notation is for numbers below 1e8
  const auto form = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  return cut({text, static_cast<std::size_t>(std::to_chars(text, std::end(text), x, form, count).ptr - text)});
}

// The shortest digits that read back as x, but at most `precision` after the point.
template <class T>
Digits shortest(T x, bool scientific, int precision) {
  char text[128];
  const auto form = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  auto d = cut({text, static_cast<std::size_t>(std::to_chars(text, std::end(text), x, form).ptr - text)});
  if (static_cast<int>(d.fraction.size()) > precision) {
    d = rounded(x, scientific, precision);
    d.fraction.resize(d.fraction.find_last_not_of('0') + 1);
  }
  return d;
}

std::string pad_left(std::string s, std::size_t width) {
  return s.size() < width ? std::string(width - s.size(), ' ') + s : s;
}

template <class T>
Words float_words(const std::vector<T>& values, const PrintOptions& options) {
  T largest = 0, smallest = 0;  // of the finite values that are not 0, without sign
  for (T x : values)
    if (std::isfinite(x) && x != 0) {
      largest = std::max(largest, std::abs(x));
      smallest = smallest == 0 ? std::abs(x) : std::min(smallest, std::abs(x));
    }
  const bool scientific =
      largest > 0 && (largest >= T(sizeof(T) == 4 ? 1e6 : 1e8) || smallest < T(1e-4) || largest / smallest > T(1000));

  std::vector<Digits> all;
  std::size_t whole = 0, fraction = 0, exponent = 0, odd = 0;
  for (T x : values) {
    if (!std::isfinite(x)) {
      all.push_back({std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf", "", ""});
      odd = std::max(odd, all.back().whole.size());
      continue;
    }
    all.push_back(shortest(x, scientific, std::clamp(options.precision, 0, 60)));
    whole = std::max(whole, all.back().whole.size());
    fraction = std::max(fraction, all.back().fraction.size());
    exponent = std::max(exponent, all.back().exponent.size());
  }
  const std::size_t right = 1 + fraction + (scientific ? 1 + exponent : 0);  // from the point on
  whole = std::max(whole, odd > right ? odd - right : 0);

  Words words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& d = all[i];
    if (!std::isfinite(values[i])) {
      words.push_back(pad_left(d.whole, whole + right));
      continue;
    }
    if (scientific) d = rounded(values[i], true, static_cast<int>(fraction));
    auto s = pad_left(d.whole, whole) + "." + d.fraction;
    s.append(fraction - d.fraction.size(), ' ');
    if (scientific) {
      d.exponent.insert(1, exponent - d.exponent.size(), '0');
      s += 'e' + d.exponent;
    }
    words.push_back(std::move(s));
  }
  return words;
}

template <class T>
Words words_of(const std::vector<T>& values, int rank, const PrintOptions& options) {
  if constexpr (std::is_floating_point_v<T>) {
    auto words = float_words(values, options);
    if (rank == 0 && words[0].back() == '.') words[0] += '0';
    return words;
  } else {
    Words words;
    std::size_t width = 0;
    for (T x : values) {
      words.push_back(std::is_same_v<T, bool> ? (x ? "True" : "False") : std::to_string(x));
      width = std::max(width, words.back().size());
    }
    if (rank > 0)
      for (auto& w : words) w = pad_left(w, std::is_same_v<T, bool> ? 5 : width);
    return words;
  }
}

// Walks the elements that are shown, twice in the same order: to collect them, and to set them.
class Printer {
 public:
  Printer(const Tensor& t, const PrintOptions& options)
      : t_(t), options_(options), summarise_(t.numel() > options.threshold) {}

  std::string print() {
    if (t_.numel() == 0) return "[]";
    visit_dtype(t_.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::vector<T> values;
      collect(0, t_.data<T>(), values);
      words_ = words_of(values, t_.rank(), options_);
    });
    if (t_.rank() == 0) return words_[0];
    return block(0, options_.line_width);
  }

 private:
  // Calls item(i) for the shown indices of an axis and gap() where elements are left out.
  template <class Item, class Gap>
  void each(int axis, Item item, Gap gap) const {
    const auto n = t_.size(axis), edge = std::max<std::int64_t>(options_.edge_items, 0);
    const bool cut = summarise_ && edge < (n + 1) / 2 && n > 2 * edge;
    for (std::int64_t i = 0; i < n; ++i) {
      if (cut && i == edge) {
        gap();
        i = n - edge;
        if (i == n) break;
      }
      item(i);
    }
  }

  template <class T>
  void collect(int axis, const T* p, std::vector<T>& values) const {
    if (axis == t_.rank()) return values.push_back(*p);
    each(
        axis, [&](std::int64_t i) { collect(axis + 1, p + i * t_.strides()[axis], values); }, [] {});
  }

  // One bracket. Its lines may be `width` long, less the brackets that close after it.
  std::string block(int axis, int width) {
    const std::string indent(static_cast<std::size_t>(axis + 1), ' ');
    const int left = t_.rank() - axis;
    std::string s = "[";
    if (left == 1) {
      std::size_t line = indent.size();
      bool first = true;
      const auto put = [&](const std::string& word) {
        const bool wraps = line + (first ? 0 : 1) + word.size() > static_cast<std::size_t>(std::max(width - 1, 0)) &&
                           line > indent.size();
        if (wraps) {
          s.resize(s.find_last_not_of(' ') + 1);
          s += "\n" + indent;
          line = indent.size();
        } else if (!first) {
          s += ' ';
          ++line;
        }
        s += word;
        line += word.size();
        first = false;
      };
      each(
          axis, [&](std::int64_t) { put(words_[next_++]); }, [&] { put("..."); });
    } else {
      const std::string separator = std::string(static_cast<std::size_t>(left - 1), '\n') + indent;
      bool first = true;
      const auto put = [&](const std::string& part) {
        s += (first ? "" : separator) + part;
        first = false;
      };
      each(
          axis, [&](std::int64_t) { put(block(axis + 1, width - 1)); }, [&] { put("..."); });
    }
    return s + "]";
  }

  const Tensor& t_;
  const PrintOptions& options_;
  bool summarise_;
  Words words_;
  std::size_t next_ = 0;
};

}  // namespace

std::string to_string(const Tensor& t, const PrintOptions& options) {
  if (!t.defined()) return "undefined tensor";
  const Tensor here = t.device() == cpu ? t : detail::copy_to(t, cpu);
  return Printer(here, options).print();
}

std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << to_string(t); }

std::ostream& operator<<(std::ostream& out, DType t) { return out << name_of(t); }

}  // namespace stein
