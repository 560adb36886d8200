// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stein::smld {

/// Everything that decides the course of a training run; written to config.json in the run folder.
struct TrainConfig {
  std::string preset = "quickstart";
  std::string data = "fashion-mnist";  ///< a name or path for open_data
  std::int64_t image_size = 0;         ///< for image folders and "shapes"; 0: as the data are
  std::int64_t data_count = 0;         ///< most samples used; 0: all

  /// Of the training data, filled in when the run starts: what a resumed run must find again.
  std::int64_t channels = 0, height = 0, width = 0, data_size = 0, data_crc32 = 0;

  std::int64_t ngf = 16, levels = 10;
  double sigma_max = 1, sigma_min = 0.01;

  std::int64_t batch = 64, steps = 1100;
  double learning_rate = 1e-3, clip_norm = 0;  ///< clip_norm 0: no clipping
  double ema_decay = 0.995;                    ///< 0: the last weights
  bool ema_warmup = true;
  bool flip = false;       ///< mirrors every other image, at random
  bool dequantize = true;  ///< x 255/256 + U/256, as published
  std::uint64_t seed = 0;

  std::int64_t evaluate_every = 100, evaluate_count = 64;  ///< held-out loss: steps between, samples per level
  std::int64_t final_evaluate_count = 1024;                ///< samples per level after the last step
  std::int64_t checkpoint_every = 500;                     ///< steps
  double checkpoint_minutes = 5;                           ///< and at least this often
  std::int64_t keep_checkpoints = 2;

  std::int64_t sample_count = 25, steps_per_level = 60;
  double epsilon = 2e-5;  ///< Langevin step size at the last level, full-step convention
};

/// "tiny", "quickstart", "mnist", "cifar10". Throws Error for other names.
TrainConfig preset(const std::string& name);

/// Sets one field from text: numbers, true and false as in JSON, strings as they are. Throws Error for unknown fields and
/// values of another type.
void set_field(TrainConfig& config, const std::string& field, const std::string& value);

/// Throws Error, naming the field, when a value makes no sense.
void check_config(const TrainConfig& config);

/// JSON with one line a field, in both directions. Reading throws Error for unknown or missing fields and wrong types, writing for
/// a data path that is not UTF-8.
std::string to_json(const TrainConfig& config);
TrainConfig config_from_json(const std::string& text);

}  // namespace stein::smld
