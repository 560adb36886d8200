// SPDX-License-Identifier: MIT
// The main job, from the outside: train, interrupt, kill, resume, sample.
#include <chrono>
#include <thread>

#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;
namespace fs = std::filesystem;

namespace {

// Weights of the newest checkpoint of a run.
NamedTensors last_weights(const std::string& run) {
  std::vector<fs::path> folders;
  for (const auto& e : fs::directory_iterator(run + "/checkpoints"))
    if (e.is_directory()) folders.push_back(e.path());
  std::sort(folders.begin(), folders.end());
  REQUIRE(!folders.empty());
  return load_safetensors((folders.back() / "weights.safetensors").string());
}

void same_bits(const NamedTensors& a, const NamedTensors& b) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, t] : a) {
    INFO(name);
    CHECK(equal(t, b.at(name)));
  }
}

}  // namespace

TEST_CASE("stein train leaves a complete run folder and never overwrites it", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run";
  const auto first = run(dir, {"train", "--preset", "tiny", "--out", run_dir, "--quiet"});
  INFO(first.err);
  REQUIRE(first.code == 0);
  for (const char* f : {"config.json", "metrics.csv", "loss.svg", "samples.png"}) CHECK(fs::exists(run_dir + "/" + f));
  const std::string csv = read_file(run_dir + "/metrics.csv");
  CHECK(csv.rfind("step,seconds,loss,loss_average,images_per_second,held_out_mean,gaussian_mean,held_out_sigma_1,"
                  "gaussian_sigma_1,",
                  0) == 0);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 61);  // a header and a row a step

  const auto again = run(dir, {"train", "--preset", "tiny", "--out", run_dir, "--quiet"});
  CHECK(again.code == 1);
  CHECK(again.err == "stein: [train] expected a new or empty run folder; got " + run_dir +
                         ", which holds something; continue it with --resume " + run_dir +
                         ", or choose another folder with --out\n");
  CHECK(read_file(run_dir + "/metrics.csv") == csv);

  // more steps: the rows go on
  CHECK(run(dir, {"train", "--resume", run_dir, "--steps", "70", "--quiet"}).code == 0);
  const std::string longer = read_file(run_dir + "/metrics.csv");
  CHECK(longer.rfind(csv.substr(0, csv.size() / 2), 0) == 0);
  CHECK(std::count(longer.begin(), longer.end(), '\n') == 71);

  const auto png = dir / "grid.png";
  CHECK(run(dir, {"sample", run_dir, "--count", "3", "--steps-per-level", "2", "--out", png, "--quiet"}).code == 0);
  CHECK(read_file(png).rfind("\x89PNG", 0) == 0);
  const auto raw = dir / "images.npy";
  CHECK(run(dir, {"sample", run_dir, "--count", "70", "--steps-per-level", "1", "--out", raw, "--quiet"}).code == 0);
  CHECK(load_npy(raw).shape() == Shape{70, 1, 12, 12});
  const auto inspected = run(dir, {"inspect", run_dir});
  CHECK(inspected.code == 0);
  CHECK(inspected.out.find("step-00000070/ema.safetensors") != std::string::npos);
}

TEST_CASE("a run killed at a random moment and resumed has the weights of an uninterrupted one, bit for bit",
          "[slow]") {
  TempDir dir;
  const auto whole = dir / "whole", broken = dir / "broken";
  const std::vector<std::string> args{"train", "--preset", "tiny", "--seed", "3", "--steps", "50", "--quiet", "--out"};
  auto with = [&](const std::string& out) {
    auto a = args;
    a.push_back(out);
    return a;
  };
  REQUIRE(run(dir, with(whole)).code == 0);
  // Killed at three moments of its life: none, some or all checkpoints may be there. The moment is random.
  std::srand(static_cast<unsigned>(std::chrono::steady_clock::now().time_since_epoch().count()));
  int kills = 0;
  {
    Program p(dir.path().string(), with(broken));
    std::this_thread::sleep_for(std::chrono::milliseconds(300 + std::rand() % 500));
    if (!p.ended()) p.send(SIGKILL), ++kills;
    p.wait();
  }
  for (int i = 0; i < 2; ++i) {
    if (!fs::exists(broken + "/config.json")) break;
    Program p(dir.path().string(), {"train", "--resume", broken, "--quiet"});
    std::this_thread::sleep_for(std::chrono::milliseconds(200 + std::rand() % 700));
    if (!p.ended()) p.send(SIGKILL), ++kills;
    p.wait();
  }
  INFO(kills << " kills");
  const auto last =
      fs::exists(broken + "/config.json") ? run(dir, {"train", "--resume", broken, "--quiet"}) : run(dir, with(broken));
  INFO(last.err);
  REQUIRE(last.code == 0);
  same_bits(last_weights(whole), last_weights(broken));
}

