// SPDX-License-Identifier: MIT
// How an op is written. A plain struct with attributes, `forward`, and one rule per differentiable input:
//
//     struct Mul { static constexpr const char* name = "mul"; static constexpr Kind kind = Kind::bilinear;
//       Tensor forward(const Tensor& a, const Tensor& b) const;
//       Tensor vjp0(G g, In<1> b) const { return g * b; }      // d/d(input 0)
//       Tensor vjp1(G g, In<0> a) const { return g * a; }
//     };
//     Tensor mul(const Tensor& a, const Tensor& b) { return record(Mul{}, a, b); }
//
// A rule is written with ops and sees tensors, no data pointers: so it is differentiable itself, and every order of
// derivative exists as soon as the first does. The parameter types say what the node keeps:
//     G, Cot<j>   cotangent of output j (G: of output 0), zeros when none came; g.lead leading batch axes stand left of the output's
//                 shape, g.like(shape) puts them before another shape
//     In<k>       input k           Out<k> output k (whatever else a rule needs must BE an output)
//     Like<k>     shape, dtype and device of input k, nothing kept
// A rule returns {} (an undefined tensor) for a derivative that is zero everywhere.
// Variants: `vjpn(int k, ...)` one rule for all inputs (concat); `vjp_all(Wanted, ...)` all inputs at once, returning
// Tensors. `call(inputs)` is the public way to the op, where that does more than record it (folding a batch of tangents, say).
// `push(G t)` is the tangent of a linear op whose attributes hold shapes (reshape, expand).
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "autograd/finite.h"
#include "autograd/node.h"
#include "autograd/op.h"
#include "autograd/profile.h"
#include "tensor/recording.h"

