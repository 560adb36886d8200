// SPDX-License-Identifier: MIT
#include "tensor/replay.h"

#include <algorithm>
#include <utility>

#include "tensor/detail/device_memory.h"
#include "tensor/error.h"
#include "tensor/storage.h"

namespace stein {
namespace {

Tensors without_history(Tensors ts) {
  for (auto& t : ts)
    if (t.defined()) t = t.detach();
  return ts;
}

}  // namespace

Replay::Replay(Function f, const Tensors& inputs) : f_(std::move(f)) {
  if (inputs.empty()) fail("replay", "at least one input", "none");
  const Device device = inputs[0].device();
  for (const auto& x : inputs) {
    if (x.device() != device) fail("replay", "inputs on one device", describe(inputs));
    inputs_.push_back(device == cpu ? x.detach() : x.detach().clone());
  }
  if (device == cpu) return;
  f_(inputs_);
  work_ = detail::device_memory(device).recorded([&] { results_ = without_history(f_(inputs_)); });
}

Replay::~Replay() = default;
Replay::Replay(Replay&&) noexcept = default;

const Tensors& Replay::operator()(const Tensors& inputs) {
  const auto like = [](const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && a.dtype() == b.dtype() && a.device() == b.device();
  };
  if (!std::equal(inputs.begin(), inputs.end(), inputs_.begin(), inputs_.end(), like))
    fail("replay", "inputs like those recorded, " + describe(inputs_), describe(inputs));
  if (!work_) {
    results_ = without_history(f_(inputs));
    return results_;
  }
  detail::not_while_recording("a replay", "call what is recorded there");
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs_[i].copy_(inputs[i].detach());
  for (const auto& r : results_)  // whoever kept one for a derivative is told that it was written
    if (r.defined()) r.impl().storage->bump_version();
  work_->play();
  return results_;
}

}  // namespace stein
