// SPDX-License-Identifier: MIT
#include "nn/module.h"

#include <algorithm>
#include <set>

#include "autograd/node.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein::nn {

struct Module::State {
  struct Slot {
    std::string name;
    Tensor value;
  };
  struct Child {
    std::string name;
    std::shared_ptr<State> state;
  };
  std::vector<Slot> parameters, buffers;
  std::vector<Child> children;
  bool training = true;

  void check_name(const std::string& name) const {
    if (name.empty() || name.find('.') != std::string::npos)
      fail("module", "a name that is not empty and holds no dot", "\"" + name + "\"");
    const auto taken = [&](const auto& list) {
      return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
    };
    if (taken(parameters) || taken(buffers) || taken(children))
      fail("module", "a name of its own for each part", "\"" + name + "\" twice");
  }

  bool holds(const State* other) const {
    return this == other ||
           std::any_of(children.begin(), children.end(), [&](const Child& child) { return child.state->holds(other); });
  }
};

namespace {

/// Changes what the handle's shared descriptor stands for, so that every copy of the handle sees it. The leaf stays the same
/// node, with another dtype or device: a graph recorded before still ends in it, and its gradient is an error instead of none.
void replace(Tensor& t, const Tensor& value) {
  TensorImpl& impl = t.impl();
  const TensorImpl& from = value.impl();
  // A graph that keeps the old elements must not take the new ones for them.
  while (from.storage->version() <= impl.storage->version()) from.storage->bump_version();
  impl.storage = from.storage;
  impl.offset = from.offset;
  impl.strides = from.strides;
  impl.dtype = from.dtype;
  impl.device = from.device;
  impl.contiguous = from.contiguous;
  if (!t.requires_grad()) return;
  Node& leaf = static_cast<Node&>(*impl.node);
  leaf.outputs[0].dtype = value.dtype();
  leaf.outputs[0].device = value.device();
  leaf.grad = {};
}

/// One line each, the first few of them.
std::string listed(const std::vector<std::string>& lines) {
  constexpr std::size_t shown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), shown); ++i) text += (i ? ", " : "") + lines[i];
  if (lines.size() > shown) text += ", and " + std::to_string(lines.size() - shown) + " more";
  return text;
}

/// `state` without the prefix "module.", where every name has it and `expected` has not.
NamedTensors without_prefix(const NamedTensors& state, const NamedList& expected) {
  const std::string prefix = "module.";
  const auto prefixed = [&](const auto& entry) { return entry.first.starts_with(prefix); };
  if (state.empty() || !std::all_of(state.begin(), state.end(), prefixed) ||
      std::any_of(expected.begin(), expected.end(), prefixed))
    return state;
  NamedTensors out;
  for (const auto& [name, value] : state) out.emplace(name.substr(prefix.size()), value);
  return out;
}

}  // namespace

Module::Module() : state_(std::make_shared<State>()) {}

Tensor Module::add_parameter(const std::string& name, const Tensor& value) {
  state_->check_name(name);
  if (!value.defined()) return value;
  if (!value.is_leaf()) fail("module", "a leaf as parameter \"" + name + "\"", describe(value), "detach() it first");
  Tensor parameter = value.is_contiguous() ? value : value.detach().clone();
  parameter.requires_grad_();
  state_->parameters.push_back({name, parameter});
  return parameter;
}

Tensor Module::add_buffer(const std::string& name, const Tensor& value) {
  state_->check_name(name);
  if (value.requires_grad())
    fail("module", "a buffer \"" + name + "\" without gradient", describe(value), "detach() it, or add a parameter");
  state_->buffers.push_back({name, value});
  return value;
}

void Module::add_child(const std::string& name, const Module& child) {
  state_->check_name(name);
  if (child.state_->holds(state_.get())) fail("module", "a tree", "module \"" + name + "\" inside itself");
  state_->children.push_back({name, child.state_});
}

void Module::visit(const std::function<void(const std::string&, const Module&)>& f) const {
  const std::function<void(const std::string&, const Module&)> walk = [&](const std::string& path,
                                                                          const Module& module) {
    f(path, module);
    for (const auto& child : module.state_->children)
      walk(path.empty() ? child.name : path + "." + child.name, Module(child.state));
  };
  walk("", *this);
}

