// SPDX-License-Identifier: MIT
// stein lab on a device beside the cpu: one seed, one table, up to rounding.
#include <algorithm>
#include <cmath>
#include <optional>

#include "tests/support/device.h"
#include "tests/tools/lab_tables.h"

using namespace stein;
using namespace stein::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// Empty: no number.
std::optional<double> number(const std::string& cell) {
  std::size_t read = 0;
  try {
    const double v = std::stod(cell, &read);
    if (read == cell.size()) return v;
  } catch (const std::exception&) {}
  return {};
}

bool one_of(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Every number of a table within `tolerance` of its own size or of a hundredth of the largest in its column; all else the same. Columns
/// named in `skipped` hold times, or rounding alone.
void same_table(const std::string& there, const std::string& here, double tolerance,
                const std::vector<std::string>& skipped) {
  const auto a = csv(there), b = csv(here);
  REQUIRE(a.size() == b.size());
  REQUIRE(a.front() == b.front());
  for (std::size_t c = 0; c < b.front().size(); ++c) {
    if (one_of(b.front()[c], skipped)) continue;
    double largest = 0;
    for (std::size_t r = 1; r < b.size(); ++r)
      if (const auto v = number(b[r][c]); v && std::isfinite(*v)) largest = std::max(largest, std::abs(*v));
    for (std::size_t r = 1; r < b.size(); ++r) {
      INFO(here << ", row " << r << ", column " << b.front()[c] << ": " << a[r][c] << " there, " << b[r][c] << " here");
      const auto x = number(a[r][c]), y = number(b[r][c]);
      REQUIRE(x.has_value() == y.has_value());
      if (!x)
        CHECK(a[r][c] == b[r][c]);
      else if (std::isfinite(*y))
        CHECK(std::abs(*x - *y) <= tolerance * std::max(std::abs(*y), 0.01 * largest));
      else
        CHECK(!std::isfinite(*x));
    }
  }
}

struct Both {
  std::string there, here;  // folders of the experiment
};

/// Runs an experiment on the cpu and on the device; no check may be missed, and tensors were on the device.
Both run_both(const TempDir& dir, const std::string& name) {
  Both r;
  for (const auto& device : {cpu, test_device()}) {
    const std::string where = to_string(device), out = dir / (device == cpu ? "here" : "there");
    const auto ended = run(dir, {"lab", name, "--quick", "--quiet", "--device", where, "--out", out});
    INFO(ended.err);
    REQUIRE(ended.code == 0);
    (device == cpu ? r.here : r.there) = out + "/" + name;
  }
  const auto here = json::parse(read_file(r.here + "/lab.json")), there = json::parse(read_file(r.there + "/lab.json"));
  CHECK(there["device"] == to_string(test_device()));
  CHECK(there["files"] == here["files"]);
  CHECK(there["checks"].size() == here["checks"].size());
  CHECK(there["peak_bytes"].get<double>() > 0.2 * here["peak_bytes"].get<double>());
  return r;
}

/// Every table of an experiment.
void same_tables(const std::string& name, double tolerance, const std::vector<std::string>& skipped = {}) {
  TempDir dir;
  const Both both = run_both(dir, name);
  std::size_t tables = 0;
  const auto mark = json::parse(read_file(both.here + "/lab.json"));
  for (const auto& file : mark["files"]) {
    const auto f = file.get<std::string>();
    if (!f.ends_with(".csv")) continue;
    ++tables;
    same_table(both.there + "/" + f, both.here + "/" + f, tolerance, skipped);
  }
  CHECK(tables > 0);
}

}  // namespace

TEST_CASE("lab langevin on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("langevin", 1e-6);
}

TEST_CASE("lab equivalence on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("equivalence", 1e-6);
}

TEST_CASE("lab denoise-noise on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("denoise-noise", 1e-4);
}

TEST_CASE("lab energy on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  // of cost.csv all columns are times; the curl of the energy network is rounding
  same_tables("energy", 1e-4, {"energy", "score", "ratio", "ms a step", "curl, energy"});
}

TEST_CASE("lab guidance on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("guidance", 1e-4);
}

TEST_CASE("lab penalty on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("penalty", 1e-4, {"ms a step, one probe", "ms a step, exact"});
}

TEST_CASE("lab diffusion on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  // Rounding; and the trained networks' likelihoods, whose solver may err by 1e-2 in this form, and does so in another place after rounding.
  same_tables("diffusion", 1e-4,
              {"exact: max |ε + σs| at t", "mean |error|, trained", "evaluations, trained", "KL, trained", "± of KL"});
}

TEST_CASE("lab ncsn-2d on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("ncsn-2d", 1e-3);
}

TEST_CASE("lab low-density on " STEIN_TEST_DEVICE " has the tables of the cpu", "[device][slow]") {
  same_tables("low-density", 1e-4);
}

// Not curves.csv: how long it trains depends on the time.
TEST_CASE("lab trace on " STEIN_TEST_DEVICE " measures what it measures on the cpu, in the device's time and memory",
          "[device]") {
  TempDir dir;
  const Both both = run_both(dir, "trace");
  same_table(both.there + "/training.csv", both.here + "/training.csv", 1e-4, {"after equal time", "ms a step"});
  same_table(both.there + "/methods.csv", both.here + "/methods.csv", 1e-3, {"ms a step", "peak MB"});
  const auto methods = csv(both.there + "/methods.csv");
  for (std::size_t r = 1; r < methods.size(); ++r) {
    CHECK(*number(methods[r][3]) > 0);
    CHECK(*number(methods[r][4]) > 0);
  }
}

TEST_CASE("lab inverse-1d says that it does not run on " STEIN_TEST_DEVICE, "[device]") {
  TempDir dir;
  const std::string device = to_string(test_device()), out = dir / "lab";
  const std::vector<std::string> args{"lab", "inverse-1d", "--quick", "--quiet", "--device", device, "--out", out};
  REQUIRE(run(dir, args).code == 0);
  const std::string page = read_file(out + "/inverse-1d/index.md");
  CHECK(page.find("nothing here runs on " + device + ".") != std::string::npos);
  CHECK(page.find("stein lab inverse-1d --seed 0 --quick --device " + device) != std::string::npos);
  CHECK(read_file(out + "/report.html").find(", quick, " + device) != std::string::npos);
  // Other factors are another setting, and so is another device.
  CHECK(run(dir, args).out.find("finished before with these settings") != std::string::npos);
  auto rounded = args;
  rounded.insert(rounded.end(), {"--math", "bf16"});
  CHECK(run(dir, rounded).out.find("finished before") == std::string::npos);
  CHECK(read_file(out + "/inverse-1d/index.md").find("--device " + device + " --math bf16") != std::string::npos);
  CHECK(read_file(out + "/report.html").find(", quick, " + device + ", bf16") != std::string::npos);
  const auto here = run(dir, {"lab", "inverse-1d", "--quick", "--quiet", "--out", out});
  CHECK(here.out.find("finished before") == std::string::npos);
  CHECK(read_file(out + "/inverse-1d/index.md").find("--device") == std::string::npos);
}

TEST_CASE("stein lab refuses a device that this build does not have, and leaves no folder") {
  TempDir dir;
  const auto r = run(dir, {"lab", "inverse-1d", "--quick", "--device", "tpu", "--out", dir / "lab"});
  CHECK(r.code == 1);
  CHECK(r.err.find("stein: [device] expected ") == 0);
  CHECK(r.err.find("got tpu") != std::string::npos);
  CHECK(!fs::exists(dir / "lab"));
}
