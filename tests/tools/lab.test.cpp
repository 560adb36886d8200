// SPDX-License-Identifier: MIT
// stein lab from the outside: folders, pages, resuming, refusals.
#include <nlohmann/json.hpp>

#include "tests/support/xml.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json lab_json(const TempDir& dir, std::vector<std::string> args) {
  args.insert(args.begin(), "lab");
  args.push_back("--json");
  const auto r = run(dir, args);
  INFO(r.err);
  REQUIRE(r.code == 0);
  return json::parse(r.out);
}

// A page that needs nothing beside itself.
void self_contained(const std::string& html) {
  CHECK(html.rfind("<!DOCTYPE html>", 0) == 0);
  CHECK(html.find("</html>") != std::string::npos);
  for (const char* foreign : {"src=\"http", "src=\"/", "href=\"http", "url(", "<script", "<link", "@import", "<iframe"})
    CHECK(html.find(foreign) == std::string::npos);
  for (auto at = html.find("src=\""); at != std::string::npos; at = html.find("src=\"", at + 1))
    CHECK(html.compare(at, 9, "src=\"data") == 0);
  for (auto at = html.find("href=\""); at != std::string::npos; at = html.find("href=\"", at + 1)) {
    const bool inside = html.compare(at, 7, "href=\"#") == 0 || html.compare(at, 11, "href=\"data:") == 0;
    CHECK(inside);
  }
  for (const char* tag : {"article", "figure", "table", "p", "svg", "main", "body", "div"})
    CHECK(count(html, "<" + std::string(tag) + ">") + count(html, "<" + std::string(tag) + " ") ==
          count(html, "</" + std::string(tag) + ">"));
  CHECK(html.find("prefers-color-scheme:dark") != std::string::npos);
}

// What every experiment leaves: the files it names, sound ones, and pages that show them.
void complete(const std::string& folder) {
  INFO(folder);
  const auto mark = json::parse(read_file(folder + "/lab.json"));
  const std::string html = read_file(folder + "/index.html"), text = read_file(folder + "/index.md");
  self_contained(html);
  std::size_t tables = 0, pictures = 0;
  for (const auto& f : mark["files"]) {
    const auto name = f.get<std::string>();
    const auto content = read_file(folder + "/" + name);
    INFO(name);
    CHECK(!content.empty());
    CHECK(html.find("<code>" + name + "</code>") != std::string::npos);
    CHECK(text.find(name) != std::string::npos);
    if (name.ends_with(".csv")) {
      ++tables;
      CHECK(std::count(content.begin(), content.end(), '\n') > 1);
    } else {
      ++pictures;
    }
    if (name.ends_with(".svg")) {
      CHECK(xml_fault(content) == "");
      for (const char* bad : {"\"nan", "Mnan", " nan", "nan\"", "\"inf", "Minf", "-inf"})
        CHECK(content.find(bad) == std::string::npos);
      CHECK(html.find(content) != std::string::npos);
    }
  }
  CHECK(tables >= 1);
  CHECK(pictures >= 1);
  CHECK(text.size() > 1000);  // says what to see
  CHECK(text.rfind("# ", 0) == 0);
  CHECK(mark["files"].size() + 3 == static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {})));
}

}  // namespace

TEST_CASE("stein lab list names the experiments, and other names are usage errors") {
  TempDir dir;
  const auto listed = run(dir, {"lab", "list"});
  CHECK(listed.code == 0);
  const auto all = lab_json(dir, {"list"})["experiments"];
  CHECK(all.size() >= 2);
  CHECK(static_cast<std::size_t>(std::count(listed.out.begin(), listed.out.end(), '\n')) == all.size());
  for (const auto& e : all) {
    CHECK(listed.out.find(e["name"].get<std::string>() + " ") != std::string::npos);
    CHECK(e["title"].get<std::string>().size() > 10);
    CHECK(!e["duration"].get<std::string>().empty());
  }
  const auto unknown = run(dir, {"lab", "alchemy", "--out", dir / "lab"});
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("no experiment alchemy; one of list, all, inverse-1d") != std::string::npos);
  CHECK(unknown.err.find("did you mean") == std::string::npos);
  CHECK(run(dir, {"lab", "langevn", "--out", dir / "lab"}).err.find("did you mean langevin?") != std::string::npos);
  CHECK(run(dir, {"lab", "low-denisty", "--out", dir / "lab"}).err.find("did you mean low-density?") !=
        std::string::npos);
  CHECK(!fs::exists(dir / "lab"));
  CHECK(run(dir, {"lab"}).code == 2);
}

TEST_CASE("stein lab leaves figures, tables and a page for each experiment, and one report") {
  TempDir dir;
  const std::string out = dir / "new/lab";
  const auto first = run(dir, {"lab", "inverse-1d", "--quick", "--out", out, "--seed", "3", "--quiet"});
  INFO(first.err);
  REQUIRE(first.code == 0);
  CHECK(first.out.find("inverse-1d/index.html") != std::string::npos);
  complete(out + "/inverse-1d");
  self_contained(read_file(out + "/report.html"));
  CHECK(read_file(out + "/report.html").find("<article id=\"inverse-1d\">") != std::string::npos);
  CHECK(read_file(out + "/inverse-1d/index.md").find("stein lab inverse-1d --seed 3 --quick") != std::string::npos);

  // again: skipped; with another seed or by force: run
  const std::vector<std::string> args{"inverse-1d", "--quick", "--out", out, "--seed", "3"};
  const auto status = [&](std::vector<std::string> a) {
    return lab_json(dir, std::move(a))["experiments"][0]["status"];
  };
  const std::string page = read_file(out + "/inverse-1d/index.md");
  CHECK(status(args) == "skipped");
  auto forced = args;
  forced.push_back("--force");
  CHECK(status(forced) == "done");
  CHECK(read_file(out + "/inverse-1d/index.md") == page);  // the same numbers and pictures
  auto other = args;
  other.back() = "4";
  CHECK(status(other) == "done");
  CHECK(read_file(out + "/inverse-1d/index.md") != page);
  complete(out + "/inverse-1d");
}

