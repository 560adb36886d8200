// SPDX-License-Identifier: MIT
// `stein trace`: every method through the program, against the unit-vector loop.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/energy_mlp.h"
#include "nn/mlp.h"
#include "ops/ops.h"
#include "smld/trace.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "tests/tools/program.h"

using namespace stein;
using namespace stein::test;

namespace {

struct Files {
  TempDir dir;
  std::string at(const char* name) const { return (dir.path() / name).string(); }
  Tensor x;

  template <class Net>
  explicit Files(const Net& net) {
    Generator g(2);
    x = randn({6, 4}, g, f64);
    save_npy(at("x.npy"), x);
    save_safetensors(at("w.safetensors"), net.state_dict());
  }
  std::vector<std::string> command(const std::string& model, const std::string& sizes,
                                   std::vector<std::string> rest) const {
    std::vector<std::string> args{
        "trace",     "--model",           model,     "--sizes",   sizes,     "--activation", "softplus",
        "--weights", at("w.safetensors"), "--input", at("x.npy"), "--dtype", "f64",          "--out",
        at("t.npy")};
    args.insert(args.end(), rest.begin(), rest.end());
    return args;
  }
};

}  // namespace

TEST_CASE(
    "stein trace: every exact method gives the loop's traces, the estimators theirs with as many probes as "
    "dimensions") {
  Generator g(1);
  const nn::MLP two({4, 7, 9, 4}, "softplus", g), three({4, 7, 9, 8, 4}, "softplus", g);
  const Files a(two), b(three);
  const auto traces = [](const Files& f, const std::string& sizes, const std::vector<std::string>& rest) {
    const auto r = run(f.dir, f.command("mlp", sizes, rest));
    INFO(r.err);
    REQUIRE(r.code == 0);
    return load_npy(f.at("t.npy"));
  };
  for (const Files* f : {&a, &b}) {
    const std::string sizes = f == &a ? "4,7,9,4" : "4,7,9,8,4";
    const Tensor naive = traces(*f, sizes, {"--method", "naive"});
    CHECK(naive.shape() == Shape{6});
    for (const char* method : {"exact", "chunked", "structured", f == &a ? "collapsed" : "cyclic"})
      CHECK(amax(abs(traces(*f, sizes, {"--method", method, "--memory", "1"}) - naive)).item() < 1e-12);
    CHECK(amax(abs(traces(*f, sizes, {"--method", "hutchinson", "--law", "orthogonal", "--probes", "4"}) - naive))
              .item() < 1e-10);
    CHECK(amax(abs(traces(*f, sizes, {"--method", "hutch++", "--probes", "12"}) - naive)).item() < 1e-10);
    CHECK(amax(abs(traces(*f, sizes, {"--method", "xtrace", "--probes", "8"}) - naive)).item() < 1e-8);
    const std::vector<std::string> fd{"--method", "fd", "--law", "orthogonal", "--probes", "4", "--step", "1e-4"};
    CHECK(amax(abs(traces(*f, sizes, fd) - naive)).item() < 1e-6);
    // The seed names the probes.
    const std::vector<std::string> one{"--method", "hutchinson", "--seed", "5"};
    const Tensor first = traces(*f, sizes, one);
    CHECK(equal(first, traces(*f, sizes, one)));
    CHECK_FALSE(equal(first, traces(*f, sizes, {"--method", "hutchinson", "--seed", "6"})));
  }
}

TEST_CASE("stein trace knows energies, explains itself, and says what is wrong") {
  Generator g(1);
  const nn::EnergyMLP net(4, {7, 5}, "softplus", g);
  const Files f(net);
  REQUIRE(run(f.dir, f.command("energy", "4,7,5,1", {})).code == 0);
  const Tensor exact = load_npy(f.at("t.npy"));
  const auto r = run(f.dir, f.command("energy", "4,7,5,1", {"--method", "naive", "--explain"}));
  CHECK(r.out.find("4 vector-Jacobian products, 1 at a time") != std::string::npos);
  CHECK(r.out.find("multiply-adds") != std::string::npos);
  CHECK(amax(abs(load_npy(f.at("t.npy")) - exact)).item() < 1e-12);
  CHECK(amax(abs(exact)).item() > 1e-3);
  const auto j = nlohmann::json::parse(run(f.dir, f.command("energy", "4,7,5,1", {"--explain", "--json"})).out);
  CHECK(j["plan"].get<std::string>().find("chain 0") != std::string::npos);
  CHECK(j["shape"] == std::vector<int>{6});
  double first = 0, second = 0;
  for (const double t : exact.to_vector<double>()) first += t / 6, second += t * t / 6;
  CHECK(j["mean"].get<double>() == Approx(first));
  CHECK(j["standard_deviation"].get<double>() == Approx(std::sqrt(second - first * first)));
  CHECK(r.out.find("t.npy: f64 (6,), mean " + fmt::format("{:.6g}", first)) != std::string::npos);

  const auto wrong = run(f.dir, f.command("energy", "4,7,5,2", {}));
  CHECK(wrong.code == 1);
  CHECK(wrong.err.find("[energy] expected --sizes that end with 1") != std::string::npos);
  const auto order = run(f.dir, f.command("energy", "4,7,5,1", {"--method", "collapsed"}));
  CHECK(order.code == 1);
  CHECK(order.err.find("use exact or chunked") != std::string::npos);
  CHECK(run(f.dir, f.command("energy", "4,7,5,1", {"--method", "fast"})).code == 2);
  CHECK(run(f.dir, f.command("energy", "4,7,5,1", {"--probes", "0"})).code == 2);
}
