// SPDX-License-Identifier: MIT
// Checkpoints: all that a run needs to go on bit for bit, in one folder a checkpoint.
//
//   <dir>/step-00001000/   weights.safetensors     parameters and buffers under PyTorch's names
//                          optimizer.safetensors   Optimizer::state_dict()
//                          ema.safetensors         Ema::averages(), when there is an average: weights like the others
//                          checkpoint.json         step, seed, position, ... (see Checkpoint)
//                          checksums.txt           CRC-32 and size of each of these files
//
// A folder is written under a name that starts with a dot, synced, and renamed: what is called step-... is whole, whenever
// the machine stops. One process at a time writes to <dir>; any number may read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/ema.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "tensor/random.h"
#include "tensor/safetensors.h"

namespace stein::nn {

/// All that a run needs to go on bit for bit.
struct Checkpoint {
  std::int64_t step = 0;            ///< updates made
  Generator::State random;          ///< of the run's generator
  std::uint64_t data_position = 0;  ///< of the data cursor
  Schedule schedule;                ///< of the learning rate
  std::string config = "{}";        ///< JSON text of any content: what was trained, and how
  NamedTensors weights;             ///< Module::state_dict()
  NamedTensors optimizer;           ///< Optimizer::state_dict(); empty without one
  NamedTensors ema;                 ///< Ema::averages(); empty without one
  std::int64_t ema_updates = 0;     ///< Ema::updates()

  /// Copies of the weights, and where given of the optimiser's and the average's state: later updates do not change them.
  void capture(const Module& module, const Optimizer* optimizer_ = nullptr, const Ema* ema_ = nullptr);
  /// The reverse: each throws Error when names, shapes or dtypes do not fit.
  void restore(Module& module, Optimizer* optimizer_ = nullptr, Ema* ema_ = nullptr) const;
};

/// Reads one folder (step-...). Throws Error that names the file and what is wrong with it: not there, another size or
/// checksum than written, malformed, out of range, of a newer version.
Checkpoint load_checkpoint(const std::string& folder);

/// A folder of checkpoints for the process that writes it.
class CheckpointDir {
 public:
  /// Makes the folder where it is not there, and removes what an interrupted save left. At most `keep` (at least 1)
  /// checkpoints stay. Throws Error when it cannot be written.
  explicit CheckpointDir(std::string path, int keep = 3);

  /// Writes a checkpoint, replacing one of the same step, and then removes the oldest beyond `keep`. Throws Error when it
  /// cannot be written; then those that were there still are.
  void save(const Checkpoint& checkpoint);
  const std::string& path() const { return path_; }  ///< the folder

 private:
  std::string path_;
  int keep_;
};

/// Steps of the checkpoints in a folder, ascending; empty when there is no such folder.
std::vector<std::int64_t> checkpoint_steps(const std::string& dir);
/// dir/step-N, N being the step in at least eight digits.
std::string checkpoint_path(const std::string& dir, std::int64_t step);
/// The newest checkpoint that is whole. Broken ones are skipped, and `warnings` (if given) gets a line for each. Nothing when
/// there is none.
std::optional<Checkpoint> latest_checkpoint(const std::string& dir, std::string* warnings = nullptr);

}  // namespace stein::nn
