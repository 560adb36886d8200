// SPDX-License-Identifier: MIT
#include "nn/ncsn.h"

#include <functional>
#include <optional>

#include "autograd/calculus/checkpoint.h"
#include "autograd/profile.h"
#include "nn/conv.h"
#include "nn/embedding.h"
#include "nn/init.h"
#include "nn/sequential.h"
#include "ops/conv_add.h"
#include "ops/ops.h"
#include "ops/planes.h"

// Shapes: x (B, C, H, W), y (B). Members are declared in the order of the published state dict.
namespace stein::nn {
namespace {

/// What every block needs to be built.
struct Build {
  std::int64_t levels;
  Generator& generator;
};

/// Stride 1, padded so that H and W stay.
Conv2d conv(std::int64_t in, std::int64_t out, const Build& b, std::int64_t kernel = 3, std::int64_t dilation = 1,
            bool bias = true) {
  return Conv2d(in, out, kernel, {.padding = dilation * (kernel / 2), .dilation = dilation}, bias, b.generator);
}

/// What such a convolution of x gives, + skip.
Tensor conv_add(const Conv2d& conv, const Tensor& x, const Tensor& skip, std::int64_t dilation = 1) {
  return conv2d_add(x, conv.weight, conv.bias, skip,
                    {.padding = dilation * (conv.weight.size(-1) / 2), .dilation = dilation});
}

/// Conditional instance norm ++: row y of `embed` holds gamma, alpha and beta of a noise level, each (C).
struct Norm : Module {
  Norm(std::int64_t channels, const Build& b) : embed(add("embed", Embedding(b.levels, 3 * channels, b.generator))) {
    const Tensor all = embed.weight.detach();
    const Strides rows{3 * channels, 1};
    init::normal_(as_strided(all, {b.levels, 2 * channels}, rows, 0), 1, 0.02, b.generator);  // gamma, alpha
    init::constant_(as_strided(all, {b.levels, channels}, rows, 2 * channels), 0);            // beta
  }
  Tensor operator()(const Tensor& x, const Tensor& y) const { return instance_norm_plus(x, embed(y)); }
  /// ELU of that.
  Tensor elu(const Tensor& x, const Tensor& y) const { return instance_norm_plus_elu(x, embed(y)); }
  Embedding embed;
};

/// A convolution, then the means of 2 x 2 pixels. With a 1 x 1 kernel the means come first, for it is the same with a quarter of the
/// products.
struct MeanPool : Module {
  MeanPool(std::int64_t in, std::int64_t out, std::int64_t kernel, const Build& b)
      : inner(add("conv", conv(in, out, b, kernel))) {}
  Tensor operator()(const Tensor& x) const {
    const auto means = [](const Tensor& t) { return avg_pool2d(t, {.kernel = 2, .stride = 2}); };
    return inner.weight.size(-1) == 1 ? inner(means(x)) : means(inner(x));
  }
  Conv2d inner;
};

using Layer = std::function<Tensor(const Tensor&)>;
using LastLayer = std::function<Tensor(const Tensor& x, const Tensor& skip)>;  // its result + skip

/// Pre-activation residual block. `down` with dilation 1 halves H and W; with dilation 2 or 4 it does not, and only its
/// shortcut tells it from a plain block.
struct Residual : Module {
  Residual(std::int64_t in, std::int64_t out, bool down, std::int64_t dilation, const Build& b)
      : conv1(add("conv1", conv(in, down ? in : out, b, 3, dilation))),
        normalize2(add("normalize2", Norm(down ? in : out, b))),
        conv2(down && dilation == 1 ? last(add("conv2", MeanPool(in, out, 3, b)))
              : down || in != out   ? last(add("conv2", conv(down ? in : out, out, b, 3, dilation)))
                                    : last_with_input(add("conv2", conv(out, out, b, 3, dilation)), dilation)),
        shortcut(down && dilation == 1 ? layer("shortcut", MeanPool(in, out, 1, b))
                 : down || in != out   ? layer("shortcut", conv(in, out, b, 3, dilation))
                                       : [](const Tensor& x) { return x; }),
        normalize1(add("normalize1", Norm(in, b))) {}
  Tensor operator()(const Tensors& xs, const Tensor& y) const {
    const Tensor& x = xs[0];
    const Tensor h = conv1(normalize1.elu(x, y));
    return conv2(normalize2.elu(h, y), shortcut(x));
  }
  template <class M>
  Layer layer(const char* name, const M& module) {
    return add(name, module);
  }
  static LastLayer last(const Layer& inner) {
    return [inner](const Tensor& x, const Tensor& skip) { return inner(x) + skip; };
  }
  /// For a skip that normalize1 keeps anyway: conv2d_add keeps it, too.
  static LastLayer last_with_input(const Conv2d& conv, std::int64_t dilation) {
    return [conv, dilation](const Tensor& x, const Tensor& skip) { return conv_add(conv, x, skip, dilation); };
  }
  Conv2d conv1;
  Norm normalize2;
  LastLayer conv2;
  Layer shortcut;
  Norm normalize1;
};

/// Blocks of two (norm, ELU, convolution without bias), each block with a skip.
struct RCU : Module {
  RCU(std::int64_t channels, int blocks, const Build& b) {
    for (int block = 1; block <= blocks; ++block)
      for (int stage = 1; stage <= 2; ++stage) {
        const std::string name = std::to_string(block) + "_" + std::to_string(stage) + "_";
        norms.push_back(add(name + "norm", Norm(channels, b)));
        convs.push_back(add(name + "conv", conv(channels, channels, b, 3, 1, false)));
      }
  }
  Tensor operator()(Tensor x, const Tensor& y) const {
    for (std::size_t i = 0; i < convs.size(); i += 2) {
      const Tensor h = convs[i](norms[i].elu(x, y));
      x = conv_add(convs[i + 1], norms[i + 1].elu(h, y), x);
    }
    return x;
  }
  std::vector<Norm> norms;
  std::vector<Conv2d> convs;
};

/// Brings inputs of different sizes to (H, W) and `out` channels, and adds them.
struct MSF : Module {
  MSF(const std::vector<std::int64_t>& in, std::int64_t out, const Build& b) {
    for (const auto channels : in) convs.append(conv(channels, out, b)), norms.append(Norm(channels, b));
  }
  Tensor operator()(const Tensors& xs, const Tensor& y, std::int64_t height, std::int64_t width) const {
    Tensor sum;
    for (std::size_t i = 0; i < xs.size(); ++i) {
      Tensor h = convs[i](norms[i](xs[i], y));
      if (h.size(2) != height || h.size(3) != width) h = upsample_bilinear2d(h, height, width, true);
      sum = sum.defined() ? sum + h : h;
    }
    return sum;
  }
  ModuleList<Conv2d> convs = add("convs", ModuleList<Conv2d>());
  ModuleList<Norm> norms = add("norms", ModuleList<Norm>());
};

/// Chained residual pooling: 5 x 5 means, always divided by 25.
struct CRP : Module {
  CRP(std::int64_t channels, const Build& b) {
    for (int i = 0; i < 2; ++i) convs.append(conv(channels, channels, b, 3, 1, false)), norms.append(Norm(channels, b));
  }
  Tensor operator()(const Tensor& x, const Tensor& y) const {
    Tensor sum = elu(x), path = sum;
    for (std::size_t i = 0; i < convs.size(); ++i) {
      path = convs[i](avg_pool2d(norms[i](path, y), {.kernel = 5, .stride = 1, .padding = 2}));
      sum = path + sum;
    }
    return sum;
  }
  ModuleList<Conv2d> convs = add("convs", ModuleList<Conv2d>());
  ModuleList<Norm> norms = add("norms", ModuleList<Norm>());
};

struct Refine : Module {
  Refine(const std::vector<std::int64_t>& in, std::int64_t out, bool end, const Build& b)
      : adapt_convs(add("adapt_convs", units(in, b))),
        output_convs(add("output_convs", RCU(out, end ? 3 : 1, b))),
        msf(in.size() > 1 ? std::optional<MSF>(add("msf", MSF(in, out, b))) : std::nullopt),
        crp(add("crp", CRP(out, b))) {}
  Tensor operator()(const Tensors& xs, const Tensor& y) const {
    Tensors hs;
    for (std::size_t i = 0; i < xs.size(); ++i) hs.push_back(adapt_convs[i](xs[i], y));
    const Tensor h = msf ? (*msf)(hs, y, xs[0].size(2), xs[0].size(3)) : hs[0];
    return output_convs(crp(h, y), y);
  }
  static ModuleList<RCU> units(const std::vector<std::int64_t>& in, const Build& b) {
    ModuleList<RCU> list;
    for (const auto channels : in) list.append(RCU(channels, 2, b));
    return list;
  }
  ModuleList<RCU> adapt_convs;
  RCU output_convs;
  std::optional<MSF> msf;  // of several inputs
  CRP crp;
};

NCSNOptions checked(const NCSNOptions& o) {
  if (o.channels < 1 || o.ngf < 1 || o.levels < 1)
    fail("ncsn", "channels, ngf and levels of at least 1",
         std::to_string(o.channels) + ", " + std::to_string(o.ngf) + ", " + std::to_string(o.levels));
  return o;
}

ModuleList<Residual> stage(std::int64_t in, std::int64_t out, bool down, std::int64_t dilation, const Build& b) {
  ModuleList<Residual> blocks;
  blocks.append(Residual(in, out, down, dilation, b));
  blocks.append(Residual(out, out, false, dilation, b));
  return blocks;
}

}  // namespace

struct NCSN::Parts {
  NCSNOptions options;
  Conv2d begin_conv;
  Norm normalizer;
  Conv2d end_conv;
  ModuleList<Residual> res1, res2, res3, res4;
  Refine refine1, refine2, refine3, refine4;

