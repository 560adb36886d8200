// SPDX-License-Identifier: MIT
#include "nn/optim.h"

#include <cmath>
#include <set>

#include "autograd/profile.h"
#include "nn/detail/grad_norm.h"
#include "nn/detail/update.h"
#include "nn/ema.h"
#include "ops/ops.h"
#include "tensor/recording.h"
#include "tensor/replay.h"
#include "tensor/thread_pool.h"

namespace stein::nn {

using detail::pick;
using detail::row_major_of;
using detail::UpdateRule;

namespace {

constexpr std::int64_t kGrain = std::int64_t{1} << 15;  // elements that a thread sums up or scales at a time

void check_non_negative(const char* op, std::initializer_list<std::pair<const char*, double>> values) {
  for (const auto& [name, value] : values)
    if (!(value >= 0) || !std::isfinite(value)) fail(op, std::string(name) + " of at least 0", std::to_string(value));
}

void check_betas(const char* op, double beta1, double beta2) {
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1))
    fail(op, "betas in [0, 1)", std::to_string(beta1) + ", " + std::to_string(beta2));
}

}  // namespace

// ---- what they share ----

void Optimizer::add_entries(const NamedList& parameters, std::size_t group) {
  for (const auto& [name, parameter] : parameters) {
    for (const auto& entry : entries_)
      if (entry.name == name || entry.parameter.handle() == parameter.handle())
        fail("optimizer", "each parameter once", "\"" + name + "\" again");
    if (!is_floating(parameter.dtype()) || !parameter.is_contiguous())
      fail("optimizer", "row-major parameters of dtype f32 or f64", "\"" + name + "\" " + describe(parameter));
    entries_.push_back({name, parameter, group, 0, {}});
  }
}

Tensors Optimizer::parameters() const {
  Tensors out;
  for (const auto& entry : entries_) out.push_back(entry.parameter);
  return out;
}

void Optimizer::set_lr_factor(double factor) {
  check_non_negative("optimizer", {{"a learning rate factor", factor}});
  lr_factor_ = factor;
}

void Optimizer::zero_grad() {
  for (auto& entry : entries_)
    if (entry.parameter.requires_grad()) entry.parameter.set_grad({});
}

void Optimizer::step() {
  Tensors gradients;
  for (const auto& entry : entries_) gradients.push_back(entry.parameter.grad());
  step(gradients);
}

void Optimizer::step(const Tensors& gradients) { step(gradients, nullptr); }
void Optimizer::step(const Tensors& gradients, Ema& ema) { step(gradients, &ema); }

void Optimizer::step(const Tensors& gradients, Ema* ema) {
  stein::detail::not_while_recording("an optimizer's step",
                                     "its numbers change: return the gradients, and step after the replay");
  if (gradients.size() != entries_.size())
    fail("optimizer", "a gradient for each of " + std::to_string(entries_.size()) + " parameters",
         std::to_string(gradients.size()));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!gradients[i].defined()) continue;
    detail::check_like("optimizer", "a gradient for " + entry.name + " like the parameter,", gradients[i],
                       entry.parameter);
    for (const auto& slot : entry.slots)
      detail::check_like("optimizer", "the parameter " + entry.name + " as at the first step,", entry.parameter, slot);
  }
  if (ema) ema->check();
  NoGrad guard;
  stein::detail::TimedOp timed("optimizer");
  std::vector<detail::Update> updates;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Entry& entry = entries_[i];
    if (!gradients[i].defined()) continue;
    if (entry.slots.empty())
      for (std::size_t k = 0; k < slot_names(entry.group).size(); ++k)
        entry.slots.push_back(zeros_like(entry.parameter));
    ++entry.steps;
    updates.push_back({rule(entry), entry.parameter, row_major_of(gradients[i]), entry.slots});
    if (timed.on()) {  // parameter and slots are read and written
      Tensors read{entry.parameter}, written{entry.parameter};
      for (const auto& slot : entry.slots) read.push_back(slot), written.push_back(slot);
      read.push_back(gradients[i]);
      timed.moved(read, written);
    }
  }
  if (ema) ema->join(updates);
  detail::update_all(updates);
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors out;
  for (const auto& entry : entries_) {
    if (entry.steps == 0) continue;
    out.emplace(entry.name + ".step", from_vector<std::int64_t>({entry.steps}, {}));
    const auto names = slot_names(entry.group);
    for (std::size_t k = 0; k < names.size(); ++k) out.emplace(entry.name + "." + names[k], entry.slots[k].clone());
  }
  return out;
}

