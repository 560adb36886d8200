// SPDX-License-Identifier: MIT
#include "nn/ema.h"

#include <algorithm>
#include <map>

#include "autograd/profile.h"
#include "nn/detail/update.h"
#include "tensor/recording.h"

namespace stein::nn {

Ema::Ema(const Module& module, double decay, bool warmup) : decay_(decay), warmup_(warmup) {
  if (!(decay >= 0 && decay < 1)) fail("ema", "a decay in [0, 1)", std::to_string(decay));
  for (const auto& [name, parameter] : module.named_parameters())
    entries_.push_back({name, parameter, parameter.detach().clone()});
}

double Ema::next_decay() const {
  const double n = static_cast<double>(updates_ + 1);
  return warmup_ ? std::min(decay_, (1 + n) / (10 + n)) : decay_;
}

void Ema::check() const {
  if (swapped_) fail("ema", "update() outside a swap", "averages in the module", "swap() back first");
  for (const auto& e : entries_)
    detail::check_like("ema", "the parameter " + e.name + " as at first,", e.parameter, e.average);
}

void Ema::join(std::vector<detail::Update>& updates) {
  const double weight = 1 - next_decay();
  ++updates_;
  std::map<const void*, std::size_t> by_parameter;
  for (std::size_t i = 0; i < updates.size(); ++i) by_parameter[updates[i].parameter.handle().get()] = i;
  for (const auto& e : entries_) {
    const auto it = by_parameter.find(e.parameter.handle().get());
    if (it == by_parameter.end()) {
      updates.push_back({{}, e.parameter, {}, {}, e.average, weight});
    } else {
      updates[it->second].average = e.average;
      updates[it->second].weight = weight;
    }
  }
}

void Ema::update() {
  check();
  const stein::detail::TimedOp timed("ema");
  std::vector<detail::Update> updates;
  join(updates);
  detail::update_all(updates);
}

void Ema::swap() {
  NoGrad guard;
  for (const auto& e : entries_)
    detail::check_like("ema", "the parameter " + e.name + " as at first,", e.parameter, e.average);
  for (auto& e : entries_) {
    if (e.average.device() != cpu) {
      const Tensor before = e.parameter.detach().clone();
      Tensor parameter = e.parameter;
      parameter.copy_(e.average);
      e.average.copy_(before);
      continue;
    }
    visit_floating("ema", e.average.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* p = e.parameter.template mutable_data<T>();
      std::swap_ranges(p, p + e.parameter.numel(), e.average.template mutable_data<T>());
    });
  }
  swapped_ = !swapped_;
}

NamedTensors Ema::averages() const {
  if (swapped_) fail("ema", "averages() outside a swap", "averages in the module", "swap() back first");
  NamedTensors out;
  for (const auto& e : entries_) out.emplace(e.name, e.average);
  return out;
}

void Ema::restore(const NamedTensors& averages, std::int64_t updates) {
  if (swapped_) fail("ema.restore", "a call outside a swap", "averages in the module", "swap() back first");
  if (updates < 0) fail("ema.restore", "a number of updates of at least 0", std::to_string(updates));
  std::string wrong;
  const auto complain = [&](const std::string& text) { wrong += (wrong.empty() ? "" : ", ") + text; };
  for (const auto& e : entries_) {
    const auto it = averages.find(e.name);
    if (it == averages.end())
      complain("no " + e.name);
    else if (it->second.shape() != e.average.shape() || it->second.dtype() != e.average.dtype())
      complain(e.name + " " + describe(it->second) + " for " + describe(e.average));
  }
  for (const auto& given : averages)
    if (std::none_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == given.first; }))
      complain("unexpected " + given.first);
  if (!wrong.empty()) fail("ema.restore", "the averages of these parameters", wrong);
  for (auto& e : entries_) e.average.copy_(averages.at(e.name));
  updates_ = updates;
}

}  // namespace stein::nn