NamedList Module::collect(bool parameters, bool buffers, bool repeat) const {
  NamedList out;
  std::set<const TensorImpl*> seen;
  visit([&](const std::string& path, const Module& module) {
    const auto take = [&](const std::vector<State::Slot>& slots) {
      for (const auto& slot : slots)
        if (seen.insert(&slot.value.impl()).second || repeat)
          out.emplace_back(path.empty() ? slot.name : path + "." + slot.name, slot.value);
    };
    if (parameters) take(module.state_->parameters);
    if (buffers) take(module.state_->buffers);
  });
  return out;
}

NamedList Module::named_state() const { return collect(true, true, true); }
NamedList Module::named_parameters() const { return collect(true, false, false); }
NamedList Module::named_buffers() const { return collect(false, true, false); }

Tensors Module::parameters() const {
  Tensors out;
  for (const auto& entry : named_parameters()) out.push_back(entry.second);
  return out;
}

std::int64_t Module::num_parameters() const {
  std::int64_t count = 0;
  for (const auto& entry : named_parameters()) count += entry.second.numel();
  return count;
}

NamedTensors Module::state_dict() const {
  NamedTensors out;
  for (const auto& [name, value] : named_state()) out.emplace(name, value.detach());
  return out;
}

std::vector<std::string> Module::load_state_dict(const NamedTensors& given, const LoadOptions& options) {
  const NamedList own = named_state();
  const NamedTensors state = without_prefix(given, own);
  std::vector<std::string> missing, unexpected, shapes, dtypes;
  std::set<std::string> names;
  for (const auto& [name, value] : own) {
    names.insert(name);
    const auto it = state.find(name);
    if (it == state.end()) {
      missing.push_back(name);
      continue;
    }
    const Tensor& source = it->second;
    const bool convertible = options.convert && is_floating(value.dtype()) && is_floating(source.dtype());
    if (source.shape() != value.shape())
      shapes.push_back(name + " " + to_string(source.shape()) + " for " + to_string(value.shape()));
    else if (source.dtype() != value.dtype() && !convertible)
      dtypes.push_back(name + " " + std::string(name_of(source.dtype())) + " for " +
                       std::string(name_of(value.dtype())));
  }
  for (const auto& [name, value] : state)
    if (!names.count(name)) unexpected.push_back(name);

  std::string wrong;
  const auto complain = [&](const std::string& what, const std::vector<std::string>& lines) {
    if (!lines.empty()) wrong += (wrong.empty() ? "" : " | ") + what + " " + listed(lines);
  };
  if (options.strict) complain("missing:", missing), complain("unexpected:", unexpected);
  complain("wrong shape:", shapes);
  complain("wrong dtype:", dtypes);
  if (!wrong.empty())
    fail("load_state_dict", "the " + std::to_string(own.size()) + " names, shapes and dtypes of the module", wrong,
         dtypes.empty() ? "" : "LoadOptions{.convert = true} converts f32 and f64");

  NoGrad guard;
  for (const auto& [name, value] : own)
    if (const auto it = state.find(name); it != state.end()) {
      Tensor target = value;
      target.copy_(it->second.dtype() == value.dtype() ? it->second : it->second.to(value.dtype()));
    }
  return unexpected;
}

void Module::to(DType dtype) {
  if (!is_floating(dtype)) fail("module.to", "f32 or f64", name_of(dtype));
  NoGrad guard;
  for (auto& [name, value] : named_state())
    if (is_floating(value.dtype()) && value.dtype() != dtype) replace(value, value.detach().to(dtype));
}

void Module::to(const Device& device) {
  NoGrad guard;
  for (auto& [name, value] : named_state())
    if (value.device() != device) replace(value, value.detach().to(device));
}

void Module::train(bool on) {
  visit([&](const std::string&, const Module& module) { module.state_->training = on; });
}

bool Module::is_training() const { return state_->training; }

void Module::zero_grad() {
  for (auto& parameter : parameters()) parameter.set_grad({});
}

}  // namespace stein::nn
