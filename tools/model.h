// SPDX-License-Identifier: MIT
// The networks of `stein score`, `stein loss`, `stein trace` and `stein graph`.
#pragma once

#include <memory>

#include "nn/module.h"
#include "smld/losses.h"
#include "tensor/random.h"
#include "tools/commands.h"

namespace stein::tools {

struct Model {
  std::shared_ptr<nn::Module> module;
  smld::LevelScore score;  ///< an MLP or an energy ignores the level; a U-Net's is a time
  DType dtype;
  Device device{};
};

/// The network that the options name, with the weights it starts from; also "unet", whose level is a time (B). Throws Error.
Model new_model(const ModelArgs& args, Generator& generator);
/// Builds the network and loads its weights, converted to the dtype; of a run folder its network, and args.levels and
/// args.channels become the run's. Throws Error.
Model load_model(ModelArgs& args);

/// An .npy file as a tensor of the model's dtype on its device.
Tensor read_array(const std::string& path, const Model& model);
/// Noise levels (B), i64, each in [0, levels), on args.device. Throws Error otherwise.
Tensor read_levels(const std::string& path, const ModelArgs& args, std::int64_t batch);

}  // namespace stein::tools
