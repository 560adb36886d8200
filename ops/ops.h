// SPDX-License-Identifier: MIT
// THE catalogue: every op, one line each. Names and conventions are those of PyTorch and NumPy. Shapes broadcast as in
// NumPy; axes may be negative; an empty list of axes means all; a rank-0 tensor takes axis 0 or -1 where a vector would.
// dtypes never mix: convert with x.to(dtype). Every op with a floating result is differentiable to any order in its
// floating inputs unless it says "no gradient".
// Errors: stein::Error, "[op] expected ...; got ...; hint".
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace stein {

// ---- elementwise, one operand ----
Tensor neg(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);       ///< 1 / sqrt(x)
Tensor reciprocal(const Tensor& x);  ///< 1 / x
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor abs(const Tensor& x);       ///< derivative 0 at 0
Tensor sign(const Tensor& x);      ///< derivative 0
Tensor floor(const Tensor& x);     ///< derivative 0
Tensor round(const Tensor& x);     ///< to even; derivative 0
Tensor isfinite(const Tensor& x);  ///< bool; no gradient
Tensor isnan(const Tensor& x);     ///< bool; no gradient
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);                         ///< log(1 + e^x)
Tensor relu(const Tensor& x);                             ///< derivative 0 at 0
Tensor leaky_relu(const Tensor& x, double slope = 0.01);  ///< x > 0 ? x : slope x; slope >= 0; derivative slope at 0
/// x > 0 ? x : alpha (e^x - 1); alpha >= 0; derivative alpha at 0. The derivative is y + alpha for x < 0: it keeps y alone, which
/// the next convolution keeps anyway, and e^x comes with the rounding of y, alpha 6e-8 in f32 (0 below x = -17.3).
Tensor elu(const Tensor& x, double alpha = 1);
Tensor silu(const Tensor& x);                         ///< x sigmoid(x)
Tensor gelu(const Tensor& x);                         ///< exact: x Phi(x)
Tensor gelu_tanh(const Tensor& x);                    ///< the tanh approximation
Tensor clamp(const Tensor& x, double lo, double hi);  ///< derivative 1 on (lo, hi), 0 at and outside the bounds

// ---- elementwise, two and three operands ----
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& base, const Tensor& exponent);
Tensor pow(const Tensor& base, double exponent);
Tensor minimum(const Tensor& a, const Tensor& b);  ///< NaN when either is; ties share the gradient half and half
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  ///< condition: bool
Tensor eq(const Tensor& a, const Tensor& b);                              ///< comparisons: bool, no gradient
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);  ///< bool operands
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& a);
Tensor cast(const Tensor& x, DType dtype);  ///< f32 <-> f64 keeps the gradient

// Derivatives of the above, each one pass over memory and an op like any other: g times f'(x), written in x or y = f(x).
Tensor tanh_backward(const Tensor& g, const Tensor& y);
Tensor sigmoid_backward(const Tensor& g, const Tensor& y);
Tensor softplus_backward(const Tensor& g, const Tensor& y);
Tensor leaky_relu_backward(const Tensor& g, const Tensor& y, double slope);  ///< relu: slope 0
Tensor elu_backward(const Tensor& g, const Tensor& y, double alpha);
Tensor silu_backward(const Tensor& g, const Tensor& x);
Tensor gelu_backward(const Tensor& g, const Tensor& x);
Tensor gelu_tanh_backward(const Tensor& g, const Tensor& x);
Tensor erf_backward(const Tensor& g, const Tensor& x);
Tensor clamp_backward(const Tensor& g, const Tensor& x, double lo, double hi);
Tensor maximum_backward(const Tensor& g, const Tensor& a, const Tensor& b);  ///< a's share: g, g / 2 or 0

