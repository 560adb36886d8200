// SPDX-License-Identifier: MIT
// Options, exit codes and messages of the program.
#include <nlohmann/json.hpp>

#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("every command explains itself") {
  TempDir dir;
  const auto all = run(dir, {"--help"});
  CHECK(all.code == 0);
  const auto nothing = run(dir, {});
  CHECK(nothing.code == 2);
  CHECK(nothing.err == all.out);
  for (const char* command :
       {"train", "sample", "score", "loss", "trace", "lab", "bench", "info", "gradcheck", "inspect"}) {
    INFO(command);
    CHECK(all.out.find(command) != std::string::npos);
    const auto help = run(dir, {command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.out.find("Usage: stein " + std::string(command)) != std::string::npos);
  }
}

TEST_CASE("with --json a command prints one JSON object and nothing else") {
  TempDir dir;
  for (const auto& args : std::vector<std::vector<std::string>>{{"info", "--json"}, {"gradcheck", "tanh", "--json"}}) {
    const auto r = run(dir, args);
    CHECK(r.code == 0);
    const auto j = nlohmann::json::parse(r.out);
    CHECK(j.is_object());
    CHECK(std::count(r.out.begin(), r.out.end(), '\n') == 1);
  }
}

TEST_CASE("score and loss agree with hand-made numbers of a linear network") {
  TempDir dir;
  // s(x) = W x + b: loss implicit = mean(1/2 |s|^2) + tr W
  const Tensor w = from_vector(std::vector<double>{1, 2, 3, -4}, {2, 2}),
               b = from_vector(std::vector<double>{0.5, -1}, {2});
  save_safetensors(dir / "w.safetensors", {{"0.weight", w}, {"0.bias", b}});
  save_npy(dir / "x.npy", from_vector(std::vector<double>{1, 1, 0, 2}, {2, 2}));
  const std::vector<std::string> model{"--model", "mlp",         "--sizes", "2,2", "--weights", dir / "w.safetensors",
                                       "--input", dir / "x.npy", "--dtype", "f64"};
  auto with = [&](std::vector<std::string> a) {
    a.insert(a.end(), model.begin(), model.end());
    return a;
  };
  REQUIRE(run(dir, with({"score", "--out", dir / "s.npy"})).code == 0);
  CHECK(equal(load_npy(dir / "s.npy"), from_vector(std::vector<double>{3.5, -2, 4.5, -9}, {2, 2})));
  const auto r = run(dir, with({"loss", "implicit", "--json", "--grads", dir / "g.safetensors"}));
  INFO(r.err);
  REQUIRE(r.code == 0);
  CHECK(nlohmann::json::parse(r.out)["loss"].get<double>() ==
        Approx((0.5 * (3.5 * 3.5 + 4) + 0.5 * (4.5 * 4.5 + 81)) / 2 - 3).epsilon(1e-14));
  const auto g = load_safetensors(dir / "g.safetensors");
  CHECK(equal(g.at("0.bias"), from_vector(std::vector<double>{4, -5.5}, {2})));  // mean of s
  // mean of s x^T, plus the identity from the trace
  CHECK(equal(g.at("0.weight"), from_vector(std::vector<double>{1.75 + 1, 1.75 + 4.5, -1, -1 - 9 + 1}, {2, 2})));
}

