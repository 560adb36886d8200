// SPDX-License-Identifier: MIT
// Activations as modules, so that they take a place (and an index) in a Sequential.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nn/module.h"
#include "ops/ops.h"

namespace stein::nn {

template <Tensor (*f)(const Tensor&)>
class Pointwise : public Module {
 public:
  Tensor operator()(const Tensor& x) const { return f(x); }
};

using Tanh = Pointwise<&stein::tanh>;
using Sigmoid = Pointwise<&stein::sigmoid>;
using Softplus = Pointwise<&stein::softplus>;
using SiLU = Pointwise<&stein::silu>;
using ReLU = Pointwise<&stein::relu>;
using GELU = Pointwise<&stein::gelu>;           ///< exact
using GELUTanh = Pointwise<&stein::gelu_tanh>;  ///< the tanh approximation

class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor operator()(const Tensor& x) const { return elu(x, alpha_); }

 private:
  double alpha_;
};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double slope = 0.01) : slope_(slope) {}
  Tensor operator()(const Tensor& x) const { return leaky_relu(x, slope_); }

 private:
  double slope_;
};

/// One of activation_names(): tanh, softplus, silu, elu, gelu (exact), gelu-tanh, relu, sigmoid. Error for another name.
class Activation : public Module {
 public:
  explicit Activation(std::string_view name);
  Tensor operator()(const Tensor& x) const { return f_(x); }

 private:
  Tensor (*f_)(const Tensor&);
};
std::vector<std::string> activation_names();

}  // namespace stein::nn