namespace stein {

/// Cotangent of output j.
template <int j>
struct Cot : Tensor {
  int lead = 0;  ///< number of leading batch axes
  /// Lead axes followed by `core`.
  Shape like(const Shape& core) const { return shape().slice(0, lead) + core; }
};
using G = Cot<0>;  ///< cotangent of the only output
/// Input k, whose elements the rule reads: it is kept.
template <int k>
struct In : Tensor {};
/// Output k, whose elements the rule reads: it is kept.
template <int k>
struct Out : Tensor {};
/// Of input k only shape and dtype, which cost nothing to keep.
template <int k>
struct Like {
  Shape shape;    ///< of input k
  DType dtype;    ///< of input k
  Device device;  ///< of input k
};
/// The inputs whose derivative is asked for, as bits.
struct Wanted {
  std::uint64_t bits;                                     ///< bit k: input k
  bool operator()(int k) const { return bits & bit(k); }  ///< whether input k's is
};

/// Ops whose forward, kernels and tangent follow from a functor on scalars; see ops/elementwise.h.
struct ElementwiseBase {};

namespace detail {

// ---- from a rule's parameter type to its value and to what the node keeps ----
struct RuleCall {
  const Node& node;
  std::span<const Tensor> cotangents;
  int lead;
  std::uint64_t wanted;
  int input;                      // the k of vjpn
  Tensor cotangent(int j) const;  // zeros (expanded) when none came
};

template <class A>
struct Parameter;
template <int j>
struct Parameter<Cot<j>> {
  static constexpr Needs needs{};
  static Cot<j> from(const RuleCall& c) { return {c.cotangent(j), c.lead}; }
};
template <int k>
struct Parameter<In<k>> {
  static constexpr Needs needs{std::uint64_t{1} << k, 0};
  static In<k> from(const RuleCall& c) { return {c.node.input(k)}; }
};
template <int k>
struct Parameter<Out<k>> {
  static constexpr Needs needs{0, std::uint64_t{1} << k};
  static Out<k> from(const RuleCall& c) { return {c.node.output(k)}; }
};
template <int k>
struct Parameter<Like<k>> {
  static constexpr Needs needs{};
  static Like<k> from(const RuleCall& c) {
    return {c.node.inputs[k].shape, c.node.inputs[k].dtype, c.node.inputs[k].device};
  }
};
template <>
struct Parameter<Wanted> {
  static constexpr Needs needs{};
  static Wanted from(const RuleCall& c) { return {c.wanted}; }
};
template <>
struct Parameter<int> {
  static constexpr Needs needs{};
  static int from(const RuleCall& c) { return c.input; }
};

template <class R>
struct RuleTraits {
  static constexpr bool exists = false;
  static constexpr Needs needs{};
};
template <class Return, class T, class... A>
struct RuleTraits<Return (T::*)(A...) const> {
  static constexpr bool exists = true;
  static constexpr Needs needs{(Parameter<std::decay_t<A>>::needs.inputs | ... | 0),
                               (Parameter<std::decay_t<A>>::needs.outputs | ... | 0)};
  static Return call(Return (T::*rule)(A...) const, const T& op, const RuleCall& c) {
    return (op.*rule)(Parameter<std::decay_t<A>>::from(c)...);
  }
};

struct NoRule {};
#define STEIN_RULE_GETTER(rule)           \
  template <class T>                      \
  constexpr auto get_##rule() {           \
    if constexpr (requires { &T::rule; }) \
      return &T::rule;                    \
    else                                  \
      return NoRule{};                    \
  }
STEIN_RULE_GETTER(vjp0)
STEIN_RULE_GETTER(vjp1)
STEIN_RULE_GETTER(vjp2)
STEIN_RULE_GETTER(vjp3)
STEIN_RULE_GETTER(vjpn)
STEIN_RULE_GETTER(vjp_all)
#undef STEIN_RULE_GETTER

/// The rule of input k: vjpk, else vjpn.
template <class T, int k>
constexpr auto rule_of() {
  constexpr auto own = [] {
    if constexpr (k == 0)
      return get_vjp0<T>();
    else if constexpr (k == 1)
      return get_vjp1<T>();
    else if constexpr (k == 2)
      return get_vjp2<T>();
    else if constexpr (k == 3)
      return get_vjp3<T>();
    else
      return NoRule{};
  }();
  if constexpr (std::is_same_v<std::remove_const_t<decltype(own)>, NoRule>)
    return get_vjpn<T>();
  else
    return own;
}

template <class T>
concept HasComposite = requires(const T& op, std::span<const Tensor> in) {
  op.composite(in);
};
template <class T>
concept HasPush = requires {
  &T::push;
};
template <class T>
constexpr bool is_batched() {
  if constexpr (requires { T::batched; })
    return T::batched;
  else
    return true;
}
template <class T>
constexpr Kind kind_of() {
  if constexpr (std::is_base_of_v<ElementwiseBase, T>)
    return Kind::elementwise;
  else
    return T::kind;
}

// Forward-mode building blocks, by kind; see autograd/forward.cpp.
Tensor jvp_elementwise(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead);
Tensors jvp_linear(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead);
Tensors jvp_bilinear(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead);
Tensors jvp_transposed(const Op& op, const Node& node, std::span<const Tensor> tangents, int lead);
// The derivative of a fused op through its composite definition.
using Composite = std::function<Tensors(std::span<const Tensor>)>;
Tensors vjp_composite(const Composite& f, const Node& node, std::span<const Tensor> cotangents, int lead,
                      std::uint64_t wanted);
Tensors jvp_composite(const Composite& f, const Node& node, std::span<const Tensor> tangents, int lead);
[[noreturn]] void no_rule(const Node& node, int input);

inline Tensors as_tensors(Tensor t) {
  Tensors r;
  r.push_back(std::move(t));
  return r;
}
inline Tensors as_tensors(Tensors ts) { return ts; }

}  // namespace detail

/// Runs op T: its `forward`. Elementwise ops have another overload, in ops/elementwise.h, that runs their kernel.
template <class T, class... I>
auto run(const T& op, const I&... inputs) -> decltype(op.forward(inputs...)) {
  return op.forward(inputs...);
}

/// The Op that a struct of rules T amounts to.
template <class T>
class OpOf final : public Op {
 public:
  explicit OpOf(T op) : op_(std::move(op)) {}  ///< attributes included
  const T& value() const { return op_; }       ///< the struct

  const char* name() const override { return T::name; }        ///< T::name
  Kind kind() const override { return detail::kind_of<T>(); }  ///< T::kind, or what follows from T's base
  bool batched() const override { return detail::is_batched<T>(); }

