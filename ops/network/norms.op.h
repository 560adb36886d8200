// SPDX-License-Identifier: MIT
// layer_norm, group_norm, instance_norm: one formula over different axes.
#include "ops/op.h"

namespace stein {

namespace {

// (x - mean) / sqrt(biased variance + eps) over `axes`.
Tensor normalized(const Tensor& x, const Axes& axes, double eps) {
  const Tensor centered = x - mean(x, axes, true);
  return centered * rsqrt(mean(square(centered), axes, true) + eps);
}

// y weight + bias, each undefined or of shape `own`; reshaped to `shape` first, which broadcasts to y's.
Tensor affine(const char* op, Tensor y, const Tensor& weight, const Tensor& bias, const Shape& own,
              const Shape& shape) {
  const auto check = [&](const char* what, const Tensor& t) {
    if (t.shape() != own || t.dtype() != y.dtype())
      fail(op, "a " + std::string(what) + " " + std::string(name_of(y.dtype())) + " " + to_string(own), describe(t));
  };
  if (weight.defined()) check("weight", weight), y = y * reshape(weight, shape);
  if (bias.defined()) check("bias", bias), y = y + reshape(bias, shape);
  return y;
}

// Weight and bias of a value per channel: (C) for y (N, C, ...).
Tensor affine_of_channels(const char* op, const Tensor& y, const Tensor& weight, const Tensor& bias) {
  const Shape channels{y.size(1)};
  return affine(op, y, weight, bias, channels, channels + Dims::filled(y.rank() - 2, 1));
}

}  // namespace

Tensor layer_norm(const Tensor& x, int count, const Tensor& weight, const Tensor& bias, double eps) {
  if (count < 1 || count > x.rank())
    fail("layer_norm", "1 to " + std::to_string(x.rank()) + " normalized axes", std::to_string(count));
  Axes axes;
  for (int i = -count; i < 0; ++i) axes.push_back(i);
  const Shape last = x.shape().slice(x.rank() - count, x.rank());
  return affine("layer_norm", normalized(x, axes, eps), weight, bias, last, last);
}

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  if (x.rank() < 2 || groups < 1 || x.size(1) % groups != 0)
    fail("group_norm", "x (N, C, ...) with C a multiple of groups", describe(x) + ", groups " + std::to_string(groups));
  const Shape rest = x.shape().slice(2, x.rank());
  const Tensor grouped = reshape(x, Shape{x.size(0), groups, x.size(1) / groups} + rest);
  Axes axes;
  for (int i = 2; i < grouped.rank(); ++i) axes.push_back(i);
  return affine_of_channels("group_norm", reshape(normalized(grouped, axes, eps), x.shape()), weight, bias);
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (x.rank() < 3) fail("instance_norm", "x (N, C, ...) of rank at least 3", describe(x));
  Axes axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return affine_of_channels("instance_norm", normalized(x, axes, eps), weight, bias);
}

void register_norms(OpRegistry& r) {
  r.add(
      {"layer_norm", "over the last axes", Kind::general, {{"affine", {{{2, 5}}, {{5}}, {{5}}}, [](const Tensors& in) {
                                                              return Tensors{layer_norm(in[0], 1, in[1], in[2])};
                                                            }}}});
  r.add({"group_norm",
         "over groups of channels",
         Kind::general,
         {{"affine", {{{2, 4, 2, 2}}, {{4}}, {{4}}}, [](const Tensors& in) {
             return Tensors{group_norm(in[0], 2, in[1], in[2])};
           }}}});
  r.add({"instance_norm",
         "over planes",
         Kind::general,
         {{"affine", {{{2, 3, 2, 3}}, {{3}}, {{3}}}, [](const Tensors& in) {
             return Tensors{instance_norm(in[0], in[1], in[2])};
           }}}});
}

}  // namespace stein