TEST_CASE("stein train on sim leaves the same weights with --replay and without, near the cpu's", "[slow]") {
  TempDir dir;
  const auto weights = [&](const std::string& name, std::vector<std::string> options) {
    std::vector<std::string> args{"train", "--data",  "shapes", "--preset", "tiny",  "--image-size",
                                  "8",     "--ngf",   "2",      "--levels", "2",     "--batch",
                                  "2",     "--steps", "3",      "--quiet",  "--out", dir / name};
    for (const char* set :
         {"data_count=16", "evaluate_count=2", "final_evaluate_count=2", "sample_count=1", "steps_per_level=1"})
      args.insert(args.end(), {"--set", set});
    args.insert(args.end(), options.begin(), options.end());
    const auto r = run(dir, args);
    INFO(r.err);
    REQUIRE(r.code == 0);
    return last_weights(dir / name);
  };
  const auto here = weights("cpu", {}), there = weights("sim", {"--device", "sim"});
  same_bits(weights("replay", {"--device", "sim", "--replay"}), there);
  same_bits(weights("cpu_replay", {"--replay"}), here);
  REQUIRE(here.size() == there.size());
  for (const auto& [name, t] : here) {
    INFO(name);
    CHECK(allclose(there.at(name), t, 1e-3, 7e-3));  // of a gradient of nearly 0 Adam makes steps of 1e-3
  }
}

TEST_CASE("Ctrl-C while a half-trained network draws its samples saves too", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run";
  Program p(dir.path().string(), {"train", "--preset", "tiny", "--set", "steps_per_level=100000", "--out", run_dir});
  for (int i = 0; i < 600 && p.err().find("sample ") == std::string::npos && !p.ended(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  p.send(SIGINT);
  const auto end = p.wait();
  INFO(end.err);
  CHECK(end.code == 130);
  CHECK(end.err.find("interrupted and saved at step 6") != std::string::npos);
  CHECK(fs::exists(run_dir + "/checkpoints/step-00000006/weights.safetensors"));
}

TEST_CASE("a run goes on only from a whole checkpoint and with its own data", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run", data = dir / "data.npy";
  save_npy(data, from_vector(std::vector<float>(40 * 64, 0.5f), {40, 1, 8, 8}));
  REQUIRE(run(dir, {"train", "--preset", "tiny", "--data", data, "--set", "image_size=0", "--steps", "3", "--out",
                    run_dir, "--quiet"})
              .code == 0);
  save_npy(data, from_vector(std::vector<float>(40 * 64, 0.25f), {40, 1, 8, 8}));
  const auto other = run(dir, {"train", "--resume", run_dir, "--steps", "5", "--quiet"});
  CHECK(other.code == 1);
  CHECK(other.err.find("[train] expected the data this run began with, 36 images (1, 8, 8), checksum") !=
        std::string::npos);
  save_npy(data, from_vector(std::vector<float>(40 * 64, 0.5f), {40, 1, 8, 8}));
  const std::string csv = read_file(run_dir + "/metrics.csv");
  for (const auto& e : fs::directory_iterator(run_dir + "/checkpoints"))
    write_file(e.path().string() + "/weights.safetensors", "damaged");
  const auto damaged = run(dir, {"train", "--resume", run_dir, "--steps", "5", "--quiet"});
  CHECK(damaged.code == 1);
  CHECK(damaged.err.find("[train] expected a whole checkpoint in " + run_dir + "/checkpoints; got ") !=
        std::string::npos);
  CHECK(read_file(run_dir + "/metrics.csv") == csv);
}

TEST_CASE("steps and learning rate may change when a run goes on, and stay changed", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run";
  REQUIRE(run(dir, {"train", "--preset", "tiny", "--steps", "3", "--out", run_dir, "--quiet"}).code == 0);
  REQUIRE(run(dir, {"train", "--resume", run_dir, "--steps", "5", "--lr", "1e-4", "--quiet"}).code == 0);
  const std::string config = read_file(run_dir + "/config.json");
  CHECK(config.find("\"steps\": 5,") != std::string::npos);
  CHECK(config.find("\"learning_rate\": 0.0001,") != std::string::npos);
  const std::string csv = read_file(run_dir + "/metrics.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 6);
  const auto last = csv.substr(csv.rfind("\n5,"));
  CHECK(last.find(",,") == std::string::npos);  // the last row has the held-out losses
}

TEST_CASE("Ctrl-C saves; the run goes on with --resume", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run", whole = dir / "whole";
  Program p(dir.path().string(), {"train", "--preset", "tiny", "--steps", "100000", "--out", run_dir});
  for (int i = 0; i < 600 && p.err().find("train ") == std::string::npos && !p.ended(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  p.send(SIGINT);
  const auto end = p.wait();
  INFO(end.err);
  CHECK(end.code == 130);
  const auto at = end.err.find("interrupted and saved at step ");
  REQUIRE(at != std::string::npos);
  const auto step = std::stoll(end.err.substr(at + 30));
  REQUIRE(step > 0);
  const auto total = std::to_string(step + 3);
  CHECK(run(dir, {"train", "--resume", run_dir, "--steps", total, "--quiet"}).code == 0);
  CHECK(run(dir, {"train", "--preset", "tiny", "--steps", total, "--out", whole, "--quiet"}).code == 0);
  same_bits(last_weights(whole), last_weights(run_dir));
}

TEST_CASE("a run that diverges names the op, keeps the last good checkpoint and fails", "[slow]") {
  TempDir dir;
  const auto run_dir = dir / "run";
  const auto r = run(dir, {"train", "--preset", "tiny", "--lr", "1e30", "--out", run_dir, "--quiet"});
  CHECK(r.code == 1);
  INFO(r.err);
  CHECK(r.err.find("stein: [train] expected a finite loss and gradient; got loss") == 0);
  CHECK(r.err.find("expected finite results; got NaN or infinity in f32") != std::string::npos);
}
