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
Tensor neg(const Tensor& x);                              ///< -x
Tensor square(const Tensor& x);                           ///< x^2
Tensor sqrt(const Tensor& x);                             ///< NaN below 0; derivative infinite at 0
Tensor rsqrt(const Tensor& x);                            ///< 1 / sqrt(x)
Tensor reciprocal(const Tensor& x);                       ///< 1 / x
Tensor exp(const Tensor& x);                              ///< e^x
Tensor expm1(const Tensor& x);                            ///< e^x - 1, exact near 0
Tensor log(const Tensor& x);                              ///< natural; NaN below 0
Tensor log1p(const Tensor& x);                            ///< log(1 + x), exact near 0
Tensor sin(const Tensor& x);                              ///< of radians
Tensor cos(const Tensor& x);                              ///< of radians
Tensor tanh(const Tensor& x);                             ///< hyperbolic tangent
Tensor erf(const Tensor& x);                              ///< 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x
Tensor abs(const Tensor& x);                              ///< derivative 0 at 0
Tensor sign(const Tensor& x);                             ///< derivative 0
Tensor floor(const Tensor& x);                            ///< derivative 0
Tensor round(const Tensor& x);                            ///< to even; derivative 0
Tensor isfinite(const Tensor& x);                         ///< bool; no gradient
Tensor isnan(const Tensor& x);                            ///< bool; no gradient
Tensor sigmoid(const Tensor& x);                          ///< 1 / (1 + e^-x)
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
Tensor add(const Tensor& a, const Tensor& b);  ///< a + b
Tensor sub(const Tensor& a, const Tensor& b);  ///< a - b
Tensor mul(const Tensor& a, const Tensor& b);  ///< a b
Tensor div(const Tensor& a, const Tensor& b);  ///< a / b
/// base^exponent; in the exponent the derivative of 0^positive is 0
Tensor pow(const Tensor& base, const Tensor& exponent);
Tensor pow(const Tensor& base, double exponent);   ///< exponents 2, 1/2 and -1 by square, sqrt and reciprocal
Tensor minimum(const Tensor& a, const Tensor& b);  ///< NaN when either is; ties share the gradient half and half
Tensor maximum(const Tensor& a, const Tensor& b);  ///< as minimum
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  ///< condition: bool
Tensor eq(const Tensor& a, const Tensor& b);                              ///< comparisons: bool, no gradient
Tensor ne(const Tensor& a, const Tensor& b);                              ///< no gradient
Tensor lt(const Tensor& a, const Tensor& b);                              ///< no gradient
Tensor le(const Tensor& a, const Tensor& b);                              ///< no gradient
Tensor gt(const Tensor& a, const Tensor& b);                              ///< no gradient
Tensor ge(const Tensor& a, const Tensor& b);                              ///< no gradient
Tensor logical_and(const Tensor& a, const Tensor& b);                     ///< bool operands
Tensor logical_or(const Tensor& a, const Tensor& b);                      ///< bool operands
Tensor logical_not(const Tensor& a);                                      ///< bool operand
Tensor cast(const Tensor& x, DType dtype);                                ///< f32 <-> f64 keeps the gradient

// Derivatives of the above, each one pass over memory and an op like any other: g times f'(x), written in x or y = f(x).
Tensor tanh_backward(const Tensor& g, const Tensor& y);                         ///< g (1 - y^2)
Tensor sigmoid_backward(const Tensor& g, const Tensor& y);                      ///< g y (1 - y)
Tensor softplus_backward(const Tensor& g, const Tensor& y);                     ///< g sigmoid(x), from y = softplus(x)
Tensor leaky_relu_backward(const Tensor& g, const Tensor& y, double slope);     ///< relu: slope 0
Tensor elu_backward(const Tensor& g, const Tensor& y, double alpha);            ///< y < 0: g (y + alpha)
Tensor silu_backward(const Tensor& g, const Tensor& x);                         ///< g d silu(x)/dx
Tensor gelu_backward(const Tensor& g, const Tensor& x);                         ///< g d gelu(x)/dx
Tensor gelu_tanh_backward(const Tensor& g, const Tensor& x);                    ///< g d gelu_tanh(x)/dx
Tensor erf_backward(const Tensor& g, const Tensor& x);                          ///< g 2/sqrt(pi) e^(-x^2)
Tensor clamp_backward(const Tensor& g, const Tensor& x, double lo, double hi);  ///< g where lo < x < hi, else 0
Tensor maximum_backward(const Tensor& g, const Tensor& a, const Tensor& b);     ///< a's share: g, g / 2 or 0

