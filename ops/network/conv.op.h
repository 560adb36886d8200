// SPDX-License-Identifier: MIT
// The closed trio of convolution: conv2d, its adjoint in the input, its adjoint in the filter. Each is bilinear and each
// is the derivative of the others, so all orders run on three kernels.
#include "ops/detail/conv_choice.h"
#include "ops/detail/conv_host.h"
#include "ops/detail/device_dnn.h"
#include "ops/exact_convolution.h"
#include "ops/images.h"
#include "ops/op.h"
#include "tensor/detail/bf16_tensor.h"

namespace stein::host {

inline kernels::ConvShape conv_shape(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w, std::int64_t o,
                                     std::int64_t ho, std::int64_t wo, std::int64_t kh, std::int64_t kw,
                                     const Conv2dOptions& p) {
  return {n, c, h, w, o, ho, wo, kh, kw, p.stride, p.stride, p.padding, p.padding, p.dilation, p.dilation, p.groups};
}

inline std::int64_t conv_size(std::int64_t in, std::int64_t kernel, const Conv2dOptions& p) {
  const auto reach = in + 2 * p.padding - p.dilation * (kernel - 1) - 1;
  return reach < 0 ? 0 : reach / p.stride + 1;
}

inline void check_conv(const char* op, const Tensor& a, const Tensor& b, const Conv2dOptions& p) {
  check_images(op, a);
  check_images(op, b);
  if (a.dtype() != b.dtype()) fail(op, "operands of one dtype", describe(a) + " and " + describe(b));
  if (p.stride < 1 || p.dilation < 1 || p.groups < 1 || p.padding < 0)
    fail(op, "stride, dilation and groups of at least 1, padding of at least 0",
         std::to_string(p.stride) + ", " + std::to_string(p.dilation) + ", " + std::to_string(p.groups) + ", " +
             std::to_string(p.padding));
}

inline void check_bias(const char* op, const Tensor& bias, std::int64_t channels, DType dtype) {
  if (bias.shape() != Shape{channels} || bias.dtype() != dtype)
    fail(op, "a bias " + std::string(name_of(dtype)) + " " + to_string(Shape{channels}), describe(bias));
}

inline bool use_winograd(const kernels::ConvShape& s, DType dtype) {
  return dtype == f32 && !detail::exact_convolution && kernels::winograd_pays(s);
}

// By the device's library. Returns false when that has no way to do it.
inline bool conv_by_library(const kernels::ConvShape& s, kernels::ConvPart part, const Tensor& a, const Tensor& b,
                            Tensor& out) {
  auto call = detail::dnn_conv_of(part, out.dtype(), s);
  auto algorithm = detail::dnn_algorithm(out.device(), call);
  if (!algorithm && call.factors == detail::Factors::bf16) {
    call.factors = detail::Factors::f32;
    algorithm = detail::dnn_algorithm(out.device(), call);
  }
  if (!algorithm) return false;
  const bool bf16 = call.factors == detail::Factors::bf16;
  const auto held = [&](const Tensor& t) { return bf16 ? detail::to_bf16(for_library(t)) : for_library(t); };
  const Tensor first = held(a), second = held(b), result = bf16 ? empty({2 * out.numel()}, u8, out.device()) : out;
  Tensor workspace;
  try {
    workspace = empty({algorithm->workspace}, u8, out.device());
  } catch (const Error&) {  // memory has run out
    algorithm = detail::dnn_algorithm_without_workspace(out.device(), call);
    if (!algorithm) return false;
    workspace = empty({0}, u8, out.device());
  }
  if (!detail::dnn_conv(out.device(), call, *algorithm, first.raw(), second.raw(), const_cast<void*>(result.raw()),
                        const_cast<void*>(workspace.raw()), algorithm->workspace))
    return false;
  if (bf16) detail::from_bf16(result, out);
  return true;
}

inline void conv_by_kernel(const kernels::ConvShape& s, kernels::ConvPart part, const Strides& of_weight,
                           const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& out) {
  kernels::device_conv(out.device())({part,
                                      out.dtype() == f64,
                                      s,
                                      {of_weight[0], of_weight[1], of_weight[2], of_weight[3]},
                                      a.raw(),
                                      b.raw(),
                                      bias.defined() ? bias.raw() : nullptr,
                                      const_cast<void*>(out.raw())});
}

// Forward (x, w, bias -> y) or input gradient (g, w -> gx).
inline void run_conv(const kernels::ConvShape& s, kernels::ConvPass pass, const Tensor& source, const Tensor& weight,
                     const Tensor& bias, Tensor& out) {
  if (out.numel() == 0) return;
  const Tensor src = nhwc(source), b = bias.defined() ? bias.contiguous() : bias;
  if (out.device() != cpu) {
    const auto part = pass == kernels::ConvPass::kForward ? kernels::ConvPart::forward : kernels::ConvPart::input;
    if (!conv_by_library(s, part, src, weight, out))
      conv_by_kernel(s, part, weight.strides(), src, weight, b, out);
    else if (b.defined())
      out = out + reshape(b, {-1, 1, 1});
    return;
  }
  visit_floating("conv2d", out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    conv<T>(s, pass, use_winograd(s, out.dtype()), src.data<T>(), {weight.data<T>(), weight.strides()},
            b.defined() ? b.data<T>() : nullptr, out.mutable_data<T>());
  });
}