void Optimizer::load_state_dict(const NamedTensors& state) {
  std::string wrong;
  std::size_t used = 0;
  const auto complain = [&](const std::string& text) { wrong += (wrong.empty() ? "" : ", ") + text; };
  const auto find = [&](const std::string& name, const Shape& shape, DType dtype) -> const Tensor* {
    const auto it = state.find(name);
    if (it == state.end()) {
      complain("no " + name);
      return nullptr;
    }
    ++used;
    if (it->second.shape() == shape && it->second.dtype() == dtype) return &it->second;
    complain(name + " " + describe(it->second) + " for " + std::string(name_of(dtype)) + " " + to_string(shape));
    return nullptr;
  };
  auto loaded = entries_;
  std::set<std::string> expected;
  for (auto& entry : loaded) {
    entry.steps = 0;
    entry.slots.clear();
    const auto names = slot_names(entry.group);
    expected.insert(entry.name + ".step");
    bool any = state.count(entry.name + ".step") > 0;
    for (const auto& name : names) {
      expected.insert(entry.name + "." + name);
      any = any || state.count(entry.name + "." + name) > 0;
    }
    if (!any) continue;  // saved before its first update
    if (const Tensor* steps = find(entry.name + ".step", {}, i64)) {
      entry.steps = steps->item<std::int64_t>();
      if (*steps->data<std::int64_t>() < 1) complain(entry.name + ".step below 1");
    }
    for (const auto& name : names)
      if (const Tensor* slot = find(entry.name + "." + name, entry.parameter.shape(), entry.parameter.dtype()))
        entry.slots.push_back(stein::detail::copy_to(*slot, entry.parameter.device()));
  }
  if (used < state.size())
    for (const auto& [name, value] : state)
      if (!expected.count(name)) complain("unexpected " + name);
  if (!wrong.empty()) fail("optimizer.load_state_dict", "the state of these parameters", wrong);
  entries_ = std::move(loaded);
}

// ---- the rules ----

void SGD::add_group(const NamedList& parameters, const SGDOptions& o) {
  check_non_negative("sgd", {{"lr", o.lr}, {"momentum", o.momentum}, {"weight_decay", o.weight_decay}});
  if (o.nesterov && (o.momentum == 0 || o.dampening != 0))
    fail("sgd", "momentum and no dampening with nesterov",
         "momentum " + std::to_string(o.momentum) + ", dampening " + std::to_string(o.dampening));
  add_entries(parameters, groups_.size());
  groups_.push_back(o);
}

std::vector<std::string> SGD::slot_names(std::size_t group) const {
  return groups_[group].momentum != 0 ? std::vector<std::string>{"momentum_buffer"} : std::vector<std::string>{};
}

UpdateRule SGD::rule(const Entry& entry) const {
  const SGDOptions& o = groups_[entry.group];
  return UpdateRule(
      detail::SgdStep{o.lr * lr_factor(), o.momentum, o.dampening, o.weight_decay, o.nesterov, entry.steps == 1});
}

