// SPDX-License-Identifier: MIT
#include "smld/detail/products.h"

#include <algorithm>
#include <string_view>

#include "autograd/calculus/checkpoint.h"
#include "autograd/grad.h"
#include "autograd/walk.h"
#include "ops/ops.h"
#include "smld/detail/samples.h"
#include "tensor/random.h"
#include "tensor/recording.h"

namespace stein::smld::detail {
namespace {

// Sum of products (count, B, ...) over all axes but B.
Tensor over_rows(const Tensor& t) {
  Axes axes{0};
  for (int i = 2; i < t.rank(); ++i) axes.push_back(i);
  return sum(t, axes);
}

// Cotangents of every other sample must not reach the samples between them. NaN is the model's own affair.
void check_samples_apart(const Tensor& s, const Tensor& x) {
  const auto b = x.size(0);
  if (b < 2 || x.numel() == 0) return;
  NoGrad guard;
  Generator g(0x7472616365);
  std::vector<double> alternating(static_cast<std::size_t>(b));
  for (std::size_t i = 1; i < alternating.size(); i += 2) alternating[i] = 1;
  const Tensor odd = from_vector(alternating, Shape{b} + Dims::filled(x.rank() - 1, 1)).to(x.dtype()).to(x.device()),
               even = 1 - odd;
  const Tensor v = randn(x.shape(), g, x.dtype(), x.device());
  const Tensor back = grad(s, x, {.cotangents = {stack({v * odd, v * even}, 0)}, .retain_graph = true, .batched = 1});
  if (any(abs(stack({back[0] * even, back[1] * odd}, 0)) > 0).item<bool>())
    fail("trace", "a model that keeps the samples of the batch apart", "one whose results depend on other samples",
         "batch statistics make every trace wrong");
}

}  // namespace

Tensor unit_vectors(const Tensor& x, std::int64_t first, std::int64_t count) {
  const Shape sample = x.shape().slice(1, x.rank());
  const Tensor rows = narrow(eye(numel(sample), x.dtype(), x.device()), 0, first, count);
  return reshape(rows, Shape{count, 1} + sample).expand(Shape{count} + x.shape());
}

ProductCost product_cost(const Tensor& s, const Tensor& x) {
  const Edge from = edge_of(s), to = edge_of(x);
  const Walk walk({&from, 1}, {&to, 1});
  ProductCost cost{0, 0};
  for (int i = 0; i < walk.size(); ++i) {
    const Node& node = walk.node(i);
    if (!walk.reaches(i)) continue;
    for (const auto& o : node.outputs)
      cost.bytes += static_cast<double>(numel(o.shape)) * static_cast<double>(size_of(o.dtype));
    if (walk.is_end(i)) continue;
    const std::string_view name = node.name();
    auto each = 1.0;
    if (name == "matmul") each = static_cast<double>(node.inputs[0].shape[-1]);
    if (name.starts_with("conv") && node.inputs.size() > 1 && node.inputs[1].shape.rank() > 1)  // weight (out, in, ...)
      each = static_cast<double>(numel(node.inputs[1].shape)) / static_cast<double>(node.inputs[1].shape[0]);
    cost.flops += each * static_cast<double>(numel(node.outputs[0].shape));
  }
  return cost;
}

std::int64_t rows_at_once(const Tensor& s, const Tensor& x, std::int64_t memory) {
  const auto d = sample_size(x);
  return std::clamp<std::int64_t>(
      static_cast<std::int64_t>(static_cast<double>(memory) / (2 * product_cost(s, x).bytes + 1)), 1,
      std::max<std::int64_t>(d, 1));
}

Tensor trace_by_products(const Score& f, const Tensor& s, const Tensor& x, std::int64_t rows, bool replay) {
  const auto d = sample_size(x);
  check_samples_apart(s, x);
  Tensor total;
  for (std::int64_t first = 0; first < d; first += rows) {
    const auto count = std::min(rows, d - first);
    Tensor part;
    if (replay && is_recording() && rows < d) {
      part = checkpoint(
          [f, first, count](const Tensor& at) {
            const auto [y, pullback] = vjp(f, at);
            const Tensor v = unit_vectors(at, first, count);
            return over_rows(pullback(v, 1) * v);
          },
          x);
    } else {
      const Tensor v = unit_vectors(x, first, count);
      part = over_rows(
          grad(s, x, {.cotangents = {v}, .create_graph = is_recording(), .retain_graph = true, .batched = 1}) * v);
    }
    total = total.defined() ? total + part : part;
  }
  return total.defined() ? total : zeros({x.size(0)}, x.dtype(), x.device());
}

}  // namespace stein::smld::detail