struct Conv2d {
  static constexpr const char* name = "conv2d";
  static constexpr Kind kind = Kind::bilinear;
  Conv2dOptions options;

  Tensor forward(const Tensor& x, const Tensor& w) const { return with_bias(x, w, {}); }
  Tensor with_bias(const Tensor& x, const Tensor& w, const Tensor& bias) const {
    const auto s =
        conv_shape(x.size(0), x.size(1), x.size(2), x.size(3), w.size(0), conv_size(x.size(2), w.size(2), options),
                   conv_size(x.size(3), w.size(3), options), w.size(2), w.size(3), options);
    Tensor y = empty_channels_last({s.n, s.o, s.ho, s.wo}, x.dtype(), x.device());
    run_conv(s, kernels::ConvPass::kForward, x, w, bias, y);
    return y;
  }
  Tensor call(const Tensor& x, const Tensor& w) const { return conv2d(x, w, {}, options); }
  Tensor vjp0(G g, Like<0> x, In<1> w) const { return conv2d_input(g, w, x.shape[2], x.shape[3], options); }
  Tensor vjp1(G g, In<0> x, Like<1> w) const { return conv2d_filter(x, g, w.shape[2], w.shape[3], options); }
};

// On the cpu the bias is added while the result is still in registers.
struct Conv2dBias {
  static constexpr const char* name = "conv2d_bias";
  static constexpr Kind kind = Kind::fused;
  Conv2dOptions options;

  Tensor forward(const Tensor& x, const Tensor& w, const Tensor& bias) const {
    return Conv2d{options}.with_bias(x, w, bias);
  }
  Tensor composite(std::span<const Tensor> in) const {
    return conv2d(in[0], in[1], {}, options) + reshape(in[2], {-1, 1, 1});
  }
  Tensor vjp0(G g, Like<0> x, In<1> w) const { return conv2d_input(g, w, x.shape[2], x.shape[3], options); }
  Tensor vjp1(G g, In<0> x, Like<1> w) const { return conv2d_filter(x, g, w.shape[2], w.shape[3], options); }
  Tensor vjp2(G g) const { return sum(g, {-4, -2, -1}); }
};

struct Conv2dInput {
  static constexpr const char* name = "conv2d_input";
  static constexpr Kind kind = Kind::bilinear;
  Conv2dOptions options;
  std::int64_t height, width;

  Tensor forward(const Tensor& g, const Tensor& w) const {
    const auto s = conv_shape(g.size(0), w.size(1) * options.groups, height, width, w.size(0), g.size(2), g.size(3),
                              w.size(2), w.size(3), options);
    Tensor x = empty_channels_last({s.n, s.c, s.h, s.w}, g.dtype(), g.device());
    run_conv(s, kernels::ConvPass::kInput, g, w, {}, x);
    return x;
  }
  Tensor call(const Tensor& g, const Tensor& w) const { return conv2d_input(g, w, height, width, options); }
  Tensor vjp0(G c, In<1> w) const { return conv2d(c, w, {}, options); }
  Tensor vjp1(G c, In<0> g, Like<1> w) const { return conv2d_filter(c, g, w.shape[2], w.shape[3], options); }
};

struct Conv2dFilter {
  static constexpr const char* name = "conv2d_filter";
  static constexpr Kind kind = Kind::bilinear;
  Conv2dOptions options;
  std::int64_t kh, kw;

