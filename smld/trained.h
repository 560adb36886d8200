// SPDX-License-Identifier: MIT
// What a training run leaves behind: a network to sample from.
#pragma once

#include <atomic>
#include <string>

#include "nn/ncsn.h"
#include "smld/config.h"

namespace stein::smld {

/// A finished or unfinished run's network.
struct TrainedNetwork {
  TrainConfig config;  ///< as the run was started
  nn::NCSN network;    ///< with the averaged weights unless asked otherwise
  Shape sample_shape;  ///< (C, H, W)
  std::int64_t step;   ///< updates made
};

/// Reads the newest checkpoint of a run folder; the network is on `device`. Throws Error when `folder` is no run folder or has
/// no whole checkpoint.
TrainedNetwork load_run(const std::string& folder, bool averaged = true, const Device& device = cpu);

/// The network of a configuration on `device`, with weights drawn from its seed; config.channels must be known.
nn::NCSN make_network(const TrainConfig& config, const Device& device = cpu);

/// config.json of a run folder. Throws Error when there is none.
TrainConfig read_config(const std::string& folder);

/// `count` images (count, C, H, W), on the cpu, by annealed Langevin dynamics from uniform noise on the network's device, clipped
/// to [0, 1], at most 64 at a time. The random numbers are the same on every device. Throws Interrupted when `stop` becomes true.
Tensor draw_samples(const nn::NCSN& network, const TrainConfig& config, std::int64_t count,
                    std::int64_t steps_per_level, std::uint64_t seed, bool progress,
                    const std::atomic<bool>* stop = nullptr);

}  // namespace stein::smld