TEST_CASE("stein lab refuses folders that hold something else") {
  TempDir dir;
  fs::create_directory(dir / "mine");
  write_file(dir / "mine/thesis.txt", "x");
  const auto r = run(dir, {"lab", "inverse-1d", "--quick", "--out", dir / "mine"});
  CHECK(r.code == 1);
  CHECK(r.err == "stein: [lab] expected a new or empty folder, or one of stein lab; got " + (dir / "mine") +
                     ", which holds something else; choose another with --out\n");
  CHECK(std::distance(fs::directory_iterator(dir / "mine"), {}) == 1);
  CHECK(run(dir, {"lab", "inverse-1d", "--quick", "--out", dir / "mine/thesis.txt"}).code == 1);
  CHECK(read_file(dir / "mine/thesis.txt") == "x");
}

TEST_CASE("a measured value that is not as expected ends stein lab with 1 and is named, after all pages are written") {
  TempDir dir;
  const std::string out = dir / "lab";
  const std::vector<std::string> both{"lab", "inverse-1d", "langevin", "--quick", "--out", out, "--quiet"};
  REQUIRE(run(dir, both).code == 0);
  auto mark = json::parse(read_file(out + "/inverse-1d/lab.json"));
  auto& check = mark["checks"][0];
  check["measured"] = nullptr;  // NaN
  check["met"] = false;
  write_file(out + "/inverse-1d/lab.json", mark.dump());
  fs::remove_all(out + "/langevin");
  const auto r = run(dir, both);
  CHECK(r.code == 1);
  CHECK(r.err.find("stein: inverse-1d: " + check["what"].get<std::string>() + ": measured nan, expected ") == 0);
  CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
  complete(out + "/langevin");
  CHECK(read_file(out + "/report.html").find("<article id=\"langevin\">") != std::string::npos);
}

TEST_CASE("an experiment that fails does not keep the others from running") {
  TempDir dir;
  const std::string out = dir / "lab";
  REQUIRE(run(dir, {"lab", "inverse-1d", "--quick", "--out", out, "--quiet"}).code == 0);
  // a folder of the user's in the place of one experiment's
  fs::remove_all(out + "/inverse-1d");
  fs::create_directory(out + "/inverse-1d");
  write_file(out + "/inverse-1d/mine.txt", "x");
  const auto r = run(dir, {"lab", "inverse-1d", "langevin", "--quick", "--out", out, "--quiet"});
  CHECK(r.code == 1);
  CHECK(r.err.find("inverse-1d failed: [lab] expected to make the folder") != std::string::npos);
  CHECK(read_file(out + "/inverse-1d/mine.txt") == "x");
  complete(out + "/langevin");
  const auto report = read_file(out + "/report.html");
  self_contained(report);
  CHECK(report.find("failed: [lab]") != std::string::npos);
  CHECK(report.find("<article id=\"langevin\">") != std::string::npos);
}

TEST_CASE("Ctrl-C ends stein lab with 130; what was finished stays and is skipped the next time") {
  TempDir dir;
  const std::string out = dir / "lab";
  REQUIRE(run(dir, {"lab", "inverse-1d", "--quick", "--out", out, "--quiet"}).code == 0);
  Program p(dir.path().string(), {"lab", "langevin", "--out", out, "--quiet"});
  for (int i = 0; i < 3000 && !fs::exists(out + "/.langevin.partial") && !p.ended(); ++i) usleep(10000);
  p.send(SIGINT);
  const auto r = p.wait();
  INFO(r.err);
  CHECK(r.code == 130);
  CHECK(!fs::exists(out + "/langevin"));
  CHECK(!fs::exists(out + "/.langevin.partial"));
  CHECK(fs::exists(out + "/inverse-1d/index.html"));
  CHECK(fs::exists(out + "/report.html"));
  CHECK(lab_json(dir, {"inverse-1d", "--quick", "--out", out})["experiments"][0]["status"] == "skipped");
}

TEST_CASE("every experiment runs with --quick, and the report holds them all", "[slow]") {
  TempDir dir;
  const std::string out = dir / "lab";
  const auto all = lab_json(dir, {"all", "--quick", "--quiet", "--out", out});
  const auto listed = lab_json(dir, {"list"})["experiments"];
  REQUIRE(all["experiments"].size() == listed.size());
  const auto report = read_file(out + "/report.html");
  self_contained(report);
  for (const auto& e : listed) {
    const auto name = e["name"].get<std::string>();
    complete(out + "/" + name);
    CHECK(count(report, "<article id=\"" + name + "\">") == 1);
    CHECK(count(report, "href=\"#" + name + "\"") == 1);
  }
  for (const auto& e : all["experiments"]) CHECK(e["status"] == "done");
}
