// SPDX-License-Identifier: MIT
#include "smld/trained.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "nn/checkpoint.h"
#include "ops/ops.h"
#include "smld/detail/streams.h"
#include "smld/ladder.h"
#include "smld/progress.h"
#include "smld/samplers.h"

namespace stein::smld {

TrainConfig read_config(const std::string& folder) {
  const std::string path = folder + "/config.json";
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("run", "a run folder with the file " + path, "no such file");
  std::stringstream text;
  text << in.rdbuf();
  return config_from_json(text.str());
}

nn::NCSN make_network(const TrainConfig& c, const Device& device) {
  Generator weights = stream_of(c.seed, Stream::weights);
  nn::NCSN network({.channels = c.channels, .ngf = c.ngf, .levels = c.levels}, weights);
  network.to(device);
  return network;
}

TrainedNetwork load_run(const std::string& folder, bool averaged, const Device& device) {
  const TrainConfig config = read_config(folder);
  std::string warnings;
  const auto c = nn::latest_checkpoint(folder + "/checkpoints", &warnings);
  if (!c)
    fail("run", "a run with at least one whole checkpoint", warnings.empty() ? folder : warnings,
         "continue it with stein train --resume");
  nn::NCSN network = make_network(config, device);
  nn::Ema ema(network, config.ema_decay, config.ema_warmup);
  c->restore(network, nullptr, &ema);
  if (averaged) ema.swap();
  network.eval();
  return {config, network, Shape{config.channels, config.height, config.width}, c->step};
}

Tensor draw_samples(const nn::NCSN& network, const TrainConfig& c, std::int64_t count, std::int64_t steps_per_level,
                    std::uint64_t seed, bool progress, const std::atomic<bool>* stop) {
  constexpr std::int64_t kAtOnce = 64;
  if (count < 1) fail("draw_samples", "at least 1 image", std::to_string(count));
  const auto parts = (count + kAtOnce - 1) / kAtOnce, steps = c.levels * steps_per_level;
  const Device device = network.parameters().front().device();
  const Tensor ladder = geometric_ladder(c.sigma_max, c.sigma_min, c.levels).to(device);
  Generator g(seed);
  Progress bar("sample", 0, parts * steps, progress);
  Tensors images;
  for (std::int64_t part = 0; part < parts; ++part) {
    AnnealedOptions options;
    options.steps_per_level = steps_per_level;
    options.epsilon = c.epsilon;
    options.progress = [&](std::int64_t done, std::int64_t) {
      bar.update(part * steps + done, fmt::format("{} images ", count));
      return !(stop && stop->load());
    };
    const auto n = std::min(kAtOnce, count - part * kAtOnce);
    const Tensor x = annealed_langevin([&](const Tensor& t, const Tensor& y) { return network(t, y); }, ladder,
                                       uniform({n, c.channels, c.height, c.width}, g, 0, 1, f32, device), g, options);
    images.push_back(clamp(x, 0, 1).to(cpu));
  }
  return images.size() == 1 ? images[0] : concat(images, 0);
}

}  // namespace stein::smld