  Parts(NCSN& net, const NCSNOptions& o, const Build& b, std::int64_t n)
      : options(o),
        begin_conv(net.add("begin_conv", conv(o.channels, n, b))),
        normalizer(net.add("normalizer", Norm(n, b))),
        end_conv(net.add("end_conv", conv(n, o.channels, b))),
        res1(net.add("res1", stage(n, n, false, 1, b))),
        res2(net.add("res2", stage(n, 2 * n, true, 1, b))),
        res3(net.add("res3", stage(2 * n, 2 * n, true, 2, b))),
        res4(net.add("res4", stage(2 * n, 2 * n, true, 4, b))),
        refine1(net.add("refine1", Refine({2 * n}, 2 * n, false, b))),
        refine2(net.add("refine2", Refine({2 * n, 2 * n}, 2 * n, false, b))),
        refine3(net.add("refine3", Refine({2 * n, 2 * n}, n, false, b))),
        refine4(net.add("refine4", Refine({n, n}, n, true, b))) {}
};

NCSN::NCSN(const NCSNOptions& options, Generator& generator) {
  const NCSNOptions o = checked(options);
  parts_ = std::make_shared<const Parts>(*this, o, Build{o.levels, generator}, o.ngf);
}

const NCSNOptions& NCSN::options() const { return parts_->options; }

Tensor NCSN::operator()(const Tensor& x, const Tensor& y) const {
  const Parts& p = *parts_;
  const DType dtype = p.end_conv.weight.dtype();
  if (x.rank() != 4 || x.size(1) != p.options.channels || x.size(2) % 2 != 0 || x.size(3) % 2 != 0 ||
      x.dtype() != dtype)
    fail("ncsn",
         "x " + std::string(name_of(dtype)) + " (B, " + std::to_string(p.options.channels) + ", H, W), H and W even",
         describe(x));
  if (y.dtype() != i64 || y.rank() != 1 || y.size(0) != x.size(0))
    fail("ncsn", "y i64 (" + std::to_string(x.size(0)) + ",), a noise level an image", describe(y));

  if (y.device() == cpu)  // elsewhere the lookups check, for to look here would be to wait for the device
    for (const auto level : y.to_vector<std::int64_t>())
      if (level < 0 || level >= p.options.levels)
        fail("ncsn", "noise levels in [0, " + std::to_string(p.options.levels) + ")", std::to_string(level));

  const auto run = [&](const char* name, const auto& block, const Tensors& xs) {
    const ProfileScope scope(name);
    if (!p.options.recompute) return block(xs, y);
    // The checkpoint keeps handles of its own on the block and on y.
    return checkpoint([block, y](const Tensors& in) { return Tensors{block(in, y)}; }, xs)[0];
  };
  const auto pair = [&](const char* name, const ModuleList<Residual>& blocks, const Tensor& h) {
    const ProfileScope scope(name);
    return run("1", blocks[1], {run("0", blocks[0], {h})});
  };
  const auto begin = [&] {
    const ProfileScope scope("begin_conv");
    return p.begin_conv(2 * x - 1);
  };
  const Tensor l1 = pair("res1", p.res1, begin());  // (B, n, H, W)
  const Tensor l2 = pair("res2", p.res2, l1);       // (B, 2n, H/2, W/2), as l3 and l4
  const Tensor l3 = pair("res3", p.res3, l2);
  const Tensor l4 = pair("res4", p.res4, l3);
  Tensor r = run("refine1", p.refine1, {l4});
  r = run("refine2", p.refine2, {l3, r});
  r = run("refine3", p.refine3, {l2, r});  // (B, n, H/2, W/2)
  r = run("refine4", p.refine4, {l1, r});  // (B, n, H, W)
  const ProfileScope scope("end_conv");
  return p.end_conv(p.normalizer.elu(r, y));
}

}  // namespace stein::nn