// Operators. A C++ number takes the tensor's dtype; Error when that is an integer or bool dtype which does not hold it
// exactly: nothing is truncated silently.
namespace detail {
/// The number as a rank-0 tensor of x's dtype; `op` names the error.
Tensor number(const char* op, double value, const Tensor& x);
}  // namespace detail
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, detail::number("add", b, a)); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, detail::number("sub", b, a)); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, detail::number("mul", b, a)); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, detail::number("div", b, a)); }
inline Tensor operator+(double a, const Tensor& b) { return add(detail::number("add", a, b), b); }
inline Tensor operator-(double a, const Tensor& b) { return sub(detail::number("sub", a, b), b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(detail::number("mul", a, b), b); }
inline Tensor operator/(double a, const Tensor& b) { return div(detail::number("div", a, b), b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
inline Tensor operator<(const Tensor& a, double b) { return lt(a, detail::number("lt", b, a)); }
inline Tensor operator>(const Tensor& a, double b) { return gt(a, detail::number("gt", b, a)); }
inline Tensor operator<=(const Tensor& a, double b) { return le(a, detail::number("le", b, a)); }
inline Tensor operator>=(const Tensor& a, double b) { return ge(a, detail::number("ge", b, a)); }
// There is no ==: eq(a, b) compares elements, equal(a, b) (tensor.h) whole tensors.
inline Tensor operator&&(const Tensor& a, const Tensor& b) { return logical_and(a, b); }
inline Tensor operator||(const Tensor& a, const Tensor& b) { return logical_or(a, b); }
inline Tensor operator!(const Tensor& a) { return logical_not(a); }
inline Tensor eq(const Tensor& a, double b) { return eq(a, detail::number("eq", b, a)); }
inline Tensor ne(const Tensor& a, double b) { return ne(a, detail::number("ne", b, a)); }
inline Tensor maximum(const Tensor& a, double b) { return maximum(a, detail::number("maximum", b, a)); }
inline Tensor minimum(const Tensor& a, double b) { return minimum(a, detail::number("minimum", b, a)); }
inline Tensor where(const Tensor& condition, const Tensor& a, double b) {
  return where(condition, a, detail::number("where", b, a));
}
inline Tensor where(const Tensor& condition, double a, const Tensor& b) {
  return where(condition, detail::number("where", a, b), b);
}

// ---- reductions ----
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Sums over the axes along which `shape` was broadcast to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// `correction` 1: divided by n - 1; 0: by n.
Tensor var(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
/// Call it stein::std: with `using namespace stein` the bare name is taken for the namespace.
Tensor std(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Over several axes ties share the gradient equally (PyTorch's amax); NaN wins.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The largest (smallest) of all elements: amax, amin.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
/// Along one axis: values and the index (i64) of the first maximum, which alone gets the gradient.
std::pair<Tensor, Tensor> max(const Tensor& x, int axis, bool keepdim = false);
std::pair<Tensor, Tensor> min(const Tensor& x, int axis, bool keepdim = false);
Tensor argmax(const Tensor& x, int axis, bool keepdim = false);  ///< i64, no gradient
Tensor argmin(const Tensor& x, int axis, bool keepdim = false);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim = false);
/// (sum |x|^p)^(1/p); p = 2: derivative 0 at 0, as in PyTorch.
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, bool keepdim = false);
Tensor cumsum(const Tensor& x, int axis);
/// bool, no gradient; an element counts as true when it is not 0.
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor all_of(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Values and their indices (i64) along one axis, stable. NaN counts as the largest, as in PyTorch.
std::pair<Tensor, Tensor> sort(const Tensor& x, int axis = -1, bool descending = false);

// ---- layout ----
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor permute(const Tensor& x, const Axes& axes);
Tensor transpose(const Tensor& x, int axis0 = -2, int axis1 = -1);
Tensor expand(const Tensor& x, const Shape& shape);
Tensor squeeze(const Tensor& x, int axis);
Tensor unsqueeze(const Tensor& x, int axis);
Tensor flatten(const Tensor& x, int first = 0, int last = -1);
Tensor contiguous(const Tensor& x);
Tensor channels_last(const Tensor& x);
/// count elements along one axis, from start on, step apart (step < 0 walks back). A view.
Tensor slice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t count);
/// The adjoint of slice_axis: zeros of size `size` along the axis, with x at start, start + step, ...
Tensor unslice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t size);
Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t count);
Tensors split(const Tensor& x, std::int64_t size, int axis = 0);  ///< pieces of `size`, the last may be smaller
Tensors chunk(const Tensor& x, std::int64_t pieces, int axis = 0);
/// Constant padding; `before_after` pairs for the LAST axes first, as torch.nn.functional.pad.
Tensor pad(const Tensor& x, const Dims& before_after, double value = 0);
Tensor concat(const Tensors& xs, int axis = 0);
Tensor stack(const Tensors& xs, int axis = 0);
/// out[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`; index i64 of x's rank (torch.gather), or without its
/// leading axes: then every slice of x uses the same index.
Tensor gather(const Tensor& x, int axis, const Tensor& index);
/// zeros of size `size` along the axis, with x added at `index`: the adjoint of gather.
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size);
/// Whole slices: index i64 of rank 1.
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
Tensor index_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size);  ///< its adjoint
Tensor flip(const Tensor& x, const Axes& axes);
Tensor diagonal(const Tensor& x, int offset = 0);    ///< of the last two axes
Tensor diag_embed(const Tensor& x, int offset = 0);  ///< its adjoint: a matrix with x on a diagonal
Tensor tril(const Tensor& x, int diagonal = 0);
Tensor triu(const Tensor& x, int diagonal = 0);

