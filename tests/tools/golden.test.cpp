// SPDX-License-Identifier: MIT
// `stein score` and `stein loss` give PyTorch's numbers (tests/data/golden) through files and options alone.
#include <nlohmann/json.hpp>

#include "nn/mlp.h"
#include "nn/ncsn.h"
#include "tensor/npy.h"
#include "tensor/random.h"
#include "tests/nn/support.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;

namespace {

using Args = std::vector<std::string>;

Args operator+(Args a, const Args& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double loss_and_gradients(const TempDir& dir, const Args& args, NamedTensors& gradients) {
  const auto r = run(dir, args + Args{"--json", "--grads", dir / "g.safetensors"});
  INFO(r.err);
  REQUIRE(r.code == 0);
  gradients = load_safetensors(dir / "g.safetensors");
  return nlohmann::json::parse(r.out)["loss"].get<double>();
}

// The largest error of all gradients that the file holds under `prefix`.
double gradient_error(const NamedTensors& file, const std::string& prefix, const NamedTensors& gradients) {
  double scale = 0, worst = 0;
  std::size_t count = 0;
  for (const auto& [key, value] : file)
    if (key.starts_with(prefix)) scale = std::max(scale, largest(value)), ++count;
  CHECK(count == gradients.size());
  for (const auto& [name, g] : gradients) worst = std::max(worst, error(g, file.at(prefix + name), scale));
  return worst;
}

}  // namespace

TEST_CASE("the program's NCSN scores, losses and gradients are PyTorch's", "[slow]") {
  const std::pair<std::string, std::string> cases[] = {{"ncsn_28x28x1", "1"}, {"ncsn_32x32x3", "3"}};
  for (const auto& [name, channels] : cases) {
    const auto file = golden(name);
    TempDir dir;
    for (const char* key : {"x", "y", "z", "v"}) save_npy(dir / (std::string(key) + ".npy"), file.at(key));
    const std::string weights = std::string(STEIN_TEST_DATA) + "/golden/" + name + "_weights.safetensors";
    for (const std::string dtype : {"f64", "f32"}) {
      INFO(name << " " << dtype);
      const auto allowed = [&](const std::string& key) {
        return dtype == "f64" ? 1e-10 : std::max(3 * file.at("f32_error." + key).item(), 1e-6);
      };
      const Args model{"--model",  "ncsn",        "--channels", channels,     "--ngf",   "8",
                       "--levels", "10",          "--weights",  weights,      "--dtype", dtype,
                       "--input",  dir / "x.npy", "--level",    dir / "y.npy"};
      REQUIRE(run(dir, Args{"score", "--out", dir / "s.npy"} + model).code == 0);
      CHECK(error(load_npy(dir / "s.npy"), file.at("score"), largest(file.at("score"))) <= allowed("score"));
      for (const std::string loss : {"dsm", "ssm-vr"}) {
        const std::string key = loss == "dsm" ? "dsm" : "ssm_vr";
        NamedTensors g;
        const double value =
            loss_and_gradients(dir, Args{"loss", loss, "--noise", dir / "z.npy", "--probe", dir / "v.npy"} + model, g);
        CHECK(std::abs(value / file.at(key + ".loss").item() - 1) <= allowed(key + ".loss"));
        CHECK(gradient_error(file, key + ".grad.", g) <= allowed(key + ".grad"));
      }
    }
  }
}

TEST_CASE("stein score, loss and trace convolve exactly unless told --fast") {
  Generator generator(3);
  const nn::NCSN network({1, 16, 2}, generator);
  TempDir dir;
  save_safetensors(dir / "w.safetensors", network.state_dict());
  save_npy(dir / "x.npy", randn({4, 1, 16, 16}, generator));
  save_npy(dir / "y.npy", zeros({4}, i64));
  save_npy(dir / "z.npy", randn({4, 1, 16, 16}, generator));
  const Args model{"--ngf",   "16",          "--levels", "2",          "--weights", dir / "w.safetensors",
                   "--input", dir / "x.npy", "--level",  dir / "y.npy"};
  const auto by = [&](const Args& command, const std::string& file, const Args& more) {
    const auto r = run(dir, command + model + more);
    INFO(r.err);
    REQUIRE(r.code == 0);
    return file == "g" ? load_safetensors(dir / file).begin()->second : load_npy(dir / file);
  };
  const auto check = [&](const Args& command, const std::string& file) {
    const Tensor exact = by(command, file, {}), fast = by(command, file, {"--fast"}),
                 f64s = by(command, file, {"--dtype", "f64"});
    INFO(command.front());
    CHECK(error(exact.to(f64), f64s, largest(f64s)) <= 1e-5);
    CHECK(error(fast.to(f64), f64s, largest(f64s)) <= 1e-4);
    CHECK_FALSE(equal(exact, fast));
    CHECK(equal(by(command, file, {"--dtype", "f64", "--fast"}), f64s));
  };
  check({"score", "--out", dir / "s.npy"}, "s.npy");
  check({"loss", "dsm", "--noise", dir / "z.npy", "--grads", dir / "g"}, "g");
  check({"trace", "--method", "hutchinson", "--out", dir / "t.npy"}, "t.npy");
}

TEST_CASE("the program's MLP losses are PyTorch's for every activation") {
  const auto file = golden("mlp_2-16-16-2");
  TempDir dir;
  for (const char* key : {"x", "z", "v"}) save_npy(dir / (std::string(key) + ".npy"), file.at(key));
  const std::string weights = STEIN_TEST_DATA "/golden/mlp_2-16-16-2_weights.safetensors";
  const auto sigma = std::to_string(file.at("sigma").item());
  for (const std::string activation : {"tanh", "softplus", "silu", "elu", "gelu", "gelu-tanh", "relu"})
    for (const std::string loss : {"dsm", "ssm", "ssm-vr", "implicit"}) {
      INFO(activation << " " << loss);
      Args args{"loss",     loss,        "--model", "mlp",     "--sizes", "2,16,16,2", "--activation",
                activation, "--weights", weights,   "--dtype", "f64",     "--input",   dir / "x.npy"};
      if (loss == "dsm") args = args + Args{"--noise", dir / "z.npy", "--sigma", sigma};
      if (loss.starts_with("ssm")) args = args + Args{"--probe", dir / "v.npy"};
      const std::string key = activation + "." + (loss == "ssm-vr" ? "ssm_vr" : loss);
      NamedTensors g;
      const double value = loss_and_gradients(dir, args, g);
      CHECK(std::abs(value - file.at(key + ".loss").item()) <= 1e-10 * std::max(1.0, std::abs(value)));
      CHECK(gradient_error(file, key + ".grad.", g) <= 1e-10);
    }
}

TEST_CASE("stein score multiplies on sim as --math says") {
  TempDir dir;
  Generator g(1);
  save_npy(dir / "x.npy", randn({5, 4}, g));
  save_safetensors(dir / "w.safetensors", nn::MLP({4, 32, 4}, "softplus", g).state_dict());
  const auto score = [&](const Args& device) {
    const auto r = run(dir, Args{"score", "--model", "mlp", "--sizes", "4,32,4", "--weights", dir / "w.safetensors",
                                 "--input", dir / "x.npy", "--out", dir / "s.npy"} +
                                device);
    INFO(r.err);
    REQUIRE(r.code == 0);
    return load_npy(dir / "s.npy");
  };
  const Tensor here = score({});
  const auto off = [&](const char* math) {
    return largest(score({"--device", "sim", "--math", math}) - here) / largest(here);
  };
  CHECK(off("f32") < 1e-6);
  CHECK(off("bf16") > 1e-4);
  CHECK(off("bf16") < 3e-2);
  const auto unknown = run(dir, {"score", "--math", "f16", "--input", dir / "x.npy", "--out", dir / "s.npy"});
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("--math") != std::string::npos);
  for (const Args& device : {Args{}, Args{"--device", "cpu"}}) {
    const auto refused =
        run(dir, Args{"score", "--math", "bf16", "--input", dir / "x.npy", "--out", dir / "s.npy"} + device);
    CHECK(refused.code == 2);
    CHECK(refused.err.find("--math: expected f32 on the cpu, where no factor is rounded; got bf16") !=
          std::string::npos);
  }
}