namespace detail {
/// The number as a rank-0 tensor of x's dtype; `op` names the error.
Tensor number(const char* op, double value, const Tensor& x);
}  // namespace detail

/// Elementwise, broadcasting; comparisons and logic give bool. A C++ number takes the tensor's dtype; Error when that is an integer or
/// bool dtype which does not hold it exactly: nothing is truncated silently. && and || compute both sides. There is no ==: eq(a, b)
/// compares elements, equal(a, b) whole tensors.
///@{
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
///@}

// ---- reductions ----
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< f32, f64 or i64; 0 for no elements
/// Sums over the axes along which `shape` was broadcast to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// sum over `axis` of a b, without storing the product: operands of one floating dtype that broadcast -> without `axis`.
Tensor vecdot(const Tensor& a, const Tensor& b, int axis = -1);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< NaN for no elements
/// `correction` 1: divided by n - 1; 0: by n.
Tensor var(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
/// Call it stein::std: with `using namespace stein` the bare name is taken for the namespace.
Tensor std(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< f32, f64 or i64; 1 for no elements
/// Over several axes ties share the gradient equally (PyTorch's amax); NaN wins.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< as amax
/// The largest (smallest) of all elements: amax, amin.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);  ///< as max
/// Along one axis: values and the index (i64) of the first maximum, which alone gets the gradient.
std::pair<Tensor, Tensor> max(const Tensor& x, int axis, bool keepdim = false);
std::pair<Tensor, Tensor> min(const Tensor& x, int axis, bool keepdim = false);  ///< as max
Tensor argmax(const Tensor& x, int axis, bool keepdim = false);                  ///< i64, no gradient
Tensor argmin(const Tensor& x, int axis, bool keepdim = false);                  ///< i64, no gradient; the first
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim = false);  ///< without overflow; -inf for no elements
/// (sum |x|^p)^(1/p); p = 2: derivative 0 at 0, as in PyTorch.
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, bool keepdim = false);
Tensor cumsum(const Tensor& x, int axis);  ///< f32, f64 or i64: x_0, x_0 + x_1, ... along the axis
/// bool, no gradient; an element counts as true when it is not 0.
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
Tensor all_of(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< true for no elements
/// Values and their indices (i64) along one axis, stable. NaN counts as the largest, as in PyTorch.
std::pair<Tensor, Tensor> sort(const Tensor& x, int axis = -1, bool descending = false);

// ---- layout ----
Tensor reshape(const Tensor& x, const Shape& shape);  ///< one size may be -1; a view where the strides allow
Tensor permute(const Tensor& x, const Axes& axes);    ///< a view with axes in that order
Tensor transpose(const Tensor& x, int axis0 = -2, int axis1 = -1);  ///< a view with two axes exchanged
Tensor expand(const Tensor& x, const Shape& shape);             ///< a view; sizes 1 grow, axes may be added on the left
Tensor squeeze(const Tensor& x, int axis);                      ///< a view without that axis of size 1
Tensor unsqueeze(const Tensor& x, int axis);                    ///< a view with an axis of size 1 more, there
Tensor flatten(const Tensor& x, int first = 0, int last = -1);  ///< axes first ... last as one
Tensor contiguous(const Tensor& x);                             ///< row-major; x itself when it already is
Tensor channels_last(const Tensor& x);  ///< rank 4, stored N, H, W, C; x itself when it already is
/// count elements along one axis, from start on, step apart (step < 0 walks back). A view.
Tensor slice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t count);
/// The adjoint of slice_axis: zeros of size `size` along the axis, with x at start, start + step, ...
Tensor unslice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t step, std::int64_t size);
/// a view of [start, start + count) along the axis
Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t count);
Tensors split(const Tensor& x, std::int64_t size, int axis = 0);  ///< pieces of `size`, the last may be smaller
/// at most `pieces` views of equal size, the last may be smaller
Tensors chunk(const Tensor& x, std::int64_t pieces, int axis = 0);
/// Constant padding; `before_after` pairs for the LAST axes first, as torch.nn.functional.pad.
Tensor pad(const Tensor& x, const Dims& before_after, double value = 0);
Tensor concat(const Tensors& xs, int axis = 0);  ///< one behind the other; all other sizes agree
Tensor stack(const Tensors& xs, int axis = 0);   ///< along a new axis; all shapes agree
/// out[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`; index i64 of x's rank (torch.gather), or without its
/// leading axes: then every slice of x uses the same index. An index out of range throws Error at once on the cpu; on a device
/// (here and below) the next copy to the host throws it, so that no lookup waits.
Tensor gather(const Tensor& x, int axis, const Tensor& index);
/// zeros of size `size` along the axis, with x added at `index`: the adjoint of gather.
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size);
/// Whole slices: index i64 of rank 1.
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
Tensor index_add(const Tensor& x, int axis, const Tensor& index, std::int64_t size);  ///< its adjoint
Tensor flip(const Tensor& x, const Axes& axes);      ///< the order along these axes reversed
Tensor diagonal(const Tensor& x, int offset = 0);    ///< of the last two axes
Tensor diag_embed(const Tensor& x, int offset = 0);  ///< its adjoint: a matrix with x on a diagonal
Tensor tril(const Tensor& x, int diagonal = 0);      ///< the last two axes' entries above the diagonal set to 0
Tensor triu(const Tensor& x, int diagonal = 0);      ///< the last two axes' entries below the diagonal set to 0