// ---- linear algebra: matrices are the last two axes, everything left of them is batch and broadcasts ----
/// numpy.matmul, vectors included.
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor dot(const Tensor& a, const Tensor& b);    ///< of two vectors
Tensor outer(const Tensor& a, const Tensor& b);  ///< of two vectors
/// As numpy.einsum: "bij,bjk->bik", "ii->i", "...ij,jk", implicit output. Several operands are contracted left to right.
Tensor einsum(std::string_view equation, const Tensors& operands);
/// Lower L, A = L L^T. Reads the lower triangle; the derivative is that of a symmetric A, as in PyTorch. Throws Error
/// naming the pivot when A is not positive definite.
Tensor cholesky(const Tensor& a);
/// op(A) X = B, A (..., n, n) lower or upper (the other triangle is not read), B (..., n, k) or (n); op transposes.
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper = false, bool transposed = false);
/// A X = B; B (..., n, k) or (n). Throws Error when a pivot is 0.
Tensor solve(const Tensor& a, const Tensor& b);
/// Reduced: Q (..., m, k), R (..., k, n), k = min(m, n); signs as LAPACK gives them. The derivative needs the first k
/// columns to be independent.
std::pair<Tensor, Tensor> qr(const Tensor& a);

// ---- network ----
struct Conv2dOptions {
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
};
/// x (N, C, H, W), weight (O, C / groups, kh, kw), bias (O) or undefined -> (N, O, H', W'), channels-last in memory.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv2dOptions& options = {});
/// The adjoint of conv2d in x for an input of H x W: g (N, O, H', W') -> (N, C, H, W).
Tensor conv2d_input(const Tensor& g, const Tensor& weight, std::int64_t height, std::int64_t width,
                    const Conv2dOptions& options = {});
/// The adjoint of conv2d in weight for a kh x kw kernel: -> (O, C / groups, kh, kw).
Tensor conv2d_filter(const Tensor& x, const Tensor& g, std::int64_t kh, std::int64_t kw,
                     const Conv2dOptions& options = {});
/// x (N, C, H, W), weight (C, O / groups, kh, kw).
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const Conv2dOptions& options = {}, std::int64_t output_padding = 0);
struct Pool2dOptions {
  std::int64_t kernel = 2, stride = 2, padding = 0;
  bool count_include_pad = true;
};
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options);
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options);
Tensor upsample_nearest2d(const Tensor& x, std::int64_t height, std::int64_t width);
Tensor upsample_bilinear2d(const Tensor& x, std::int64_t height, std::int64_t width, bool align_corners = false);
Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);
/// Over the last `normalized` axes; weight and bias of that shape, or undefined.
Tensor layer_norm(const Tensor& x, int normalized = 1, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
/// x (N, C, ...); weight and bias (C) or undefined.
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
Tensor instance_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);
/// Conditional instance norm ++ (arXiv 1907.05600, as published in code): x (N, C, H, W); gamma, alpha, beta (N, C).
Tensor instance_norm_plus(const Tensor& x, const Tensor& gamma, const Tensor& alpha, const Tensor& beta,
                          double eps = 1e-5);
/// Rows of weight (V, D) at index (any shape, i64) -> index shape + (D).
Tensor embedding(const Tensor& weight, const Tensor& index);
/// Zeroes elements with probability p and scales the rest by 1/(1-p).
Tensor dropout(const Tensor& x, double p, Generator& generator);
/// logits (N, C, ...), target (N, ...) i64; mean over targets.
Tensor cross_entropy(const Tensor& logits, const Tensor& target);
/// q (..., L, E), k (..., S, E), v (..., S, Ev), mask broadcastable to (..., L, S), bool (true: take part), or undefined.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask = {},
                                    bool causal = false);

}  // namespace stein
