// SPDX-License-Identifier: MIT
#include "nn/checkpoint.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "autograd/grad.h"
#include "nn/linear.h"
#include "tests/nn/support.h"
#include "tests/support/temp_dir.h"

namespace fs = std::filesystem;
using namespace stein;
using namespace stein::test;

namespace {

struct Net : nn::Module {
  explicit Net(Generator& g)
      : first(add("first", nn::Linear(3, 8, true, g))), second(add("second", nn::Linear(8, 2, true, g))) {}
  Tensor operator()(const Tensor& x) const { return second(tanh(first(x))); }
  nn::Linear first, second;
};

/// A run: every draw comes from its generator.
struct Run {
  explicit Run(std::uint64_t seed, const Device& device = cpu)
      : generator(seed), net(moved(Net(generator), device)), adam(net, {.lr = 0.02}), ema(net, 0.9, true) {}
  static Net moved(Net net, const Device& device) {
    net.to(device);
    return net;
  }

  void train(int updates) {
    for (int i = 0; i < updates; ++i, ++step) {
      adam.set_lr_factor(schedule(step));
      const Tensor x = randn({16, 3}, generator).to(net.first.weight.device());
      const Tensor difference = net(x) - x["..., :2"];
      Tensors g = grad({mean(difference * difference)}, net.parameters());
      nn::clip_grad_norm_(g, 0.5);
      adam.step(g);
      ema.update();
    }
  }
  nn::Checkpoint checkpoint() const {
    nn::Checkpoint c{.step = step,
                     .random = generator.state(),
                     .data_position = 1u + (std::uint64_t{1} << 60),
                     .schedule = schedule,
                     .config = R"({"name": "toy", "sizes": [3, 8, 2]})",
                     .weights = {},
                     .optimizer = {},
                     .ema = {}};
    c.capture(net, &adam, &ema);
    return c;
  }
  void resume(const nn::Checkpoint& c) {
    c.restore(net, &adam, &ema);
    step = c.step;
    generator.set_state(c.random);
  }

  std::int64_t step = 0;
  nn::Schedule schedule = nn::Schedule::cosine(40, 5, 0.1);
  Generator generator;
  Net net;
  nn::Adam adam;
  nn::Ema ema;
};

bool same_bits(const NamedTensors& a, const NamedTensors& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, x] : a) {
    const auto y = b.find(name);
    if (y == b.end() || x.shape() != y->second.shape() || x.dtype() != y->second.dtype()) return false;
    if (std::memcmp(x.raw(), y->second.raw(), static_cast<std::size_t>(x.numel()) * size_of(x.dtype())) != 0)
      return false;
  }
  return true;
}

