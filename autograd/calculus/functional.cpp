// SPDX-License-Identifier: MIT
#include "autograd/calculus/functional.h"

#include <algorithm>

#include "autograd/alias.h"
#include "autograd/calculus/detail/traced.h"
#include "autograd/detail/captures.h"
#include "autograd/forward.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "tensor/recording.h"

namespace stein {

using detail::Traced;

detail::Traced detail::trace(const TensorsFunction& f, const Tensors& inputs) {
  Traced t;
  const bool caller_records = is_recording();
  NoGrad record(false);
  t.before = next_node_id();
  for (const auto& x : inputs) {
    if (!x.defined() || !is_floating(x.dtype()))
      t.inputs.push_back(x);
    else if (caller_records && x.requires_grad())
      t.inputs.push_back(alias(x));
    else
      t.inputs.push_back(x.detach().requires_grad_());
    t.outer = t.outer || x.requires_grad();
  }
  const Captures captures(t.before);
  t.outputs = f(t.inputs);
  t.captured = captures.tensors(t.outputs);
  t.outer = caller_records && (t.outer || !t.captured.empty());
  return t;
}

bool detail::wants_graph(const Traced& t, const Tensors& extra) {
  if (!is_recording()) return false;
  return t.outer || std::any_of(extra.begin(), extra.end(), [](const Tensor& e) { return e.requires_grad(); });
}

Tensors detail::pull(const Traced& t, const Tensors& cotangents, int batched, bool free) {
  if (cotangents.size() != t.outputs.size())
    fail("vjp", "one cotangent for each of " + std::to_string(t.outputs.size()) + " outputs",
         std::to_string(cotangents.size()));
  GradOptions options;
  options.batched = batched;
  options.create_graph = wants_graph(t, cotangents);
  options.retain_graph = options.create_graph || !free;
  Tensors from, asked;
  Shape batch;
  for (std::size_t j = 0; j < t.outputs.size(); ++j) {
    const Tensor &y = t.outputs[j], &c = cotangents[j];
    if (!c.defined()) continue;
    if (c.dtype() != y.dtype() || !is_floating(y.dtype()) || c.rank() != y.rank() + batched ||
        c.shape().slice(batched, c.rank()) != y.shape())
      fail("vjp", "a cotangent of " + std::to_string(batched) + " batch axes + " + describe(y), describe(c),
           "results of integer or bool dtype have no derivative");
    batch = c.shape().slice(0, batched);
    if (!y.requires_grad()) continue;  // constant: the cotangent leads nowhere
    from.push_back(y);
    options.cotangents.push_back(c);
  }
  Tensors r(t.inputs.size());
  std::vector<Edge> edges;
  std::vector<std::size_t> position;
  for (std::size_t i = 0; i < r.size(); ++i)
    if (t.inputs[i].requires_grad()) {
      edges.push_back(edge_of(t.inputs[i]));
      position.push_back(i);
    }
  Tensors g = from.empty() ? Tensors(edges.size()) : grad_edges(from, edges, options);
  for (std::size_t i = 0; i < position.size(); ++i) {
    const Tensor& x = t.inputs[position[i]];
    r[position[i]] = g[i].defined() ? std::move(g[i]) : zeros(batch + x.shape(), x.dtype(), x.device());
  }
  const NoGrad guard(!options.create_graph);
  separate(r, cotangents);
  return r;
}

namespace {

// Results leave with their history only when something outside could ask for it.
Tensors released(const Traced& t) {
  if (t.outer) return t.outputs;
  Tensors r;
  for (const auto& y : t.outputs) r.push_back(y.requires_grad() ? y.detach() : y);
  return r;
}

Tensors push(const Traced& t, const Tensors& outputs, const Tensors& tangents, int batched) {
  if (tangents.size() != t.inputs.size())
    fail("jvp", "one tangent for each of " + std::to_string(t.inputs.size()) + " inputs",
         std::to_string(tangents.size()));
  Tensors from, along, r(outputs.size());
  Shape batch;
  for (std::size_t i = 0; i < tangents.size(); ++i)
    if (tangents[i].defined()) {
      if (!t.inputs[i].requires_grad())
        fail("jvp", "tangents for floating inputs only", describe(t.inputs[i]) + " has one");
      from.push_back(t.inputs[i]);
      along.push_back(tangents[i]);
      batch = tangents[i].shape().slice(0, std::min(batched, tangents[i].rank()));
    }
  if (from.empty()) fail("jvp", "a tangent for at least one input", "none");
  Tensors floating;
  const auto has_derivative = [](const Tensor& y) { return y.defined() && is_floating(y.dtype()); };
  for (const auto& y : outputs)
    if (has_derivative(y)) floating.push_back(y);
  const Tensors d = push_forward(floating, from, along, batched, detail::wants_graph(t, tangents));
  std::size_t next = 0;
  for (std::size_t j = 0; j < r.size(); ++j)
    if (has_derivative(outputs[j])) r[j] = d[next++];
  return r;
}

TensorsFunction as_list(const TensorFunction& f) {
  return [&f](const Tensors& x) { return Tensors{f(x[0])}; };
}

// The gradient of the first output, recorded, on the traced aliases.
Tensors inner_gradient(const Traced& t) {
  const Tensor& y = t.outputs.at(0);
  if (y.numel() != 1 || !is_floating(y.dtype()))
    fail("gradient", "a function whose first result is a floating scalar", describe(y), "reduce it, say by sum()");
  NoGrad record(false);
  GradOptions options;
  options.create_graph = true;
  std::vector<Edge> edges;
  for (const auto& x : t.inputs) edges.push_back(edge_of(x));
  Tensors g = y.requires_grad() ? detail::grad_edges({y}, edges, options) : Tensors(edges.size());
  for (std::size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined() && t.inputs[i].requires_grad()) g[i] = zeros_like(t.inputs[i]);
  return g;
}

// Rows first .. first + count of the identity on `shape`, as a batch: (count, shape).
Tensor basis(const Tensor& like, std::int64_t first, std::int64_t count) {
  Tensor b = zeros({count, like.numel()}, like.dtype(), like.device());
  if (count) as_strided(b, {count}, {like.numel() + 1}, first).fill_(1);
  return b.reshape(Shape{count} + like.shape());
}

// basis() in pieces of `chunk` rows, each given to `piece`, and what it returns put together along the first axis.
Tensors in_chunks(const Tensor& like, std::int64_t chunk, const std::function<Tensors(const Tensor&)>& piece) {
  const auto n = like.numel(), step = chunk > 0 ? std::min(chunk, n) : n;
  std::vector<Tensors> parts;
  for (std::int64_t at = 0; at < n || parts.empty(); at += std::max<std::int64_t>(step, 1)) {
    const auto r = piece(basis(like, at, std::min(step, n - at)));
    parts.resize(r.size());
    for (std::size_t k = 0; k < r.size(); ++k) parts[k].push_back(r[k]);
    if (n == 0) break;
  }
  Tensors out;
  for (const auto& p : parts) out.push_back(p[0].defined() ? concat(p, 0) : Tensor{});
  return out;
}

// (n of `inner`, outer shape) -> outer shape + inner shape
Tensor columns_last(const Tensor& t, const Shape& outer, const Shape& inner) {
  Axes axes;
  for (int i = 1; i <= outer.rank(); ++i) axes.push_back(i);
  axes.push_back(0);
  return t.permute(axes).reshape(outer + inner);
}

// d outputs / d (traced inputs), by columns.
std::vector<Tensors> jacobian_forward(const Traced& t, const Tensors& outputs, std::int64_t chunk) {
  std::vector<Tensors> r(outputs.size(), Tensors(t.inputs.size()));
  for (std::size_t j = 0; j < t.inputs.size(); ++j) {
    const Tensor& x = t.inputs[j];
    if (!x.requires_grad()) continue;
    const Tensors columns = in_chunks(x, chunk, [&](const Tensor& v) {
      Tensors tangents(t.inputs.size());
      tangents[j] = v;
      return push(t, outputs, tangents, 1);
    });
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (columns[i].defined()) r[i][j] = columns_last(columns[i], outputs[i].shape(), x.shape());
  }
  return r;
}

}  // namespace

Tensors Pullbacks::operator()(const Tensors& cotangents, int batched) const {
  return detail::pull(*traced_, cotangents, batched, false);
}

std::pair<Tensors, Pullbacks> vjp(const TensorsFunction& f, const Tensors& x) {
  auto t = std::make_shared<const Traced>(detail::trace(f, x));
  Tensors y = released(*t);
  return {std::move(y), Pullbacks(std::move(t))};
}

std::pair<Tensor, Pullback> vjp(const TensorFunction& f, const Tensor& x) {
  auto [y, pullbacks] = vjp(as_list(f), Tensors{x});
  return {y[0], Pullback(std::move(pullbacks))};
}

std::pair<Tensors, Tensors> jvp(const TensorsFunction& f, const Tensors& x, const Tensors& v, int batched) {
  const Traced t = detail::trace(f, x);
  Tensors d = push(t, t.outputs, v, batched);
  return {released(t), std::move(d)};
}

std::pair<Tensor, Tensor> jvp(const TensorFunction& f, const Tensor& x, const Tensor& v, int batched) {
  auto [y, d] = jvp(as_list(f), Tensors{x}, Tensors{v}, batched);
  return {y[0], d[0]};
}

std::vector<Tensors> jacobian(const TensorsFunction& f, const Tensors& x, const JacobianOptions& options) {
  const Traced t = detail::trace(f, x);
  if (options.mode == Mode::forward) return jacobian_forward(t, t.outputs, options.chunk);
  std::vector<Tensors> r;
  for (std::size_t i = 0; i < t.outputs.size(); ++i) {
    const Tensor& y = t.outputs[i];
    r.emplace_back(x.size());
    if (!is_floating(y.dtype())) continue;
    const Tensors rows = in_chunks(y, options.chunk, [&](const Tensor& c) {
      Tensors cotangents(t.outputs.size());
      cotangents[i] = c;
      return detail::pull(t, cotangents, 1, false);
    });
    for (std::size_t j = 0; j < x.size(); ++j)
      if (rows[j].defined()) r[i][j] = rows[j].reshape(y.shape() + x[j].shape());
  }
  return r;
}

Tensor jacobian(const TensorFunction& f, const Tensor& x, const JacobianOptions& options) {
  return jacobian(as_list(f), Tensors{x}, options)[0][0];
}

Tensors gradient(const TensorsFunction& f, const Tensors& x) {
  const Traced t = detail::trace(f, x);
  if (t.outputs.empty() || t.outputs[0].numel() != 1)
    fail("gradient", "a function whose first result is a floating scalar", describe(t.outputs),
         "reduce it, say by sum()");
  Tensors cotangents(t.outputs.size());
  cotangents[0] = ones_like(t.outputs[0]);
  return detail::pull(t, cotangents, 0, true);
}

Tensor gradient(const TensorFunction& f, const Tensor& x) { return gradient(as_list(f), Tensors{x})[0]; }

std::vector<Tensors> hessian(const TensorsFunction& f, const Tensors& x) {
  const Traced t = detail::trace(f, x);
  return jacobian_forward(t, inner_gradient(t), 0);
}

Tensor hessian(const TensorFunction& f, const Tensor& x) { return hessian(as_list(f), Tensors{x})[0][0]; }

std::pair<Tensors, Tensors> hvp(const TensorsFunction& f, const Tensors& x, const Tensors& v, int batched) {
  Traced t = detail::trace(f, x);
  Tensors g = inner_gradient(t);
  Tensors d = push(t, g, v, batched);
  if (!t.outer)
    for (auto& e : g)
      if (e.defined()) e = e.detach();
  return {std::move(g), std::move(d)};
}

std::pair<Tensor, Tensor> hvp(const TensorFunction& f, const Tensor& x, const Tensor& v, int batched) {
  auto [g, d] = hvp(as_list(f), Tensors{x}, Tensors{v}, batched);
  return {g[0], d[0]};
}

}  // namespace stein