  /// From the types of the rule's parameters.
  Needs needs(int input) const override {
    if constexpr (kHasAll && !detail::HasComposite<T>)
      return detail::RuleTraits<All>::needs;
    else if constexpr (kHasAll)
      return Needs{~std::uint64_t{0}, detail::RuleTraits<All>::needs.outputs};
    else if constexpr (detail::HasComposite<T>)
      return Needs{~std::uint64_t{0}, rule_needs(input).outputs};
    else
      return rule_needs(input);
  }

  Tensors vjp(const Node& node, std::span<const Tensor> cotangents, int lead, std::uint64_t wanted) const override {
    if constexpr (kHasAll) {
      return detail::RuleTraits<All>::call(detail::get_vjp_all<T>(), op_, {node, cotangents, lead, wanted, 0});
    } else {
      Tensors r(static_cast<std::size_t>(node.inputs.size()));
      std::uint64_t left = 0;
      for (int k = 0; k < node.inputs.size(); ++k)
        if (wanted & bit(k)) {
          if (rule_exists(k))
            r[static_cast<std::size_t>(k)] = call(k, {node, cotangents, lead, wanted, k});
          else
            left |= bit(k);
        }
      if constexpr (detail::HasComposite<T>) {
        if (left) {
          auto rest = detail::vjp_composite(composite(), node, cotangents, lead, left);
          for (std::size_t k = 0; k < r.size(); ++k)
            if (left & bit(static_cast<int>(k))) r[k] = std::move(rest[k]);
        }
      } else if (left) {
        for (int k = 0; k < node.inputs.size(); ++k)
          if (left & bit(static_cast<int>(k))) detail::no_rule(node, k);
      }
      return r;
    }
  }

  Tensors jvp(const Node& node, std::span<const Tensor> tangents, int lead) const override {
    if constexpr (detail::kind_of<T>() == Kind::elementwise) {
      return detail::as_tensors(detail::jvp_elementwise(*this, node, tangents, lead));
    } else if constexpr (detail::HasPush<T>) {
      return detail::as_tensors(op_.push(G{tangents[0], lead}));
    } else if constexpr (detail::kind_of<T>() == Kind::linear && detail::is_batched<T>()) {
      return detail::jvp_linear(*this, node, tangents, lead);
    } else if constexpr (detail::kind_of<T>() == Kind::bilinear && detail::is_batched<T>()) {
      return detail::jvp_bilinear(*this, node, tangents, lead);
    } else if constexpr (detail::HasComposite<T>) {
      return detail::jvp_composite(composite(), node, tangents, lead);
    } else {
      return detail::jvp_transposed(*this, node, tangents, lead);
    }
  }

  Tensors apply(std::span<const Tensor> inputs) const override;

 private:
  using All = decltype(detail::get_vjp_all<T>());
  static constexpr bool kHasAll = detail::RuleTraits<All>::exists;

  detail::Composite composite() const {
    return [op = op_](std::span<const Tensor> in) { return detail::as_tensors(op.composite(in)); };
  }

  template <class F>
  static decltype(auto) with_rule(int input, F&& f) {
    switch (input) {
      case 0:
        return f(detail::rule_of<T, 0>());
      case 1:
        return f(detail::rule_of<T, 1>());
      case 2:
        return f(detail::rule_of<T, 2>());
      case 3:
        return f(detail::rule_of<T, 3>());
      default:
        return f(detail::rule_of<T, 4>());
    }
  }
  static bool rule_exists(int input) {
    return with_rule(input, [](auto rule) { return detail::RuleTraits<decltype(rule)>::exists; });
  }
  static Needs rule_needs(int input) {
    return with_rule(input, [](auto rule) { return detail::RuleTraits<decltype(rule)>::needs; });
  }
  Tensor call(int input, const detail::RuleCall& c) const {
    return with_rule(input, [&](auto rule) -> Tensor {
      if constexpr (detail::RuleTraits<decltype(rule)>::exists)
        return detail::RuleTraits<decltype(rule)>::call(rule, op_, c);
      else
        return {};
    });
  }

  T op_;
};

