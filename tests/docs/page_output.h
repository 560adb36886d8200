// SPDX-License-Identifier: MIT
// What a page's code prints, beside what the page says it prints.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace stein::test {

/// Lines without the blanks at their ends, and no empty lines at the end.
inline std::string trimmed(const std::string& text) {
  std::string out, line;
  for (std::istringstream in(text); std::getline(in, line);) {
    line.erase(line.find_last_not_of(" \r") + 1);
    out += line + "\n";
  }
  return out.substr(0, out.find_last_not_of('\n') + 1);
}

/// True when `text` is `pattern`, in which "..." stands for anything.
inline bool matches(const std::string& text, const std::string& pattern) {
  std::size_t at = 0, start = 0;
  for (bool first = true;; first = false) {
    const auto dots = pattern.find("...", start);
    const std::string piece = pattern.substr(start, dots - start);  // up to the end when there are no dots
    if (dots == std::string::npos) {
      const bool ends =
          text.size() >= at + piece.size() && text.compare(text.size() - piece.size(), piece.size(), piece) == 0;
      return first ? text == piece : ends;
    }
    const auto found = text.find(piece, at);
    if (found == std::string::npos || (first && found != 0)) return false;
    at = found + piece.size();
    start = dots + 3;
  }
}

/// Takes what goes to std::cout while it lives.
class PageOutput {
 public:
  explicit PageOutput(std::string page) : page_(std::move(page)), before_(std::cout.rdbuf(text_.rdbuf())) {
    format_.copyfmt(std::cout);
  }
  ~PageOutput() {
    std::cout.rdbuf(before_);
    std::cout.copyfmt(format_);
  }
  PageOutput(const PageOutput&) = delete;
  PageOutput& operator=(const PageOutput&) = delete;

  /// Compares what was printed since the last call with the block that starts on `line` of the page.
  void expect(int line, const std::string& expected) {
    const std::string printed = trimmed(text_.str());
    text_.str("");
    if (const char* file = std::getenv("STEIN_PAGE_OUTPUTS"))  // for extract.py --fill
      std::ofstream(file, std::ios::app) << page_ << '\f' << line << '\f' << printed << '\0';
    INFO(page_ << " line " << line << "; the code printed:\n"
               << printed << "\n; the page says:\n"
               << trimmed(expected));
    CHECK(matches(printed, trimmed(expected)));
  }

 private:
  std::string page_;
  std::ostringstream text_;
  std::streambuf* before_;
  std::ios format_{nullptr};  // a page may change precision and flags
};

}  // namespace stein::test
