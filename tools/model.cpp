// SPDX-License-Identifier: MIT
#include "tools/model.h"

#include <algorithm>

#include "nn/energy_mlp.h"
#include "nn/mlp.h"
#include "nn/ncsn.h"
#include "nn/unet.h"
#include "ops/ops.h"
#include "smld/energy.h"
#include "smld/trained.h"
#include "tensor/npy.h"

namespace stein::tools {

Model new_model(const ModelArgs& args, Generator& generator) {
  Model m;
  m.dtype = args.dtype == "f64" ? f64 : f32;
  m.device = parse_device(args.device);
  const auto finish = [&](auto network) {
    network->to(m.dtype);
    network->to(m.device);
    m.module = network;
    return network;
  };
  const bool sized = args.model == "mlp" || args.model == "energy";
  if (sized && args.sizes.size() < 2)
    fail(args.model.c_str(), "--sizes with at least two numbers, for example 2,128,128,2",
         std::to_string(args.sizes.size()));
  if (args.model == "energy") {
    if (args.sizes.back() != 1)
      fail("energy", "--sizes that end with 1, the energy", std::to_string(args.sizes.back()));
    auto net = finish(std::make_shared<nn::EnergyMLP>(
        args.sizes.front(), std::vector(args.sizes.begin() + 1, args.sizes.end() - 1), args.activation, generator));
    m.score = smld::score_of(smld::LevelEnergy([net](const Tensor& x, const Tensor&) { return (*net)(x); }));
  } else if (args.model == "mlp") {
    auto net = finish(std::make_shared<nn::MLP>(args.sizes, args.activation, generator));
    m.score = [net](const Tensor& x, const Tensor&) { return (*net)(x); };
  } else if (args.model == "unet") {
    auto net = finish(std::make_shared<nn::UNet>(
        nn::UNetOptions{.channels = args.channels, .width = args.ngf, .groups = args.ngf % 4 == 0 ? 4 : 1}, generator));
    m.score = [net](const Tensor& x, const Tensor& t) { return (*net)(x, t); };
  } else {
    auto net = finish(std::make_shared<nn::NCSN>(
        nn::NCSNOptions{.channels = args.channels, .ngf = args.ngf, .levels = args.levels}, generator));
    m.score = [net](const Tensor& x, const Tensor& y) { return (*net)(x, y); };
  }
  return m;
}

Model load_model(ModelArgs& args) {
  if (!args.run.empty()) {
    Model m;
    m.dtype = args.dtype == "f64" ? f64 : f32;
    m.device = parse_device(args.device);
    const auto run = std::make_shared<smld::TrainedNetwork>(smld::load_run(args.run, true, m.device));
    run->network.to(m.dtype);
    m.module = std::shared_ptr<nn::Module>(run, &run->network);
    m.score = [run](const Tensor& x, const Tensor& y) { return run->network(x, y); };
    args.model = "ncsn";
    args.levels = run->config.levels;
    args.channels = run->config.channels;
    return m;
  }
  if (args.weights.empty()) fail("model", "--weights FILE or --run DIR", "neither");
  Generator generator(0);
  Model m = new_model(args, generator);
  m.module->load_state_dict(load_safetensors(args.weights), {.strict = true, .convert = true});
  m.module->eval();
  return m;
}

Tensor read_array(const std::string& path, const Model& model) {
  return load_npy(path).to(model.dtype).to(model.device);
}

Tensor read_levels(const std::string& path, const ModelArgs& args, std::int64_t batch) {
  if (args.model != "ncsn") return {};
  if (path.empty()) fail("ncsn", "--level y.npy, the noise level of each input", "none");
  const Tensor y = load_npy(path);
  if (y.shape() != Shape{batch} || y.dtype() != i64)
    fail("ncsn", "levels i64 (" + std::to_string(batch) + ",)", describe(y) + " in " + path);
  for (auto l : y.to_vector<std::int64_t>())
    if (l < 0 || l >= args.levels)
      fail("ncsn", "levels from 0 to " + std::to_string(args.levels - 1), std::to_string(l) + " in " + path);
  return y.to(parse_device(args.device));
}

}  // namespace stein::tools