std::vector<std::string> entries(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

nn::Checkpoint tiny(std::int64_t step) {
  nn::Checkpoint c;
  c.step = step;
  c.weights.emplace("w", full({2}, static_cast<double>(step)));
  return c;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("checkpoint: a resumed run equals the uninterrupted one, bit for bit") {
  TempDir dir;
  Run straight(7);
  straight.train(30);

  Run first(7);
  first.train(17);
  nn::CheckpointDir(dir / "run").save(first.checkpoint());

  Run resumed(99);  // everything but the checkpoint differs
  resumed.train(3);
  std::string warnings;
  const auto c = nn::latest_checkpoint(dir / "run", &warnings);
  REQUIRE(c.has_value());
  CHECK(warnings.empty());
  CHECK(c->step == 17);
  CHECK(c->data_position == 1u + (std::uint64_t{1} << 60));
  CHECK(c->random == first.generator.state());
  CHECK(c->schedule == first.schedule);
  CHECK(c->config == R"({"name":"toy","sizes":[3,8,2]})");
  resumed.resume(*c);
  resumed.train(13);

  const auto a = straight.checkpoint(), b = resumed.checkpoint();
  CHECK(same_bits(a.weights, b.weights));
  CHECK(same_bits(a.optimizer, b.optimizer));
  CHECK(same_bits(a.ema, b.ema));
  CHECK(a.ema_updates == 30);
  CHECK(b.ema_updates == 30);
  CHECK(a.step == b.step);
  CHECK(a.random == b.random);
}

TEST_CASE("checkpoint: what was captured stays as it was, and is restored in memory too") {
  Run straight(7), run(7);
  straight.train(12);
  run.train(5);
  const auto kept = run.checkpoint();
  const auto state = run.adam.state_dict();
  const Tensor weight = kept.weights.at("first.weight").clone(), moment = state.at("first.weight.exp_avg").clone();
  run.train(9);
  CHECK(equal(kept.weights.at("first.weight"), weight));
  CHECK(equal(state.at("first.weight.exp_avg"), moment));
  CHECK(state.at("first.weight.step").item<std::int64_t>() == 5);
  CHECK(kept.ema_updates == 5);
  run.resume(kept);
  run.train(7);
  const auto a = straight.checkpoint(), b = run.checkpoint();
  CHECK(same_bits(a.weights, b.weights));
  CHECK(same_bits(a.optimizer, b.optimizer));
  CHECK(same_bits(a.ema, b.ema));
}

TEST_CASE("checkpoint: a run goes on on another device, sim, and back") {
  Run a(1), b(1), there(2, simulated), back(3);
  a.train(12);
  b.train(4);
  there.resume(b.checkpoint());
  there.train(4);
  CHECK(there.net.first.weight.device() == simulated);
  TempDir dir;
  nn::CheckpointDir(dir / "run").save(there.checkpoint());
  back.resume(nn::load_checkpoint(nn::checkpoint_path(dir / "run", 8)));
  back.train(4);
  CHECK(allclose(back.net.first.weight.detach(), a.net.first.weight.detach(), 1e-4, 1e-5));
  for (const auto& [name, average] : a.ema.averages())
    CHECK(allclose(back.ema.averages().at(name), average, 1e-4, 1e-5));
}

TEST_CASE("checkpoint: ema.safetensors holds weights and nothing else") {
  TempDir dir;
  Run run(3);
  run.train(4);
  nn::CheckpointDir(dir / "run").save(run.checkpoint());
  const std::string folder = nn::checkpoint_path(dir / "run", 4);
  Run other(5);
  CHECK(other.net.load_state_dict(load_safetensors(folder + "/ema.safetensors")).empty());
  CHECK(equal(other.net.first.weight.detach(), run.ema.averages().at("first.weight")));
}

TEST_CASE("checkpoint: the last k stay, one of the same step is replaced, newer ones are left alone") {
  TempDir dir;
  nn::CheckpointDir folder(dir / "a/b", 2);
  for (const std::int64_t step : {1, 2, 3}) folder.save(tiny(step));
  CHECK(entries(dir / "a/b") == Names{"step-00000002", "step-00000003"});
  auto again = tiny(3);
  again.weights["w"] = full({2}, 33);
  folder.save(again);
  CHECK(nn::load_checkpoint(nn::checkpoint_path(dir / "a/b", 3)).weights.at("w").to_vector<float>()[0] == 33);
  CHECK(entries(dir / "a/b") == Names{"step-00000002", "step-00000003"});
  folder.save(tiny(1));  // gone back to step 0 by hand
  CHECK(nn::checkpoint_steps(dir / "a/b") == std::vector<std::int64_t>{1, 2, 3});
  folder.save(tiny(123456789012));
  CHECK(nn::checkpoint_steps(dir / "a/b") == std::vector<std::int64_t>{3, 123456789012});
  CHECK(nn::latest_checkpoint(dir / "a/b")->step == 123456789012);
  CHECK_FALSE(nn::latest_checkpoint(dir / "a/b")->weights.empty());
  CHECK_FALSE(nn::latest_checkpoint(dir / "nowhere").has_value());
}

TEST_CASE("checkpoint: what an interrupted save left is not seen, and removed by the next run") {
  TempDir dir;
  const std::string run = dir / "run";
  nn::CheckpointDir(run).save(tiny(5));
  fs::copy(run + "/step-00000005", run + "/.step-00000009.tmp-1234",
           fs::copy_options::recursive);                 // killed before the rename
  fs::create_directory(run + "/.step-00000007.tmp-99");  // killed at the start
  fs::copy(run + "/step-00000005", run + "/.step-00000002.old", fs::copy_options::recursive);  // killed while removing
  write_file(run + "/notes.txt", "the user's own");
  fs::create_directory(run + "/step-final");
  std::string warnings;
  CHECK(nn::latest_checkpoint(run, &warnings)->step == 5);
  CHECK(warnings.empty());
  CHECK(entries(run).size() == 6);  // a reader removes nothing
  nn::CheckpointDir again(run);
  CHECK(entries(run) == Names{"notes.txt", "step-00000005", "step-final"});
}

TEST_CASE("checkpoint: damage of any byte of any file is found, and latest falls back with a warning") {
  TempDir dir;
  const std::string run = dir / "run", older = run + "/step-00000001", newer = run + "/step-00000002";
  nn::CheckpointDir folder(run);
  Run r(1);
  r.train(1);
  folder.save(r.checkpoint());
  r.train(1);
  folder.save(r.checkpoint());
  CHECK(entries(newer) ==
        Names{"checkpoint.json", "checksums.txt", "ema.safetensors", "optimizer.safetensors", "weights.safetensors"});

  const auto broken = [&](const std::string& how) {
    INFO(how);
    CHECK(error_of([&] { nn::load_checkpoint(newer); }) != "no error");
    std::string warnings;
    const auto c = nn::latest_checkpoint(run, &warnings);
    REQUIRE(c.has_value());
    CHECK(c->step == 1);
    CHECK(warnings.find("skipped " + newer + ": [") == 0);
  };
  for (const auto& name : entries(newer)) {
    const std::string path = newer + "/" + name, whole = read_file(path);
    for (std::size_t i = 0; i < whole.size(); i += std::max<std::size_t>(1, whole.size() / 40)) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
      write_file(path, bytes);
      broken(name + " with byte " + std::to_string(i) + " flipped");
    }
    for (const std::size_t length : {std::size_t{0}, whole.size() / 2, whole.size() - 1}) {
      write_file(path, whole.substr(0, length));
      broken(name + " cut to " + std::to_string(length));
    }
    write_file(path, whole + "x");
    broken(name + " with a byte more");
    fs::remove(path);
    broken(name + " removed");
    write_file(path, whole);
  }
  CHECK(nn::latest_checkpoint(run)->step == 2);
  write_file(newer + "/weights.safetensors", read_file(older + "/weights.safetensors"));
  broken("weights of another step");
  CHECK(error_of([&] { nn::load_checkpoint(newer); }).find("weights.safetensors' is damaged") != std::string::npos);
}

TEST_CASE("checkpoint: errors") {
  TempDir dir;
  const std::string run = dir / "run";
  CHECK(error_of([&] { nn::CheckpointDir bad(run, 0); }) ==
        "[checkpoint] expected to keep at least 1 checkpoint; got 0");
  write_file(dir / "file", "x");
  CHECK(error_of([&] { nn::CheckpointDir bad(dir / "file"); }).find("to write in") != std::string::npos);
  CHECK(error_of([&] { nn::load_checkpoint(dir / "none"); }) ==
        "[checkpoint] expected to read '" + (dir / "none") + "/checksums.txt'; got No such file or directory");
  nn::CheckpointDir folder(run);
  auto c = tiny(-1);
  CHECK(error_of([&] { folder.save(c); }) == "[save_checkpoint] expected a step of at least 0; got -1");
  c.step = 1;
  c.config = "{\"a\": 1, \"a\": 2}";
  CHECK(error_of([&] { folder.save(c); }) == "[save_checkpoint] expected each key once; got 'a' again; in config");
  c.config = "{";
  CHECK(error_of([&] { folder.save(c); }) ==
        "[save_checkpoint] expected well-formed JSON; got a mistake at byte 2; in config");
  CHECK(entries(run).empty());  // a failed save leaves nothing

  Run r(1);
  nn::Checkpoint without;
  without.capture(r.net, &r.adam);
  CHECK(error_of([&] { without.restore(r.net, &r.adam, &r.ema); }) ==
        "[checkpoint] expected averaged weights; got a checkpoint without; it was saved without an Ema");
  without.weights.erase("first.bias");
  CHECK(error_of([&] { without.restore(r.net); }) ==
        "[load_state_dict] expected the 4 names, shapes and dtypes of the module; got missing: first.bias");
}
