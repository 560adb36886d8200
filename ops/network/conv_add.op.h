// SPDX-License-Identifier: MIT
// A convolution that ends a residual block. The sum is written over the convolution's result, which nobody else needs.
#include "autograd/grad.h"
#include "ops/conv_add.h"
#include "ops/op.h"

namespace stein::host {

// Inputs x, w, skip, and the bias where there is one.
struct Conv2dAdd {
  static constexpr const char* name = "conv2d_add";
  static constexpr Kind kind = Kind::fused;
  Conv2dOptions options;

  Tensor forward(const Tensors& in) const {
    Tensor y = conv2d(in[0], in[1], bias_of(in), options);
    if (in[2].shape() != y.shape())
      fail(name, "skip of the convolution's shape " + to_string(y.shape()), describe(in[2]));
    return detail::engine_add_to(y, in[2]) ? y : y + in[2];
  }
  Tensor composite(std::span<const Tensor> in) const { return conv2d(in[0], in[1], bias_of(in), options) + in[2]; }
  Tensor vjp0(G g, Like<0> x, In<1> w) const { return conv2d_input(g, w, x.shape[2], x.shape[3], options); }
  Tensor vjp1(G g, In<0> x, Like<1> w) const { return conv2d_filter(x, g, w.shape[2], w.shape[3], options); }
  Tensor vjp2(G g) const { return g; }
  Tensor vjp3(G g) const { return sum(g, {-4, -2, -1}); }

  static Tensor bias_of(std::span<const Tensor> in) { return in.size() > 3 ? in[3] : Tensor(); }
};

}  // namespace stein::host

namespace stein {

Tensor conv2d_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& skip,
                  const Conv2dOptions& p) {
  if (x.rank() != 4 || weight.rank() != 4 || skip.rank() != 4 || skip.dtype() != x.dtype() ||
      skip.size(0) != x.size(0) || skip.size(1) != weight.size(0))
    fail("conv2d_add", "x (N, C, H, W), weight (O, C / groups, kh, kw) and skip (N, O, H', W') of one dtype",
         describe({x, weight, skip}));
  Tensors in{x, weight, skip};
  if (bias.defined()) in.push_back(bias);
  return record_list(host::Conv2dAdd{p}, in);
}

void register_conv_add(OpRegistry& r) {
  const auto sample = [](const char* label, std::vector<InputSpec> in) {
    return Sample{label, std::move(in),
                  [](const Tensors& t) {
                    return Tensors{conv2d_add(t[0], t[1], t.size() > 3 ? t[3] : Tensor(), t[2], {1, 1, 1, 1})};
                  },
                  [](const Tensors& t) {
                    return Tensors{host::Conv2dAdd{{1, 1, 1, 1}}.composite(t)};
                  }};
  };
  r.add({"conv2d_add",
         "conv2d + skip",
         Kind::fused,
         {sample("3x3", {{{2, 2, 4, 3}}, {{3, 2, 3, 3}}, {{2, 3, 4, 3}}}),
          sample("3x3, bias", {{{2, 2, 4, 3}}, {{3, 2, 3, 3}}, {{2, 3, 4, 3}}, {{3}}})}});
}

}  // namespace stein