// ---- linear algebra: matrices are the last two axes, everything left of them is batch and broadcasts ----
/// numpy.matmul, vectors included.
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor dot(const Tensor& a, const Tensor& b);    ///< of two vectors
Tensor outer(const Tensor& a, const Tensor& b);  ///< of two vectors
/// As numpy.einsum: "bij,bjk->bik", "ii->i", "...ij,jk", implicit output. Several operands are contracted left to right.
Tensor einsum(std::string_view equation, const Tensors& operands);
/// Lower L, A = L L^T. Reads the lower triangle; the derivative is that of a symmetric A, as in PyTorch. Throws Error
/// naming the pivot when A is not positive definite; to know it, the host waits for the device where A is on one.
Tensor cholesky(const Tensor& a);
/// op(A) X = B, A (..., n, n) lower or upper (the other triangle is not read), B (..., n, k) or (n); op transposes.
Tensor triangular_solve(const Tensor& a, const Tensor& b, bool upper = false, bool transposed = false);
/// A X = B; B (..., n, k) or (n). Throws Error when a pivot is 0; to know it, the host waits for the device where A is on one.
Tensor solve(const Tensor& a, const Tensor& b);
/// Reduced: Q (..., m, k), R (..., k, n), k = min(m, n); signs as LAPACK gives them. The derivative needs the first k
/// columns to be independent.
std::pair<Tensor, Tensor> qr(const Tensor& a);

// ---- network ----
/// Both axes alike; PyTorch's defaults.
struct Conv2dOptions {
  std::int64_t stride = 1;    ///< pixels from one window to the next
  std::int64_t padding = 0;   ///< zeros on each side
  std::int64_t dilation = 1;  ///< pixels from one weight to the next
  std::int64_t groups = 1;    ///< parts of the channels that do not see each other
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
/// Both axes alike.
struct Pool2dOptions {
  std::int64_t kernel = 2;        ///< side of a window
  std::int64_t stride = 2;        ///< pixels from one window to the next
  std::int64_t padding = 0;       ///< on each side, at most half the kernel
  bool count_include_pad = true;  ///< whether padding counts in a mean
};
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options);  ///< means of windows: (N, C, H, W) -> (N, C, H', W')
/// maxima of windows, the first gets the gradient: (N, C, H, W) -> (N, C, H', W')
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options);
/// (N, C, H, W) -> (N, C, height, width), each pixel that of floor(i H / height).
Tensor upsample_nearest2d(const Tensor& x, std::int64_t height, std::int64_t width);
/// (N, C, H, W) -> (N, C, height, width); pixels are squares, or, align_corners, the corners keep their values.
Tensor upsample_bilinear2d(const Tensor& x, std::int64_t height, std::int64_t width, bool align_corners = false);
Tensor softmax(const Tensor& x, int axis = -1);      ///< e^x / sum e^x along the axis
Tensor log_softmax(const Tensor& x, int axis = -1);  ///< x - logsumexp along the axis
/// Over the last `normalized` axes; weight and bias of that shape, or undefined.
Tensor layer_norm(const Tensor& x, int normalized = 1, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
/// x (N, C, ...); weight and bias (C) or undefined.
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
/// x (N, C, ...): each channel of each sample to mean 0 and variance 1; weight and bias (C) or undefined.
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