namespace {

template <class Options>
void check_adam(const char* op, const Options& o) {
  check_non_negative(op, {{"lr", o.lr}, {"eps", o.eps}, {"weight_decay", o.weight_decay}});
  check_betas(op, o.beta1, o.beta2);
}

/// `added`: weight decay added to the gradient (Adam); `shrink`: factor on the parameter (AdamW).
template <class Options>
UpdateRule adam_rule(const Options& o, double lr, std::int64_t steps, double added, double shrink) {
  const double t = static_cast<double>(steps);
  return UpdateRule(detail::AdamStep{1 - o.beta1, o.beta2, 1 - o.beta2, lr / (1 - std::pow(o.beta1, t)),
                                     std::sqrt(1 - std::pow(o.beta2, t)), o.eps, added, shrink});
}

const std::vector<std::string> kAdamSlots{"exp_avg", "exp_avg_sq"};

}  // namespace

void Adam::add_group(const NamedList& parameters, const AdamOptions& options) {
  check_adam("adam", options);
  add_entries(parameters, groups_.size());
  groups_.push_back(options);
}

std::vector<std::string> Adam::slot_names(std::size_t) const { return kAdamSlots; }

UpdateRule Adam::rule(const Entry& entry) const {
  const AdamOptions& o = groups_[entry.group];
  return adam_rule(o, o.lr * lr_factor(), entry.steps, o.weight_decay, 1);
}

void AdamW::add_group(const NamedList& parameters, const AdamWOptions& options) {
  check_adam("adamw", options);
  add_entries(parameters, groups_.size());
  groups_.push_back(options);
}

std::vector<std::string> AdamW::slot_names(std::size_t) const { return kAdamSlots; }

UpdateRule AdamW::rule(const Entry& entry) const {
  const AdamWOptions& o = groups_[entry.group];
  const double lr = o.lr * lr_factor();
  return adam_rule(o, lr, entry.steps, 0, 1 - lr * o.weight_decay);
}

// ---- clipping ----

namespace {

double sum_squares(const Tensor& given) {
  const Tensor t = row_major_of(given);
  const std::int64_t n = t.numel();
  std::vector<double> sums(static_cast<std::size_t>((n + kGrain - 1) / kGrain));
  visit_floating("clip_grad_norm_", t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = t.data<T>();
    parallel_for(n, kGrain, [&](std::int64_t first, std::int64_t last) {
      double& sum = sums[static_cast<std::size_t>(first / kGrain)];
      sum = pick<T>(kernels::sum_squares_f32(), kernels::sum_squares_f64())(x + first, last - first);
    });
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

Tensor scaled(const Tensor& given, double factor) {
  if (given.device() != cpu) return given.detach() * factor;
  const Tensor t = row_major_of(given);
  Tensor out = empty(t.shape(), t.dtype());
  visit_floating("clip_grad_norm_", t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = t.data<T>();
    T* o = out.mutable_data<T>();
    parallel_for(t.numel(), kGrain, [&](std::int64_t first, std::int64_t last) {
      pick<T>(kernels::scale_f32(), kernels::scale_f64())(o + first, x + first, last - first, factor);
    });
  });
  return out;
}

}  // namespace

double clip_grad_norm_(Tensors& gradients, double max_norm) {
  if (!(max_norm >= 0)) fail("clip_grad_norm_", "max_norm of at least 0", std::to_string(max_norm));
  double squares = 0;
  Tensors elsewhere;
  for (const auto& g : gradients) {
    if (!g.defined()) continue;
    if (g.device() == cpu)
      squares += sum_squares(g);
    else
      elsewhere.push_back(g);
  }
  if (!elsewhere.empty()) squares += detail::sum_squares_on_devices(elsewhere);
  const double norm = std::sqrt(squares), factor = max_norm / (norm + 1e-6);
  if (std::isfinite(norm) && factor < 1)
    for (auto& g : gradients)
      if (g.defined()) g = scaled(g, factor);
  return norm;
}

double clip_grad_norm_(const Module& module, double max_norm) {
  Tensors parameters, gradients;
  for (const auto& p : module.parameters())
    if (p.grad().defined()) parameters.push_back(p), gradients.push_back(p.grad());
  const Tensors before = gradients;
  const double norm = clip_grad_norm_(gradients, max_norm);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (gradients[i].handle() != before[i].handle()) parameters[i].set_grad(gradients[i]);
  return norm;
}

}  // namespace stein::nn