  Tensor forward(const Tensor& image, const Tensor& cotangent) const {
    const Tensor x = nhwc(image), g = nhwc(cotangent);
    const auto s =
        conv_shape(x.size(0), x.size(1), x.size(2), x.size(3), g.size(1), g.size(2), g.size(3), kh, kw, options);
    const Shape shape{s.o, s.c / options.groups, kh, kw};
    const bool here = x.device() == cpu;
    Tensor w = here ? empty(shape, x.dtype()) : empty_channels_last(shape, x.dtype(), x.device());
    if (w.numel() == 0) return w;
    if (g.numel() == 0 || x.numel() == 0) return w.zero_();
    if (!here) {
      constexpr auto part = kernels::ConvPart::filter;
      if (!conv_by_library(s, part, x, g, w)) conv_by_kernel(s, part, w.strides(), x, g, {}, w);
      return w;
    }
    visit_floating("conv2d_filter", x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      conv_filter<T>(s, use_winograd(s, x.dtype()), x.data<T>(), g.data<T>(), {w.mutable_data<T>(), w.strides()});
    });
    return w;
  }
  Tensor call(const Tensor& x, const Tensor& g) const { return conv2d_filter(x, g, kh, kw, options); }
  Tensor vjp0(G c, Like<0> x, In<1> g) const { return conv2d_input(g, c, x.shape[2], x.shape[3], options); }
  Tensor vjp1(G c, In<0> x) const { return conv2d(x, c, {}, options); }
};

}  // namespace stein::host

namespace stein {

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& p) {
  host::check_conv("conv2d", x, weight, p);
  if (x.size(-3) != weight.size(-3) * p.groups || weight.size(-4) % p.groups != 0)
    fail("conv2d", "weight (O, C / groups, kh, kw) for x (N, C, H, W), O a multiple of groups",
         "weight " + describe(weight) + ", x " + describe(x) + ", groups " + std::to_string(p.groups));
  if (host::conv_size(x.size(-2), weight.size(-2), p) < 1 || host::conv_size(x.size(-1), weight.size(-1), p) < 1)
    fail("conv2d", "an image at least as large as the dilated kernel",
         "x " + describe(x) + ", weight " + describe(weight), "add padding");
  if (!bias.defined())
    return fold_products(x, weight, true,
                         [&](const Tensor& a, const Tensor& b) { return record(host::Conv2d{p}, a, b); });
  host::check_bias("conv2d", bias, weight.size(-4), x.dtype());
  if (x.rank() == 4 && weight.rank() == 4) return record(host::Conv2dBias{p}, x, weight, bias);
  return conv2d(x, weight, {}, p) + reshape(bias, {-1, 1, 1});
}

Tensor conv2d_input(const Tensor& g, const Tensor& weight, std::int64_t height, std::int64_t width,
                    const Conv2dOptions& p) {
  host::check_conv("conv2d_input", g, weight, p);
  if (g.size(-3) != weight.size(-4) || weight.size(-4) % p.groups != 0 ||
      g.size(-2) != host::conv_size(height, weight.size(-2), p) ||
      g.size(-1) != host::conv_size(width, weight.size(-1), p))
    fail("conv2d_input",
         "g (N, O, H', W') as conv2d of a " + std::to_string(height) + " x " + std::to_string(width) +
             " image with this weight gives",
         "g " + describe(g) + ", weight " + describe(weight));
  return fold_products(g, weight, true, [&](const Tensor& a, const Tensor& b) {
    return record(host::Conv2dInput{p, height, width}, a, b);
  });
}

