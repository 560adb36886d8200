// SPDX-License-Identifier: MIT
// Activations as modules, so that they take a place (and an index) in a Sequential.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nn/module.h"
#include "ops/ops.h"

namespace stein::nn {

/// F as a module: x of any shape -> the same shape.
template <Tensor (*f)(const Tensor&)>
class Pointwise : public Module {
 public:
  Tensor operator()(const Tensor& x) const { return f(x); }  ///< elementwise
};

using Tanh = Pointwise<&stein::tanh>;           ///< hyperbolic tangent
using Sigmoid = Pointwise<&stein::sigmoid>;     ///< 1 / (1 + e^-x)
using Softplus = Pointwise<&stein::softplus>;   ///< log(1 + e^x)
using SiLU = Pointwise<&stein::silu>;           ///< x sigmoid(x)
using ReLU = Pointwise<&stein::relu>;           ///< max(x, 0)
using GELU = Pointwise<&stein::gelu>;           ///< exact
using GELUTanh = Pointwise<&stein::gelu_tanh>;  ///< the tanh approximation

/// X > 0 ? x : alpha (e^x - 1).
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}                    ///< at least 0
  Tensor operator()(const Tensor& x) const { return elu(x, alpha_); }  ///< elementwise

 private:
  double alpha_;
};

/// X > 0 ? x : slope x.
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double slope = 0.01) : slope_(slope) {}                  ///< at least 0
  Tensor operator()(const Tensor& x) const { return leaky_relu(x, slope_); }  ///< elementwise

 private:
  double slope_;
};

/// One of activation_names(): tanh, softplus, silu, elu, gelu (exact), gelu-tanh, relu, sigmoid. Error for another name.
class Activation : public Module {
 public:
  explicit Activation(std::string_view name);                 ///< throws Error for another name
  Tensor operator()(const Tensor& x) const { return f_(x); }  ///< elementwise

 private:
  Tensor (*f_)(const Tensor&);
};
std::vector<std::string> activation_names();  ///< in the order of Activation's list

}  // namespace stein::nn