TEST_CASE("bad options and files end with a message and a code that is not 0") {
  TempDir dir;
  const auto w = dir / "w.safetensors", x = dir / "x.npy";
  save_safetensors(w, {{"0.weight", ones({2, 2})}, {"0.bias", zeros({2})}});
  save_npy(x, ones({3, 2}));
  save_npy(dir / "levels.npy", from_vector(std::vector<std::int64_t>{0, 1, 10}, {3}));
  write_file(dir / "broken.npy", "not an array");
  struct Case {
    std::vector<std::string> args;
    std::string message;
  };
  const std::vector<std::string> mlp{"--model", "mlp", "--sizes", "2,2", "--weights", w, "--input", x};
  auto plus = [](std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const Case cases[] = {
      {{"dance"},
       "stein: no command dance; one of train, sample, score, loss, trace, graph, lab, bench, info, gradcheck, "
       "inspect"},
      {{"train", "--preset", "huge", "--out", dir / "r"},
       "[preset] expected one of tiny, quickstart, mnist, cifar10; got 'huge'"},
      {{"train", "--preset", "quick", "--out", dir / "r"}, "got 'quick'; did you mean quickstart?"},
      {{"train", "--data", "shape", "--out", dir / "r"}, "got 'shape'; did you mean shapes?"},
      {{"train", "--step", "3", "--out", dir / "r"}, "did you mean --steps?"},
      {{"train", "--seeed=3", "--out", dir / "r"}, "did you mean --seed?"},
      {{"smaple", dir / "r"}, "did you mean sample?"},
      {{"gradcheck", "tnah"}, "did you mean tanh?"},
      {{"train", "--data", dir / "nothing", "--out", dir / "r"}, "nothing"},
      {{"train", "--preset", "tiny", "--batch", "0", "--out", dir / "r"},
       "[config] expected batch of at least 1; got 0"},
      {{"train", "--preset", "mnist", "--out", dir / "r"},
       "[config] expected data for the preset mnist; got none; give --data DIR, a folder with MNIST's IDX files"},
      {{"train", "--resume", dir / "nothing"},
       "[run] expected a run folder with the file " + (dir / "nothing") + "/config.json; got no such file"},
      {{"train", "--resume", dir / "r", "--seed", "1"},
       "[train] expected --resume with --steps, --minutes and --lr only"},
      {{"train", "--preset", "tiny", "--set", "sigma_maxx=2", "--out", dir / "r"},
       "[config] expected one of preset, data,"},
      {{"train", "--preset", "tiny", "--set", "sigma_maxx=2", "--out", dir / "r"},
       "got 'sigma_maxx'; did you mean sigma_max?"},
      {{"train", "--preset", "tiny", "--set", "sigma_max=big", "--out", dir / "r"},
       "[config] expected field sigma_max of the right type; got"},
      {{"train", "--preset", "tiny", "--image-size", "13", "--out", dir / "r"}, "[ncsn] expected"},
      {{"train", "--preset", "tiny", "--steps", "0", "--out", dir / "r"}, "--steps: expected a number above 0; got 0"},
      {{"train", "--preset", "tiny", "--steps", "ten", "--out", dir / "r"}, "ten"},
      {{"train", "--preset", "tiny", "--seed", "-1", "--out", dir / "r"},
       "--seed: expected a number of at least 0; got -1"},
      {{"train", "--preset", "tiny", "--set", "steps=abc", "--out", dir / "r"}, "got abc"},
      {{"sample", dir / "nothing", "--out", "grid.jpg"},
       "[sample] expected --out with a name that ends in .png or .npy"},
      {{"sample", dir / "nothing"}, "[run] expected a run folder"},
      {plus({"loss", "ssm"}, mlp), "[loss] expected --probe v.npy for ssm; got none"},
      {plus({"loss", "dsm"}, mlp), "[loss] expected --noise and --sigma for dsm; got none"},
      {plus({"loss", "nonsense"}, mlp), "nonsense"},
      {{"score", "--model", "mlp", "--sizes", "2", "--weights", w, "--input", x, "--out", dir / "s.npy"},
       "[mlp] expected"},
      {{"score", "--model", "mlp", "--sizes", "3,2", "--weights", w, "--input", x, "--out", dir / "s.npy"}, "0.weight"},
      {{"score", "--model", "mlp", "--sizes", "2,2", "--weights", w, "--input", dir / "broken.npy", "--out",
        dir / "s.npy"},
       "broken.npy"},
      {{"gradcheck", "nonsense"}, "[gradcheck] expected the name of a registered op; got 'nonsense'"},
      {{"inspect", dir / "nothing"}, "[inspect] expected an existing file or folder"},
  };
  for (const auto& c : cases) {
    const auto r = run(dir, c.args);
    INFO((c.args.empty() ? "" : c.args[0]) << ": " << r.err << r.out);
    CHECK(r.code != 0);
    CHECK(r.code < 128);
    CHECK(!std::filesystem::exists(dir / "r"));  // nothing is left in the way of the corrected command
    CHECK((r.err + r.out).find(c.message) != std::string::npos);
  }
}
