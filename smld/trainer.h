// SPDX-License-Identifier: MIT
// Training NCSN: one folder a run, which can be interrupted at any moment and continues bit for bit.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "smld/trained.h"

namespace stein::smld {

/// Of Trainer::run().
struct RunOptions {
  std::optional<double> minutes{};          ///< ends the training after so long, however many steps that makes
  bool progress = true;                     ///< a progress bar on standard error
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal handler: save and return
  bool replay = false;  ///< record a step's loss and gradients, and replay them (tensor/replay.h): same numbers
};

/// What may change when a run is continued; written to its config.json.
struct Changes {
  std::optional<std::int64_t> steps{};    ///< the new total
  std::optional<double> learning_rate{};  ///< from the next step on
};

/// How run() ended.
enum class RunResult : std::uint8_t { finished, interrupted };

/// A run folder holds config.json; metrics.csv, one row a step; loss.svg; samples/, grids on the way; checkpoints/;
/// gaussian.npy, eigenvalues of the data's covariance; and, when the run is finished, samples.png.
///
/// All random numbers of step k come from the seed and k, so the weights after k steps do not depend on where the run
/// was interrupted. NaN or infinity in the loss or the gradients stops the run before the weights change; the error names the
/// op, and the last checkpoint stands.
class Trainer {
 public:
  /// Starts a run in `folder`, which must not exist or be empty. Throws Error otherwise, and, before anything is written, when the
  /// data or the configuration cannot be used. Computes on `device`; a run may go on on another one.
  static Trainer start(const std::string& folder, const TrainConfig& config, const Device& device = cpu);
  /// Continues the run of `folder` from its last whole checkpoint. Throws Error when there is none although steps were made, and
  /// when the data are not those it began with.
  static Trainer resume(const std::string& folder, const Changes& changes = {}, const Device& device = cpu);
  Trainer(Trainer&&) noexcept;  ///< leaves an object that can only be destroyed
  ~Trainer();

  /// Trains to the end, evaluates, draws the samples.
  RunResult run(const RunOptions& options = {});

  std::int64_t step() const;          ///< updates made
  const TrainConfig& config() const;  ///< as in config.json

 private:
  struct State;
  explicit Trainer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stein::smld
