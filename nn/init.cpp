// SPDX-License-Identifier: MIT
#include "nn/init.h"

#include <cmath>
#include <string>

#include "tensor/recording.h"

namespace stein::nn::init {

Fans fans(const Tensor& weight) {
  if (weight.rank() < 2) fail("init", "a weight of rank 2 or more (out, in, ...)", describe(weight));
  double kernel = 1;
  for (int axis = 2; axis < weight.rank(); ++axis) kernel *= static_cast<double>(weight.size(axis));
  return {static_cast<double>(weight.size(1)) * kernel, static_cast<double>(weight.size(0)) * kernel};
}

double gain(std::string_view activation, double slope) {
  if (activation == "linear" || activation == "sigmoid") return 1;
  if (activation == "tanh") return 5.0 / 3;
  if (activation == "relu") return std::sqrt(2.0);
  if (activation == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  fail("init", "linear, sigmoid, tanh, relu or leaky_relu", std::string(activation));
}

void constant_(Tensor t, double value) {
  NoGrad guard;
  t.fill_(value);
}

void uniform_(Tensor t, double low, double high, Generator& generator) {
  NoGrad guard;
  fill_uniform(t, generator, low, high);
}

void normal_(Tensor t, double mean, double deviation, Generator& generator) {
  NoGrad guard;
  fill_normal(t, generator, mean, deviation);
}

void xavier_uniform_(Tensor t, Generator& generator, double gain) {
  const Fans f = fans(t);
  const double bound = gain * std::sqrt(6 / (f.in + f.out));
  uniform_(t, -bound, bound, generator);
}

void xavier_normal_(Tensor t, Generator& generator, double gain) {
  const Fans f = fans(t);
  normal_(t, 0, gain * std::sqrt(2 / (f.in + f.out)), generator);
}

void kaiming_uniform_(Tensor t, Generator& generator, double a) {
  const double bound = gain("leaky_relu", a) * std::sqrt(3 / fans(t).in);
  uniform_(t, -bound, bound, generator);
}

void kaiming_normal_(Tensor t, Generator& generator, double a) {
  normal_(t, 0, gain("leaky_relu", a) / std::sqrt(fans(t).in), generator);
}

void layer_default_(Tensor weight, Tensor bias, Generator& generator) {
  if (weight.numel() == 0) return;
  kaiming_uniform_(weight, generator, std::sqrt(5.0));
  if (!bias.defined()) return;
  const double bound = 1 / std::sqrt(fans(weight).in);
  uniform_(bias, -bound, bound, generator);
}

}  // namespace stein::nn::init