namespace detail {

/// The op object shared by all nodes when it has no attributes, else a fresh one.
template <class T>
Ref<const Op> op_object(const T& op) {
  if constexpr (std::is_empty_v<T>) {
    static const Ref<const Op> shared = make_ref<OpOf<T>>(op);
    return shared;
  } else {
    return make_ref<OpOf<T>>(op);
  }
}

/// Gives floating outputs their node.
void attach(Ref<const Op> op, std::span<const Tensor> inputs, std::span<Tensor> outputs);

template <class T, class... I>
bool records(const T&, const I&... inputs) {
  return is_recording() && (inputs.requires_grad() || ...);
}

/// Throws Error: the inputs are on several devices.
[[noreturn]] void mixed_devices(const char* op, const Tensors& inputs);
/// Whether all defined ones are where the first one is.
template <class... I>
bool on_one_device(const Tensor& first, const I&... others) {
  return ((!others.defined() || others.device() == first.device()) && ...);
}

/// run() under a profile; out of line, for a destructor more on the usual path costs 5% of a small op.
template <class T, class... I>
[[gnu::noinline, gnu::cold]] auto timed_run(const T& op, const I&... inputs) {
  TimedOp timed(T::name);
  auto out = run(op, inputs...);
  const Tensor in[] = {inputs...};
  timed.moved(in, as_tensors(out));
  return out;
}

}  // namespace detail

/// Runs `op` and, when recording and an input requires a gradient, makes its node. Returns what forward returns.
template <class T, class... I>
auto record(const T& op, const I&... inputs) {
  // Elementwise ops check by themselves: numbers of the cpu join them.
  if constexpr (sizeof...(I) > 1 && detail::kind_of<T>() != Kind::elementwise)
    if (!detail::on_one_device(inputs...)) detail::mixed_devices(T::name, {inputs...});
  const bool recording = detail::records(op, inputs...);
  auto out = [&] {
    NoGrad guard;
    if (detail::recorder) [[unlikely]]
      return detail::timed_run(op, inputs...);
    return run(op, inputs...);
  }();
  if (detail::checks_finite) detail::require_finite(T::name, detail::as_tensors(out));
  if (recording) {
    const Tensor in[] = {inputs...};
    if constexpr (std::is_same_v<decltype(out), Tensor>)
      detail::attach(detail::op_object(op), in, {&out, 1});
    else
      detail::attach(detail::op_object(op), in, out);
  }
  return out;
}

/// The same for an op whose forward takes any number of tensors.
template <class T>
auto record_list(const T& op, const Tensors& inputs) {
  bool recording = false;
  for (const auto& t : inputs) {
    recording = recording || t.requires_grad();
    if (!detail::on_one_device(inputs[0], t)) detail::mixed_devices(T::name, inputs);
  }
  auto out = [&] {
    NoGrad guard;
    detail::TimedOp timed(T::name);
    auto result = op.forward(inputs);
    if (timed.on()) timed.moved(inputs, detail::as_tensors(result));
    return result;
  }();
  if (detail::checks_finite) detail::require_finite(T::name, detail::as_tensors(out));
  if (recording && is_recording()) {
    if constexpr (std::is_same_v<decltype(out), Tensor>)
      detail::attach(detail::op_object(op), inputs, {&out, 1});
    else
      detail::attach(detail::op_object(op), inputs, out);
  }
  return out;
}

template <class T>
Tensors OpOf<T>::apply(std::span<const Tensor> in) const {
  if constexpr (requires { op_.call(in[0], in[1]); })
    return detail::as_tensors(op_.call(in[0], in[1]));
  else if constexpr (requires { op_.call(in[0]); })
    return detail::as_tensors(op_.call(in[0]));
  else if constexpr (requires { op_.forward(Tensors{}); })
    return detail::as_tensors(record_list(op_, Tensors(in.begin(), in.end())));
  else if constexpr (requires { run(op_, in[0]); })
    return detail::as_tensors(record(op_, in[0]));
  else if constexpr (requires { run(op_, in[0], in[1]); })
    return detail::as_tensors(record(op_, in[0], in[1]));
  else if constexpr (requires { run(op_, in[0], in[1], in[2]); })
    return detail::as_tensors(record(op_, in[0], in[1], in[2]));
  else
    return detail::as_tensors(record(op_, in[0], in[1], in[2], in[3]));
}

}  // namespace stein
