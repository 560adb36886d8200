// SPDX-License-Identifier: MIT
// `stein bench` and tools/bench/compare: what they print and refuse. How long anything took decides nothing.
#include <nlohmann/json.hpp>

#include "tests/support/skip.h"
#include "tests/tools/program.h"

using namespace stein::test;
using Json = nlohmann::json;

namespace {

std::vector<Json> objects(const std::string& text) {
  std::vector<Json> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    all.push_back(Json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return all;
}

void check_seconds(const Json& j, bool first_step) {
  INFO(j.dump());
  const double least = j.at("seconds_min"), median = j.at("seconds_median");
  CHECK(least > 0);
  CHECK(median >= least);
  CHECK(j.at("peak_rss_mb").get<double>() > 1);
  if (first_step) CHECK(j.at("seconds_to_first_step").get<double>() > 0);
}

const std::vector<std::string> tiny{"--ngf", "2", "--batch", "2", "--size", "8", "--levels", "3", "--steps", "1"};

int shell(const TempDir& dir, const std::string& command, std::string& out) {
  const int status = std::system((command + " >" + (dir / "out") + " 2>" + (dir / "err")).c_str());
  out = read_file(dir / "out") + read_file(dir / "err");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("stein bench train, sample and ssm print what the peers print") {
  TempDir dir;
  for (const char* what : {"train", "sample", "ssm"}) {
    std::vector<std::string> args{"bench", what};
    args.insert(args.end(), tiny.begin(), tiny.end());
    const auto table = run(dir, args);
    INFO(what << " " << table.err);
    CHECK(table.code == 0);
    CHECK(table.out.find("ngf 2, batch 2, 8x8x1") != std::string::npos);
    args.insert(args.end(), {"--channels", "3", "--threads", "1", "--json"});
    const auto r = run(dir, args);
    CHECK(r.code == 0);
    const auto lines = objects(r.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].at("what") == what);
    CHECK(lines[0].at("channels") == 3);
    CHECK(lines[0].at("threads") == 1);
    check_seconds(lines[0], true);
  }
}

TEST_CASE("stein bench trace, ops and conv print one object a line") {
  TempDir dir;
  const auto trace = run(dir, {"bench", "trace", "--dim", "3", "--hidden", "4", "--layers", "1", "--batch", "2",
                               "--seconds", "1e-4", "--method", "dsm,exact,hutchinson,hutch++,xtrace", "--json"});
  INFO(trace.err);
  CHECK(trace.code == 0);
  const auto methods = objects(trace.out);
  REQUIRE(methods.size() == 5);
  CHECK(methods[1].at("method") == "exact");
  CHECK(methods[3].at("probes") == 3);
  CHECK(methods[4].at("probes") == 2);
  for (const auto& j : methods) check_seconds(j, true);

  const auto ops = run(dir, {"bench", "ops", "--steps", "2", "--json"});
  CHECK(ops.code == 0);
  const auto passes = objects(ops.out);
  REQUIRE(passes.size() == 3);
  CHECK(passes[1].at("pass") == "double_backward");
  for (const auto& j : passes) check_seconds(j, false);

  // 3x3 with stride 1: both algorithms; three passes; one or two numbers of threads
  const std::vector<std::string> shape{"bench", "conv",   "--batch", "1",       "--channels", "4",     "--out",
                                       "5",     "--size", "6",       "--steps", "1",          "--json"};
  const auto conv = run(dir, shape);
  CHECK(conv.code == 0);
  const auto kernels = objects(conv.out);
  CHECK((kernels.size() == 6 || kernels.size() == 12));
  for (const auto& j : kernels) {
    CHECK(j.at("out") == 5);
    check_seconds(j, false);
  }
  CHECK(kernels.front().at("algorithm") == "gemm");
  CHECK(kernels.front().at("chosen") == true);  // 4 channels
  CHECK(kernels.back().at("algorithm") == "winograd");
  CHECK(kernels.back().at("chosen") == false);

  auto threads = shape;
  threads.insert(threads.end(), {"--threads", "1"});
  CHECK(objects(run(dir, threads).out).size() == 6);
  const auto errors = objects(
      run(dir, {"bench", "conv", "--batch", "2", "--channels", "32", "--size", "14", "--accuracy", "--json"}).out);
  REQUIRE(errors.size() == 6);
  for (const auto& j : errors) {
    const double largest = j.at("largest_error").get<double>(), rms = j.at("rms_error").get<double>();
    CHECK((rms > 0 && rms < largest && largest < 1e-5));
  }
  CHECK(errors[1].at("algorithm") == "winograd");
}

TEST_CASE("stein bench refuses what it does not know") {
  TempDir dir;
  const auto none = run(dir, {"bench", "flops"});
  CHECK(none.code == 2);
  CHECK(none.err == "stein: no command flops; one of train, sample, ssm, trace, ops, conv, peaks, roofline\n");
  CHECK(run(dir, {"bench", "trian"}).err ==
        "stein: no command trian; one of train, sample, ssm, trace, ops, conv, peaks, roofline; did you mean train?\n");
  CHECK(run(dir, {"bench"}).code == 2);
  CHECK(run(dir, {"bench", "train", "--dim", "3"}).code == 2);
  CHECK(run(dir, {"bench", "train", "--ngf", "0"}).code == 2);
  CHECK(run(dir, {"bench", "train", "--batch", "1.5"}).code == 2);
  CHECK(run(dir, {"bench", "trace", "--method", "dsm,fast"}).code == 2);
  CHECK(run(dir, {"bench", "conv", "--size", "4"}).code == 2);  // of which shape?
  const auto few = run(dir, {"bench", "trace", "--dim", "3", "--hidden", "4", "--method", "hutch++", "--probes", "2"});
  CHECK(few.code == 1);
  CHECK(few.err == "stein: [hutch++] expected 3 to 11 probes; got 2\n");
  const auto odd = run(dir, {"bench", "train", "--ngf", "2", "--batch", "1", "--size", "7"});
  CHECK(odd.code == 1);
  CHECK(odd.err.find("stein: [ncsn] expected x") == 0);
  const auto large = run(dir, {"bench", "conv", "--channels", "2", "--size", "1", "--kernel", "2", "--batch", "1"});
  CHECK(large.code == 1);
  CHECK(large.err.find("stein: [bench conv] expected an image that the kernel fits into") == 0);
}

TEST_CASE("tools/bench/compare runs ours and the peers in turns and reports a mode that does not end") {
  if (std::system("command -v python3 >/dev/null 2>&1") != 0) skip("no python3 here");
  TempDir dir;
  const std::string compare = "'" STEIN_SOURCE_DIR "/tools/bench/compare' ";
  std::string out;
  CHECK(shell(dir, compare + "--list", out) == 0);
  for (const char* what : {"train", "sample", "ssm", "trace", "ops", "conv"})
    CHECK(out.find(what) != std::string::npos);

  // A peer that is 1000 seconds slow, by its own account, and never ends when compiled.
  write_file(dir / "python",
             "#!/bin/sh\ncase \"$*\" in *compile*) sleep 100;; esac\n"
             "echo '{\"seconds_min\": 900, \"seconds_median\": 1000, \"seconds_to_first_step\": 2000, "
             "\"peak_rss_mb\": 1e6}'\n");
  std::filesystem::permissions(dir / "python", std::filesystem::perms::owner_all);
  const std::string where = " --program '" STEIN_PROGRAM "' --python '" + (dir / "python") + "' --runs 2 --steps 1";
  CHECK(shell(dir, compare + "train --shape 2,2,8,1 --limit 0.5" + where, out) == 0);
  INFO(out);
  CHECK(out.find("NCSN train, ngf 2, batch 2, 8x8x1") != std::string::npos);
  for (const char* key : {"seconds_median", "seconds_min", "seconds_to_first_step", "peak_rss_mb"})
    CHECK(out.find(key) != std::string::npos);
  CHECK(out.find("channels_last") != std::string::npos);
  CHECK(out.find("1000  (1000 to 1000)") != std::string::npos);
  CHECK(out.find("compile        not finished in 0.5 s") != std::string::npos);
  CHECK(out.find("times ours") != std::string::npos);

  CHECK(shell(dir, compare + "training" + where, out) == 2);
  CHECK(shell(dir, compare + "train --program ./nothing", out) == 1);
  CHECK(out.find("no program ./nothing") != std::string::npos);

  const std::string ours = " '" STEIN_PROGRAM " bench ops --steps 1 --json'";
  CHECK(shell(dir, compare + "commands --runs 1" + ours + ours, out) == 0);
  CHECK(out.find("seconds_min double_backward") != std::string::npos);
}
