// SPDX-License-Identifier: MIT
// Optimisers with PyTorch's update rules and option names. Updates are in place, in one pass over all parameters, and have
// the same bits for any number of threads and any SIMD level.
#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace stein::nn {

class Ema;
namespace detail {
struct UpdateRule;
}

/// Of SGD; PyTorch's names and meaning.
struct SGDOptions {
  double lr = 1e-3;         ///< learning rate
  double momentum = 0;      ///< share of the last direction that is kept
  double dampening = 0;     ///< share of the gradient left out of the momentum
  double weight_decay = 0;  ///< times the parameter, added to the gradient
  bool nesterov = false;    ///< looks ahead along the momentum; needs momentum without dampening
};

/// Of Adam.
struct AdamOptions {
  double lr = 1e-3;         ///< learning rate
  double beta1 = 0.9;       ///< decay of the mean of gradients
  double beta2 = 0.999;     ///< decay of the mean of their squares
  double eps = 1e-8;        ///< added to the root of the latter
  double weight_decay = 0;  ///< times the parameter, added to the gradient
};

/// Of AdamW.
struct AdamWOptions {
  double lr = 1e-3;            ///< learning rate
  double beta1 = 0.9;          ///< decay of the mean of gradients
  double beta2 = 0.999;        ///< decay of the mean of their squares
  double eps = 1e-8;           ///< added to the root of the latter
  double weight_decay = 1e-2;  ///< lr times this times the parameter is taken off it
};

/// What the optimisers share: named parameters in groups with options of their own, and state under stable names.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update from every parameter's grad(). Parameters without one are left as they are, with their state.
  void step();
  /// One update from `gradients`, one for each of parameters() (undefined: left as it is). Throws Error when their
  /// number, a shape, a dtype or a device is wrong; then nothing has changed.
  void step(const Tensors& gradients);
  /// The same followed by ema.update(), in one pass over memory.
  void step(const Tensors& gradients, Ema& ema);
  /// Drops the gradients of all parameters.
  void zero_grad();

  /// In the order in which they were given.
  Tensors parameters() const;
  /// Multiplies every group's learning rate from the next step on: what a Schedule returns.
  void set_lr_factor(double factor);
  double lr_factor() const { return lr_factor_; }  ///< 1 at first

  /// "parameter.slot" for all that a resumed run needs to go on bit for bit, the options excepted; parameters not yet
  /// updated have none. Copies: later steps do not change them.
  NamedTensors state_dict() const;
  /// Copies a saved state in. Throws Error that lists names that are not expected or lacking and wrong shapes or dtypes;
  /// then nothing has changed.
  void load_state_dict(const NamedTensors& state);

 protected:
  /// A parameter and what is kept for it.
  struct Entry {
    std::string name;        ///< dotted path
    Tensor parameter;        ///< shared with the module
    std::size_t group;       ///< in the order of add_group()
    std::int64_t steps = 0;  ///< updates made
    Tensors slots;           ///< as slot_names(); made by the first update
  };

  Optimizer() = default;
  /// Throws Error when a name or a parameter stands twice.
  void add_entries(const NamedList& parameters, std::size_t group);
  /// Names of the tensors kept for a parameter of `group`.
  virtual std::vector<std::string> slot_names(std::size_t group) const = 0;
  /// What is done to entry.parameter; entry.steps counts this update.
  virtual detail::UpdateRule rule(const Entry& entry) const = 0;

 private:
  void step(const Tensors& gradients, Ema* ema);
  std::vector<Entry> entries_;
  double lr_factor_ = 1;
};

/// Stochastic gradient descent, with momentum (Polyak; Nesterov), as in PyTorch.
class SGD : public Optimizer {
 public:
  /// All parameters in one group.
  explicit SGD(const Module& module, const SGDOptions& options = {}) : SGD(module.named_parameters(), options) {}
  /// These parameters in one group.
  explicit SGD(const NamedList& parameters, const SGDOptions& options = {}) { add_group(parameters, options); }
  /// With options of their own; throws Error for options out of range.
  void add_group(const NamedList& parameters, const SGDOptions& options);

 private:
  std::vector<std::string> slot_names(std::size_t group) const override;
  detail::UpdateRule rule(const Entry& entry) const override;
  std::vector<SGDOptions> groups_;
};

/// Adam (Kingma and Ba 2015); weight decay is added to the gradient.
class Adam : public Optimizer {
 public:
  /// All parameters in one group.
  explicit Adam(const Module& module, const AdamOptions& options = {}) : Adam(module.named_parameters(), options) {}
  /// These parameters in one group.
  explicit Adam(const NamedList& parameters, const AdamOptions& options = {}) { add_group(parameters, options); }
  /// With options of their own; throws Error for options out of range.
  void add_group(const NamedList& parameters, const AdamOptions& options);

 private:
  std::vector<std::string> slot_names(std::size_t group) const override;
  detail::UpdateRule rule(const Entry& entry) const override;
  std::vector<AdamOptions> groups_;
};

/// AdamW (Loshchilov and Hutter 2019); weight decay shrinks the parameter.
class AdamW : public Optimizer {
 public:
  /// All parameters in one group.
  explicit AdamW(const Module& module, const AdamWOptions& options = {}) : AdamW(module.named_parameters(), options) {}
  /// These parameters in one group.
  explicit AdamW(const NamedList& parameters, const AdamWOptions& options = {}) { add_group(parameters, options); }
  /// With options of their own; throws Error for options out of range.
  void add_group(const NamedList& parameters, const AdamWOptions& options);

 private:
  std::vector<std::string> slot_names(std::size_t group) const override;
  detail::UpdateRule rule(const Entry& entry) const override;
  std::vector<AdamWOptions> groups_;
};

/// The norm of all gradients together, undefined ones left out; scales them by min(1, max_norm / (norm + 1e-6)) when it
/// is finite, and leaves them as they are when it is not. Sums in f64, in an order that depends on the sizes alone.
/// max_norm of infinity only measures. Throws Error for a negative or NaN max_norm.
double clip_grad_norm_(Tensors& gradients, double max_norm);
/// The same for what grad() of the parameters holds; scaled gradients are new tensors, as gradients may share elements.
double clip_grad_norm_(const Module& module, double max_norm);

}  // namespace stein::nn
