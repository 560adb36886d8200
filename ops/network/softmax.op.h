// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include "ops/op.h"

namespace stein::host {

// Shifted by the maximum, so nothing overflows.
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  Tensor forward(const Tensor& x) const {
    const Tensor e = exp(x - amax(x, {axis}, true));
    return e / sum(e, {axis}, true);
  }
  Tensor vjp0(G g, Out<0> y) const { return y * (g - sum(g * y, {axis}, true)); }
};

struct LogSoftmax {
  static constexpr const char* name = "log_softmax";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  Tensor forward(const Tensor& x) const { return x - logsumexp(x, {axis}, true); }
  Tensor vjp0(G g, Out<0> y) const { return g - exp(y) * sum(g, {axis}, true); }
};

}  // namespace stein::host

namespace stein {

Tensor softmax(const Tensor& x, int axis) {
  return record(host::Softmax{normal_axis("softmax", axis, x.rank()) - x.rank()}, x);
}
Tensor log_softmax(const Tensor& x, int axis) {
  return record(host::LogSoftmax{normal_axis("log_softmax", axis, x.rank()) - x.rank()}, x);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target) {
  Shape expected = logits.shape();
  if (logits.rank() >= 2) expected.erase(1);
  if (logits.rank() < 2 || target.dtype() != i64 || target.shape() != expected)
    fail("cross_entropy", "logits (N, C, ...) and target i64 (N, ...)", describe(logits) + " and " + describe(target));
  return -mean(gather(log_softmax(logits, 1), 1, unsqueeze(target, 1)));
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                                    bool causal) {
  if (q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.size(-1) != k.size(-1) || k.size(-2) != v.size(-2) ||
      q.dtype() != k.dtype() || q.dtype() != v.dtype())
    fail("scaled_dot_product_attention", "q (..., L, E), k (..., S, E), v (..., S, Ev) of one dtype",
         describe({q, k, v}));
  Tensor scores = matmul(q, transpose(k)) / std::sqrt(static_cast<double>(q.size(-1)));
  const auto hide = [&](const Tensor& keep) {
    scores = where(keep, scores, scalar(-std::numeric_limits<double>::infinity(), q.dtype()));
  };
  if (mask.defined()) hide(mask);
  if (causal) hide(tril(ones({q.size(-2), k.size(-2)})) > 0.5);
  return matmul(softmax(scores), v);
}

Tensor embedding(const Tensor& weight, const Tensor& index) {
  if (weight.rank() != 2 || index.dtype() != i64)
    fail("embedding", "weight (V, D) and an index of dtype i64", describe(weight) + " and " + describe(index));
  return reshape(index_select(weight, 0, flatten(index)), index.shape() + Shape{weight.size(1)});
}

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  if (!(p >= 0 && p < 1)) fail("dropout", "a probability in [0, 1)", std::to_string(p));
  if (p == 0) return x;
  const Tensor keep = uniform(x.shape(), generator, 0, 1, f32) >= p;  // the same mask for both dtypes
  return x * (keep.to(x.dtype()) / (1 - p));
}

namespace {

// (x - mean) / sqrt(biased variance + eps) over `axes`.
Tensor normalized(const Tensor& x, const Axes& axes, double eps) {
  const Tensor centered = x - mean(x, axes, true);
  return centered * rsqrt(mean(square(centered), axes, true) + eps);
}

}  // namespace

Tensor layer_norm(const Tensor& x, int count, const Tensor& weight, const Tensor& bias, double eps) {
  if (count < 1 || count > x.rank())
    fail("layer_norm", "1 to " + std::to_string(x.rank()) + " normalized axes", std::to_string(count));
  Axes axes;
  for (int i = -count; i < 0; ++i) axes.push_back(i);
  Tensor y = normalized(x, axes, eps);
  if (weight.defined()) y = y * weight;
  return bias.defined() ? y + bias : y;
}

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  if (x.rank() < 2 || groups < 1 || x.size(1) % groups != 0)
    fail("group_norm", "x (N, C, ...) with C a multiple of groups", describe(x) + ", groups " + std::to_string(groups));
  const Shape rest = x.shape().slice(2, x.rank());
  const Tensor grouped = reshape(x, Shape{x.size(0), groups, x.size(1) / groups} + rest);
  Axes axes;
  for (int i = 2; i < grouped.rank(); ++i) axes.push_back(i);
  Tensor y = reshape(normalized(grouped, axes, eps), x.shape());
  const Shape per_channel = Shape{x.size(1)} + Dims::filled(rest.rank(), 1);
  if (weight.defined()) y = y * reshape(weight, per_channel);
  return bias.defined() ? y + reshape(bias, per_channel) : y;
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  if (x.rank() < 3) fail("instance_norm", "x (N, C, ...) of rank at least 3", describe(x));
  Axes axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  Tensor y = normalized(x, axes, eps);
  const Shape per_channel = Shape{x.size(1)} + Dims::filled(x.rank() - 2, 1);
  if (weight.defined()) y = y * reshape(weight, per_channel);
  return bias.defined() ? y + reshape(bias, per_channel) : y;
}

void register_softmax(OpRegistry& r) {
  const auto one = [](const char* label, Shape shape, OpCall call, OpCall reference = {}) {
    return Sample{label, {{shape}}, std::move(call), std::move(reference)};
  };
  r.add({"softmax",
         "e^x / sum e^x",
         Kind::general,
         {one(
              "rows", {2, 3}, [](const Tensors& in) { return Tensors{softmax(in[0])}; },
              [](const Tensors& in) { return Tensors{exp(in[0]) / sum(exp(in[0]), {-1}, true)}; }),
          one("axis 1 of 4", {1, 3, 2, 2}, [](const Tensors& in) { return Tensors{softmax(in[0], 1)}; })}});
  r.add({"log_softmax",
         "x - log sum e^x",
         Kind::general,
         {one(
             "rows", {2, 3}, [](const Tensors& in) { return Tensors{log_softmax(in[0])}; },
             [](const Tensors& in) { return Tensors{log(exp(in[0]) / sum(exp(in[0]), {-1}, true))}; })}});
  r.add({"cross_entropy",
         "mean of -log_softmax at the target",
         Kind::general,
         {{"rows",
           {{{4, 3}}, {{4}, 0, 2, {}, i64}},
           [](const Tensors& in) { return Tensors{cross_entropy(in[0], in[1])}; }},
          {"images", {{{2, 3, 2, 2}}, {{2, 2, 2}, 0, 2, {}, i64}}, [](const Tensors& in) {
             return Tensors{cross_entropy(in[0], in[1])};
           }}}});
  r.add({"scaled_dot_product_attention",
         "softmax(q k^T / sqrt E) v",
         Kind::general,
         {{"heads",
           {{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}},
           [](const Tensors& in) { return Tensors{scaled_dot_product_attention(in[0], in[1], in[2])}; }},
          {"causal", {{{3, 2}}, {{3, 2}}, {{3, 2}}}, [](const Tensors& in) {
             return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {}, true)};
           }}}});
  r.add({"embedding",
         "rows of a table",
         Kind::linear,
         {{"table", {{{4, 3}}, {{2, 2}, 0, 3, {}, i64}}, [](const Tensors& in) {
             return Tensors{embedding(in[0], in[1])};
           }}}});
  r.add({"dropout",
         "zeroes with probability p, scales the rest",
         Kind::linear,
         {one("half", {4, 5}, [](const Tensors& in) {
           Generator g(7);
           return Tensors{dropout(in[0], 0.5, g)};
         })}});
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
