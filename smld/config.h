// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stein::smld {

/// Everything that decides the course of a training run; written to config.json in the run folder.
struct TrainConfig {
  std::string preset = "quickstart";   ///< where the values began
  std::string data = "fashion-mnist";  ///< a name or path for open_data
  std::int64_t image_size = 0;         ///< for image folders and "shapes"; 0: as the data are
  std::int64_t data_count = 0;         ///< most samples used; 0: all

  /// Of the training data, filled in when the run starts: what a resumed run must find again.
  std::int64_t channels = 0;    ///< C, and with the next:
  std::int64_t height = 0;      ///< H
  std::int64_t width = 0;       ///< W
  std::int64_t data_size = 0;   ///< samples
  std::int64_t data_crc32 = 0;  ///< of the samples' bytes

  std::int64_t ngf = 16;     ///< feature maps of NCSN
  std::int64_t levels = 10;  ///< of noise
  double sigma_max = 1;      ///< largest deviation of the geometric ladder
  double sigma_min = 0.01;   ///< smallest

  std::int64_t batch = 64;      ///< images a step
  std::int64_t steps = 1100;    ///< in all
  double learning_rate = 1e-3;  ///< of Adam
  double clip_norm = 0;         ///< largest norm of the gradient; 0: no clipping
  double ema_decay = 0.995;     ///< 0: the last weights
  bool ema_warmup = true;       ///< as Ema's
  bool flip = false;            ///< mirrors every other image, at random
  bool dequantize = true;       ///< x 255/256 + U/256, as published
  std::uint64_t seed = 0;       ///< of weights, batches and noise

  std::int64_t evaluate_every = 100;         ///< steps between two held-out losses
  std::int64_t evaluate_count = 64;          ///< samples per level for them
  std::int64_t final_evaluate_count = 1024;  ///< samples per level after the last step
  std::int64_t checkpoint_every = 500;       ///< steps
  double checkpoint_minutes = 5;             ///< and at least this often
  std::int64_t keep_checkpoints = 2;         ///< the newest that stay

  std::int64_t sample_count = 25;     ///< images of samples.png
  std::int64_t steps_per_level = 60;  ///< Langevin steps
  double epsilon = 2e-5;              ///< Langevin step size at the last level, full-step convention
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
/// The reverse of to_json().
TrainConfig config_from_json(const std::string& text);

}  // namespace stein::smld
