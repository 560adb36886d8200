// SPDX-License-Identifier: MIT
// Initialisers, with PyTorch's names and defaults. They overwrite `t`, a parameter or a plain tensor (f32 or f64), in
// logical order from `generator`, without recording; each throws Error where `t` has no fan (rank below 2) but needs one.
#pragma once

#include <string_view>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace stein::nn::init {

/// weight (out, in, ...): fan_in = in * kernel, fan_out = out * kernel, kernel being the product of the other sizes.
struct Fans {
  double in;   ///< numbers that reach an output
  double out;  ///< numbers that an input reaches
};
Fans fans(const Tensor& weight);  ///< throws Error for rank below 2
/// Gain of an activation: 1 for linear and sigmoid, 5/3 tanh, sqrt(2) relu, sqrt(2 / (1 + slope^2)) leaky_relu.
double gain(std::string_view activation, double slope = 0.01);

void constant_(Tensor t, double value);                                       ///< all elements the same
void uniform_(Tensor t, double low, double high, Generator& generator);       ///< U(low, high)
void normal_(Tensor t, double mean, double deviation, Generator& generator);  ///< N(mean, deviation^2)
/// U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
void xavier_uniform_(Tensor t, Generator& generator, double gain = 1);
/// N(0, gain^2 2 / (fan_in + fan_out)).
void xavier_normal_(Tensor t, Generator& generator, double gain = 1);
/// U(-b, b), b = gain sqrt(3 / fan_in) with the gain of leaky_relu of slope `a` (He et al. 2015).
void kaiming_uniform_(Tensor t, Generator& generator, double a = 0);
/// N(0, gain^2 / fan_in).
void kaiming_normal_(Tensor t, Generator& generator, double a = 0);

/// What PyTorch gives linear and convolution layers: weight and bias ~ U(-1/sqrt(fan_in), 1/sqrt(fan_in)), that is
/// kaiming_uniform_ with a = sqrt(5). `bias` may be undefined.
void layer_default_(Tensor weight, Tensor bias, Generator& generator);

}  // namespace stein::nn::init
