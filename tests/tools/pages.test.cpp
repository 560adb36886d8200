// SPDX-License-Identifier: MIT
// Commands that the pages show: each exists, with each of its options.
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>

#include "tests/tools/program.h"

using namespace stein::test;
namespace fs = std::filesystem;

TEST_CASE("every command and option that README, CONTRIBUTING and docs/ show is one of the program's") {
  TempDir dir;
  const fs::path root = STEIN_SOURCE_DIR;
  std::vector<fs::path> pages{root / "README.md", root / "CONTRIBUTING.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  std::map<std::string, std::string> helps;
  const auto help = [&](const std::string& command) -> const std::string& {
    auto [at, fresh] = helps.try_emplace(command);
    if (fresh) {
      std::istringstream words(command);
      std::vector<std::string> args;
      for (std::string word; words >> word;) args.push_back(word);
      args.push_back("--help");
      const auto r = run(dir, args);
      at->second = r.code == 0 ? r.out : "";
    }
    return at->second;
  };
  // In a code block or in backticks; what follows a comment, a backtick or a quote is text again.
  const std::regex call("(^ {4}|`)(build/[a-z]+/)?stein ([a-z]+)([^`#']*)"), option("--[a-z][a-z-]*");
  int options = 0;
  for (const auto& page : pages) {
    std::istringstream lines(read_file(page.string()));
    for (std::string line; std::getline(lines, line);)
      for (std::sregex_iterator it(line.begin(), line.end(), call), end; it != end; ++it) {
        std::string command = (*it)[3], rest = (*it)[4];
        if (command == "bench") {  // and its kind
          std::istringstream words(rest);
          std::string kind;
          words >> kind;
          if (!kind.empty() && kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos)
            command += " " + kind;
        }
        INFO(page << ": " << line);
        REQUIRE(!help(command).empty());
        for (std::sregex_iterator o(rest.begin(), rest.end(), option); o != end; ++o, ++options)
          CHECK(std::regex_search(help(command), std::regex((*o)[0].str() + "[ ,=]|" + (*o)[0].str() + "\n")));
      }
  }
  CHECK(options > 40);
}
