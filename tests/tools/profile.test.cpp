// SPDX-License-Identifier: MIT
// `stein train --profile`.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/tools/program.h"

using namespace stein::test;

TEST_CASE("stein train --profile prints what the ops took and leaves a trace") {
  TempDir dir;
  const auto folder = dir / "run";
  const auto r = run(dir, {"train", "--preset", "tiny", "--steps", "2", "--set", "steps_per_level=1", "--out", folder,
                           "--quiet", "--profile"});
  INFO(r.err << r.out);
  REQUIRE(r.code == 0);
  for (const char* word : {"forward", "backward", "conv2d", "conv2d_filter", "add_in_place", "optimizer", "res1.0",
                           "refine4", "(outside)", "trace.json opens in"})
    CHECK(r.out.find(word) != std::string::npos);

  const auto trace = nlohmann::json::parse(read_file(folder + "/trace.json"));
  struct Span {
    double begin, end;
  };
  std::vector<Span> spans;
  int forward = 0, backward = 0;
  double last = 0;
  bool complete = true;
  for (const auto& e : trace.at("traceEvents")) {
    if (e.at("ph") == "M") continue;
    complete = complete && e.at("ph") == "X" && e.at("dur").get<double>() >= 0;  // a begin and its end in one
    const double begin = e.at("ts"), end = begin + e.at("dur").get<double>();
    spans.push_back({begin, end});
    last = std::max(last, end);
    if (e.at("name") == "conv2d_bias" && e.at("cat") == "forward" && e.at("args").at("module") == "res1.0") ++forward;
    if (e.at("name") == "conv2d_filter" && e.at("cat") == "backward" && e.at("args").at("module") == "res1.0")
      ++backward;
  }
  CHECK(complete);
  CHECK(forward > 0);
  CHECK(backward == 4);  // two convolutions, two steps

  // One thread: of two calls one holds the other or they do not overlap, so the outermost add up to no more than the whole.
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin != b.begin ? a.begin < b.begin : a.end > b.end; });
  constexpr double kRounding = 2e-3;  // of the file's thousandths of a microsecond
  std::vector<double> open;
  double outermost = 0;
  bool nested = true;
  for (const auto& s : spans) {
    while (!open.empty() && open.back() <= s.begin + kRounding) open.pop_back();
    if (open.empty())
      outermost += s.end - s.begin;
    else
      nested = nested && s.end <= open.back() + kRounding;
    open.push_back(s.end);
  }
  CHECK(nested);
  CHECK(outermost > 0);
  CHECK(outermost <= last * (1 + 1e-9) + 1);
}
