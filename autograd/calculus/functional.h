// SPDX-License-Identifier: MIT
// Derivatives of functions. `f` may be any C++ function of tensors that is made of recorded ops; it sees aliases of the
// inputs, so that differentiating inside f (grad in grad) and around it (these functions nested) do not get mixed up.
//
// Results are recorded, so that they can be differentiated again, when recording is on and something outside could ask:
// an input, a cotangent, a tangent or a tensor that f captures (a parameter) requires a gradient. Under NoGrad, or with
// constants only, they are constants and the graph is freed at once.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace stein {

using TensorFunction = std::function<Tensor(const Tensor&)>;     ///< of one input and one output
using TensorsFunction = std::function<Tensors(const Tensors&)>;  ///< of several

namespace detail {
struct Traced;
}

/// The transposed derivative of a function at the point where vjp() ran it. May be called more than once.
class Pullbacks {
 public:
  explicit Pullbacks(std::shared_ptr<const detail::Traced> traced) : traced_(std::move(traced)) {}  ///< made by vjp()
  /// One cotangent per output (undefined: zero), `batched` lead axes + output shape. Returns one tensor per input, lead
  /// axes + input shape, zeros where the outputs do not depend on it, undefined for integer inputs.
  Tensors operator()(const Tensors& cotangents, int batched = 0) const;

 private:
  std::shared_ptr<const detail::Traced> traced_;
};

/// The same for one output and one input.
class Pullback {
 public:
  explicit Pullback(Pullbacks all) : all_(std::move(all)) {}  ///< made by vjp()
  /// Lead axes + shape of the input.
  Tensor operator()(const Tensor& cotangent, int batched = 0) const { return all_({cotangent}, batched)[0]; }

 private:
  Pullbacks all_;
};

/// f(x) and its pullback: `auto [y, pullback] = vjp(f, x);  Tensor g = pullback(v);`.
std::pair<Tensor, Pullback> vjp(const TensorFunction& f, const Tensor& x);
std::pair<Tensors, Pullbacks> vjp(const TensorsFunction& f, const Tensors& x);  ///< of several inputs and outputs

/// f(x) and the derivative of f along v, which has `batched` lead axes + the shape of x: forward mode.
/// An undefined tangent in a list is zero; integer inputs have none.
std::pair<Tensor, Tensor> jvp(const TensorFunction& f, const Tensor& x, const Tensor& v, int batched = 0);
/// Of several inputs and outputs.
std::pair<Tensors, Tensors> jvp(const TensorsFunction& f, const Tensors& x, const Tensors& v, int batched = 0);

/// Direction in which derivatives are carried.
enum class Mode { reverse, forward };

/// How jacobian() goes about it.
struct JacobianOptions {
  Mode mode = Mode::reverse;  ///< reverse: one row at a time, forward: one column
  std::int64_t chunk = 0;     ///< rows or columns computed at once, as a batch; 0: all
};
/// d f(x) / d x, of shape f(x).shape + x.shape.
Tensor jacobian(const TensorFunction& f, const Tensor& x, const JacobianOptions& options = {});
/// Entry [i][j]: derivative of output i in input j.
std::vector<Tensors> jacobian(const TensorsFunction& f, const Tensors& x, const JacobianOptions& options = {});

/// Gradient of a function whose (first) result has one element.
Tensor gradient(const TensorFunction& f, const Tensor& x);
Tensors gradient(const TensorsFunction& f, const Tensors& x);  ///< one for each input

/// Second derivatives of a function whose (first) result has one element: x.shape + x.shape, forward over reverse.
Tensor hessian(const TensorFunction& f, const Tensor& x);
/// Entry [i][j] of shape x[i].shape + x[j].shape.
std::vector<Tensors> hessian(const TensorsFunction& f, const Tensors& x);

/// The gradient of f and the Hessian times v (`batched` lead axes + shape of x), forward over reverse: the price of a
/// few evaluations of f, whatever the size of x.
std::pair<Tensor, Tensor> hvp(const TensorFunction& f, const Tensor& x, const Tensor& v, int batched = 0);
/// Of several inputs.
std::pair<Tensors, Tensors> hvp(const TensorsFunction& f, const Tensors& x, const Tensors& v, int batched = 0);

}  // namespace stein
