// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "nn/activation.h"
#include "nn/conv.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/init.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "ops/ops.h"
#include "tensor/detail/names.h"

namespace stein::nn {
namespace {

Shape checked(const char* layer, const Shape& shape) {
  for (const auto size : shape)
    if (size < 1) fail(layer, "sizes of at least 1", to_string(shape));
  return shape;
}

std::int64_t divided(const char* layer, std::int64_t channels, std::int64_t groups) {
  if (groups < 1 || channels % groups != 0)
    fail(layer, "groups that divide the channels",
         std::to_string(channels) + " in " + std::to_string(groups) + " groups");
  return channels / groups;
}

Tensor ones_if(bool wanted, const Shape& shape) { return wanted ? ones(shape) : Tensor{}; }
Tensor zeros_if(bool wanted, const Shape& shape) { return wanted ? zeros(shape) : Tensor{}; }

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias, Generator& generator)
    : weight(add_parameter("weight", empty(checked("linear", {out, in})))),
      bias(add_parameter("bias", zeros_if(with_bias, {out}))) {
  init::layer_default_(weight, bias, generator);
}

Tensor Linear::operator()(const Tensor& x) const {
  if (x.rank() < 1 || x.size(-1) != weight.size(1))
    fail("linear", "x (..., " + std::to_string(weight.size(1)) + ")", describe(x));
  const Tensor y = matmul(x, transpose(weight));
  return bias.defined() ? y + bias : y;
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Conv2dOptions& options, bool with_bias,
               Generator& generator)
    : weight(add_parameter("weight",
                           empty(checked("conv2d", {out, divided("conv2d", in, options.groups), kernel, kernel})))),
      bias(add_parameter("bias", zeros_if(with_bias, {out}))),
      options_(options) {
  divided("conv2d", out, options.groups);
  init::layer_default_(weight, bias, generator);
}

ConvTranspose2d::ConvTranspose2d(std::int64_t in, std::int64_t out, std::int64_t kernel, const Conv2dOptions& options,
                                 std::int64_t output_padding, bool with_bias, Generator& generator)
    : weight(add_parameter(
          "weight",
          empty(checked("conv_transpose2d", {in, divided("conv_transpose2d", out, options.groups), kernel, kernel})))),
      bias(add_parameter("bias", zeros_if(with_bias, {out}))),
      options_(options),
      output_padding_(output_padding) {
  divided("conv_transpose2d", in, options.groups);
  init::layer_default_(weight, bias, generator);
}

LayerNorm::LayerNorm(const Shape& shape, double eps, bool affine)
    : weight(add_parameter("weight", ones_if(affine, checked("layer_norm", shape)))),
      bias(add_parameter("bias", zeros_if(affine, shape))),
      shape_(shape),
      eps_(eps) {}

Tensor LayerNorm::operator()(const Tensor& x) const {
  if (x.rank() < shape_.rank() || x.shape().slice(x.rank() - shape_.rank(), x.rank()) != shape_)
    fail("layer_norm", "x whose last sizes are " + to_string(shape_), describe(x));
  return layer_norm(x, shape_.rank(), weight, bias, eps_);
}

GroupNorm::GroupNorm(std::int64_t groups, std::int64_t channels, double eps, bool affine)
    : weight(add_parameter("weight", ones_if(affine, checked("group_norm", {channels})))),
      bias(add_parameter("bias", zeros_if(affine, {channels}))),
      groups_(groups),
      eps_(eps) {
  divided("group_norm", channels, groups);
}

Tensor GroupNorm::operator()(const Tensor& x) const { return group_norm(x, groups_, weight, bias, eps_); }

InstanceNorm2d::InstanceNorm2d(std::int64_t channels, double eps, bool affine)
    : weight(add_parameter("weight", ones_if(affine, checked("instance_norm", {channels})))),
      bias(add_parameter("bias", zeros_if(affine, {channels}))),
      channels_(channels),
      eps_(eps) {}

Tensor InstanceNorm2d::operator()(const Tensor& x) const {
  if (x.rank() != 4 || x.size(1) != channels_)
    fail("instance_norm", "x (N, " + std::to_string(channels_) + ", H, W)", describe(x));
  return instance_norm(x, weight, bias, eps_);
}

Embedding::Embedding(std::int64_t count, std::int64_t width, Generator& generator)
    : weight(add_parameter("weight", empty(checked("embedding", {count, width})))) {
  init::normal_(weight, 0, 1, generator);
}

Tensor Embedding::operator()(const Tensor& index) const { return embedding(weight, index); }

Dropout::Dropout(double p, Generator& generator) : p_(p), generator_(&generator) {
  if (!(p >= 0 && p < 1)) fail("dropout", "a probability in [0, 1)", std::to_string(p));
}

Tensor Dropout::operator()(const Tensor& x) const {
  if (!is_training() || p_ == 0) return x;
  if (generator_ != &default_generator() && Substitute::active())
    fail("dropout", "to draw from default_generator() inside checkpoint()", "a generator of its own",
         "only the default one draws the same mask again for the derivative");
  return dropout(x, p_, *generator_);
}

namespace {

constexpr detail::Named<Tensor (*)(const Tensor&)> kActivations[] = {
    {"tanh", &stein::tanh}, {"softplus", &stein::softplus},
    {"silu", &stein::silu}, {"elu", [](const Tensor& x) { return elu(x); }},
    {"gelu", &stein::gelu}, {"gelu-tanh", &stein::gelu_tanh},
    {"relu", &stein::relu}, {"sigmoid", &stein::sigmoid}};

}  // namespace

std::vector<std::string> activation_names() { return detail::names_of(kActivations); }

Activation::Activation(std::string_view name) : f_(detail::by_name("activation", kActivations, name)) {}

MLP::MLP(const std::vector<std::int64_t>& sizes, std::string_view activation, Generator& generator) {
  if (sizes.size() < 2) fail("mlp", "at least two sizes", std::to_string(sizes.size()));
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (i > 0) append(Activation(activation));
    append(Linear(sizes[i], sizes[i + 1], true, generator));
  }
}

}  // namespace stein::nn
