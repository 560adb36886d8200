// SPDX-License-Identifier: MIT
#pragma once

#include "nn/module.h"

namespace stein::nn {

namespace detail {
struct Update;
}

/// Exponential moving average of a module's parameters: after each update of the optimiser, average += (1 - d)(p - average)
/// with d = decay, or with warm-up d = min(decay, (1 + n) / (10 + n)), n = 1, 2, ... counting the updates. Starts as a copy
/// of the parameters. Buffers are not averaged.
class Ema {
 public:
  /// Throws Error unless 0 <= decay < 1.
  explicit Ema(const Module& module, double decay = 0.999, bool warmup = false);
  Ema(const Ema&) = delete;
  Ema& operator=(const Ema&) = delete;

  /// One update, after the optimiser's; Optimizer::step(gradients, ema) does both in one pass.
  void update();
  std::int64_t updates() const { return updates_; }  ///< made so far
  /// What the next update() will use as d.
  double next_decay() const;

  /// Exchanges the elements of parameters and averages; a second call exchanges them back.
  void swap();
  /// Swaps for as long as the result lives: `auto averaged = ema.swapped();`
  class Swapped {
   public:
    explicit Swapped(Ema& ema) : ema_(ema) { ema_.swap(); }  ///< swaps
    ~Swapped() { ema_.swap(); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;

   private:
    Ema& ema_;
  };
  [[nodiscard]] Swapped swapped() { return Swapped(*this); }  ///< until the result is destroyed

  /// The averages under their parameters' names, as Module::load_state_dict takes them; they share their elements with
  /// this object. Throws Error while swapped, for then the averages are in the module.
  NamedTensors averages() const;
  /// Goes on from saved averages() and updates(); copies them in. Throws Error that lists what is wrong; then nothing has
  /// changed.
  void restore(const NamedTensors& averages, std::int64_t updates);

 private:
  friend class Optimizer;
  void check() const;                               // Throws Error when no update can be made.
  void join(std::vector<detail::Update>& updates);  // One update, as part of theirs.
  struct Entry {
    std::string name;
    Tensor parameter, average;
  };
  std::vector<Entry> entries_;
  double decay_;
  bool warmup_;
  bool swapped_ = false;
  std::int64_t updates_ = 0;
};

}  // namespace stein::nn