Tensor conv2d_filter(const Tensor& x, const Tensor& g, std::int64_t kh, std::int64_t kw, const Conv2dOptions& p) {
  host::check_conv("conv2d_filter", x, g, p);
  if (x.size(-3) % p.groups != 0 || g.size(-3) % p.groups != 0 || x.size(-4) != g.size(-4) ||
      g.size(-2) != host::conv_size(x.size(-2), kh, p) || g.size(-1) != host::conv_size(x.size(-1), kw, p))
    fail("conv2d_filter",
         "g (N, O, H', W') as conv2d of x with a " + std::to_string(kh) + " x " + std::to_string(kw) + " kernel gives",
         "x " + describe(x) + ", g " + describe(g));
  return fold_products(x, g, false, [&](const Tensor& a, const Tensor& b) {
    return record(host::Conv2dFilter{p, kh, kw}, a, b);
  });
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& p,
                        std::int64_t output_padding) {
  host::check_conv("conv_transpose2d", x, weight, p);
  if (x.size(-3) != weight.size(-4) || weight.size(-4) % p.groups != 0)
    fail("conv_transpose2d", "weight (C, O / groups, kh, kw) for x (N, C, H, W)",
         "weight " + describe(weight) + ", x " + describe(x));
  if (output_padding < 0 || output_padding >= std::max(p.stride, p.dilation))
    fail("conv_transpose2d", "an output padding from 0 to below stride or dilation", std::to_string(output_padding));
  if (bias.defined()) host::check_bias("conv_transpose2d", bias, weight.size(-3) * p.groups, x.dtype());
  const auto size = [&](std::int64_t in, std::int64_t kernel) {
    return (in - 1) * p.stride - 2 * p.padding + p.dilation * (kernel - 1) + output_padding + 1;
  };
  const auto height = size(x.size(-2), weight.size(-2)), width = size(x.size(-1), weight.size(-1));
  if (height < 1 || width < 1)
    fail("conv_transpose2d", "an output of at least 1 x 1", std::to_string(height) + " x " + std::to_string(width));
  const Tensor y = conv2d_input(x, weight, height, width, p);
  return bias.defined() ? y + reshape(bias, {-1, 1, 1}) : y;
}

void register_conv(OpRegistry& r) {
  struct Case {
    const char* label;
    Shape x, w;
    Conv2dOptions p;
  };
  const Case cases[] = {
      {"3x3", {2, 2, 5, 4}, {3, 2, 3, 3}, {1, 1, 1, 1}},        {"stride 2", {1, 2, 6, 5}, {2, 2, 3, 2}, {2, 1, 1, 1}},
      {"dilation 2", {1, 1, 6, 5}, {2, 1, 3, 3}, {1, 2, 2, 1}}, {"groups 2", {1, 4, 4, 4}, {2, 2, 3, 3}, {1, 1, 1, 2}},
      {"1x1", {2, 3, 2, 3}, {2, 3, 1, 1}, {1, 0, 1, 1}},        {"no image", {0, 2, 4, 4}, {2, 2, 3, 3}, {1, 1, 1, 1}}};
  OpEntry forward{"conv2d", "cross-correlation", Kind::bilinear, {}},
      input{"conv2d_input", "adjoint of conv2d in x", Kind::bilinear, {}},
      filter{"conv2d_filter", "adjoint of conv2d in the weight", Kind::bilinear, {}},
      biased{"conv2d_bias", "conv2d + bias", Kind::fused, {}},
      transposed{"conv_transpose2d", "adjoint of conv2d as a layer", Kind::bilinear, {}};
  for (const auto& c : cases) {
    const auto h = c.x[2], w = c.x[3], kh = c.w[2], kw = c.w[3];
    const Shape y{c.x[0], c.w[0], host::conv_size(h, kh, c.p), host::conv_size(w, kw, c.p)};
    const auto p = c.p;
    forward.samples.push_back(
        {c.label, {{c.x}, {c.w}}, [p](const Tensors& in) { return Tensors{conv2d(in[0], in[1], {}, p)}; }});
    input.samples.push_back(
        {c.label, {{y}, {c.w}}, [=](const Tensors& in) { return Tensors{conv2d_input(in[0], in[1], h, w, p)}; }});
    filter.samples.push_back(
        {c.label, {{c.x}, {y}}, [=](const Tensors& in) { return Tensors{conv2d_filter(in[0], in[1], kh, kw, p)}; }});
  }
  biased.samples.push_back({"3x3",
                            {{{2, 2, 4, 3}}, {{3, 2, 3, 3}}, {{3}}},
                            [](const Tensors& in) {
                              return Tensors{conv2d(in[0], in[1], in[2], {1, 1, 1, 1})};
                            },
                            [](const Tensors& in) {
                              return Tensors{conv2d(in[0], in[1], {}, {1, 1, 1, 1}) + reshape(in[2], {3, 1, 1})};
                            }});
  transposed.samples.push_back(
      {"stride 2, output padding", {{{1, 2, 3, 2}}, {{2, 3, 3, 3}}, {{3}}}, [](const Tensors& in) {
         return Tensors{conv_transpose2d(in[0], in[1], in[2], {2, 1, 1, 1}, 1)};
       }});
  for (auto* e : {&forward, &input, &filter, &biased, &transposed}) r.add(std::move(*e));
}

}  // namespace stein
