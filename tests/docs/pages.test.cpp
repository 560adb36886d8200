// SPDX-License-Identifier: MIT
// What the pages show of the repository's files is what these hold, and what they link to exists.
#include <catch2/catch.hpp>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/docs/page_output.h"
#include "tests/support/temp_dir.h"

using namespace stein::test;
namespace fs = std::filesystem;

namespace {

const fs::path root = STEIN_SOURCE_DIR;

std::vector<fs::path> pages() {
  std::vector<fs::path> all{root / "README.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  return all;
}

// The page without its code, in which brackets are no links.
std::string prose(const std::string& text) {
  std::string out, line;
  bool fenced = false;
  for (std::istringstream in(text); std::getline(in, line);) {
    if (line.rfind("```", 0) == 0) fenced = !fenced;
    if (fenced || line.rfind("    ", 0) == 0) continue;
    bool code = false;
    for (const char c : line) {
      if (c == '`') code = !code;
      if (!code) out += c;
    }
    out += "\n";
  }
  return out;
}

// Without indentation: a page may show the inside of a function.
std::string flush_left(const std::string& text) {
  std::string out, line;
  for (std::istringstream in(text); std::getline(in, line);) {
    const auto first = line.find_first_not_of(' ');
    out += (first == std::string::npos ? "" : line.substr(first)) + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("code that a page shows of a file is in that file") {
  int shown = 0;
  const std::string fence = "```cpp from=", gap = "// ...\n";
  for (const auto& page : pages()) {
    const std::string text = read_file(page.string());
    for (auto at = text.find(fence); at != std::string::npos; at = text.find(fence, at), ++shown) {
      at += fence.size();
      const auto body = text.find('\n', at) + 1, end = text.find("```", body);
      const std::string name = text.substr(at, body - 1 - at), block = flush_left(text.substr(body, end - body));
      const std::string file = flush_left(read_file((root / name).string()));
      std::size_t in_file = 0;
      for (std::size_t start = 0; start < block.size();) {  // the pieces between gaps stand in this order
        const auto stop = std::min(block.find(gap, start), block.size());
        const std::string piece = trimmed(block.substr(start, stop - start));
        INFO(page << " shows of " << name << ":\n" << piece);
        const auto found = file.find(piece, in_file);
        CHECK(found != std::string::npos);
        if (found != std::string::npos) in_file = found + piece.size();
        start = stop + gap.size();
      }
    }
  }
  CHECK(shown >= 3);
}

TEST_CASE("every piece of code that a page says is run has a test") {
  int run = 0;
  std::set<std::string> names;
  for (const auto& test : Catch::getRegistryHub().getTestCaseRegistry().getAllTests()) names.insert(test.name);
  for (const auto& page : pages()) {
    std::istringstream in(read_file(page.string()));
    for (std::string line, fence = "```cpp run="; std::getline(in, line);)
      if (line.rfind(fence, 0) == 0) {
        const std::string name = page.filename().string() + ": " + line.substr(fence.size());
        INFO(name);
        CHECK(names.count(name) == 1);
        ++run;
      }
  }
  CHECK(run > 20);
}

TEST_CASE("links and pictures of the pages exist") {
  int links = 0;
  const std::regex link("\\]\\(([^)#\\s]+)[^)]*\\)");
  for (const auto& page : pages()) {
    const std::string text = prose(read_file(page.string()));
    for (std::sregex_iterator m(text.begin(), text.end(), link), end; m != end; ++m) {
      const std::string target = (*m)[1].str();
      if (target.find("://") != std::string::npos) continue;
      INFO(page << " links to " << target);
      CHECK(fs::exists(page.parent_path() / target));
      ++links;
    }
  }
  CHECK(links > 10);
}

TEST_CASE("the comparison of outputs tells right from wrong") {
  CHECK(matches("a\nb", "a\nb"));
  CHECK_FALSE(matches("a\nb", "a"));
  CHECK(matches("took 3 s\nend", "took ... s\nend"));
  CHECK(matches("a b c", "a ..."));
  CHECK(matches("a b c", "... c"));
  CHECK_FALSE(matches("a b c", "b ..."));
  CHECK_FALSE(matches("a b c", "... b"));
  CHECK_FALSE(matches("ab", "ab...ab"));
  CHECK(trimmed("a  \n\nb\n\n") == "a\n\nb");
}
