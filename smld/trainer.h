// SPDX-License-Identifier: MIT
// Training NCSN: one folder a run, which can be interrupted at any moment and continues bit for bit.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "nn/ncsn.h"
#include "smld/config.h"

namespace stein::smld {

struct RunOptions {
  std::int64_t steps = 0;                   ///< total number of steps; 0: the configuration's
  std::optional<double> minutes{};          ///< ends the training after so long, however many steps that makes
  bool progress = true;                     ///< a progress bar on standard error
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal handler: save and return
};

enum class RunResult : std::uint8_t { finished, interrupted };

/// A run folder holds config.json; metrics.csv, one row a step; loss.svg; samples/, grids on the way; checkpoints/;
/// and, when the run is finished, samples.png.
///
/// All random numbers of step k come from the seed and k, so the weights after k steps do not depend on where the run
/// was interrupted. NaN or infinity in the loss or the gradients stops the run before the weights change; the error names the
/// op, and the last checkpoint stands.
class Trainer {
 public:
  /// Starts a run in `folder`, which must not exist or be empty. Throws Error otherwise, and when the data cannot be used.
  static Trainer start(const std::string& folder, const TrainConfig& config);
  /// Continues the run of `folder` from its last checkpoint.
  static Trainer resume(const std::string& folder);
  Trainer(Trainer&&) noexcept;
  ~Trainer();

  /// Trains to the end, evaluates, draws the samples. Called again with more steps it goes on.
  RunResult run(const RunOptions& options = {});

  std::int64_t step() const;
  const TrainConfig& config() const;

 private:
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A finished or unfinished run's network, for sampling.
struct TrainedNetwork {
  TrainConfig config;
  nn::NCSN network;    ///< with the averaged weights unless asked otherwise
  Shape sample_shape;  ///< (C, H, W)
  std::int64_t step;
};
/// Throws Error when `folder` is no run folder or has no checkpoint.
TrainedNetwork load_run(const std::string& folder, bool averaged = true);

/// `count` images (count, C, H, W) by annealed Langevin dynamics from uniform noise, clipped to [0, 1].
Tensor draw_samples(const nn::NCSN& network, const TrainConfig& config, const Shape& sample_shape, std::int64_t count,
                    std::int64_t steps_per_level, std::uint64_t seed, bool progress,
                    const std::atomic<bool>* stop = nullptr);

}  // namespace stein::smld
