// SPDX-License-Identifier: MIT
#include "nn/unet.h"

#include <optional>
#include <string>

#include "nn/conv.h"
#include "nn/dropout.h"
#include "nn/init.h"
#include "nn/norm.h"
#include "nn/sequential.h"
#include "ops/ops.h"

// Shapes: x (B, C, H, W), e (B, E) or undefined.
namespace stein::nn {
namespace {

/// What every part needs to be built.
struct Build {
  std::int64_t groups, embedding;  // embedding 0: there is none
  double dropout;
  Generator& generator;
};

Conv2d conv(std::int64_t in, std::int64_t out, const Build& b, std::int64_t kernel = 3, std::int64_t stride = 1) {
  return Conv2d(in, out, kernel, {.stride = stride, .padding = kernel / 2}, true, b.generator);
}

template <class Layer>
Layer zeroed(const Layer& layer) {
  init::constant_(layer.weight, 0);
  init::constant_(layer.bias, 0);
  return layer;
}

struct Residual : Module {
  Residual(std::int64_t in, std::int64_t out, const Build& b)
      : norm1(add("norm1", GroupNorm(b.groups, in))),
        conv1(add("conv1", conv(in, out, b))),
        embed(b.embedding > 0 ? std::optional(add("embed", Linear(b.embedding, out, true, b.generator)))
                              : std::nullopt),
        norm2(add("norm2", GroupNorm(b.groups, out))),
        dropout(add("dropout", Dropout(b.dropout))),
        conv2(add("conv2", zeroed(conv(out, out, b)))),
        shortcut(in != out ? std::optional(add("shortcut", conv(in, out, b, 1))) : std::nullopt) {}
  Tensor operator()(const Tensor& x, const Tensor& e) const {
    Tensor h = conv1(silu(norm1(x)));
    if (embed) h = h + unsqueeze(unsqueeze((*embed)(e), 2), 3);
    return conv2(dropout(silu(norm2(h)))) + (shortcut ? (*shortcut)(x) : x);
  }
  GroupNorm norm1;
  Conv2d conv1;
  std::optional<Linear> embed;
  GroupNorm norm2;
  Dropout dropout;
  Conv2d conv2;
  std::optional<Conv2d> shortcut;
};

/// One head over all pixels, with a skip.
struct Attention : Module {
  Attention(std::int64_t channels, const Build& b)
      : norm(add("norm", GroupNorm(b.groups, channels))),
        qkv(add("qkv", Linear(channels, 3 * channels, true, b.generator))),
        proj(add("proj", zeroed(Linear(channels, channels, true, b.generator)))) {}
  Tensor operator()(const Tensor& x) const {
    const auto n = x.size(0), c = x.size(1), height = x.size(2), width = x.size(3);
    const Tensor rows = reshape(permute(norm(x), {0, 2, 3, 1}), {n, height * width, c});
    const Tensors parts = chunk(qkv(rows), 3, 2);
    const Tensor h = proj(scaled_dot_product_attention(parts[0], parts[1], parts[2]));
    return permute(reshape(h, {n, height, width, c}), {0, 3, 1, 2}) + x;
  }
  GroupNorm norm;
  Linear qkv, proj;
};

/// The blocks of one resolution, and the convolution that leads to the next.
struct Stage : Module {
  ModuleList<Residual> blocks = add("blocks", ModuleList<Residual>());
  std::optional<Conv2d> resample;
  void add_resample(const char* name, const Conv2d& module) { resample.emplace(add(name, module)); }
};

std::string listed(const std::vector<std::int64_t>& values) {
  std::string text;
  for (const auto v : values) text += (text.empty() ? "" : ", ") + std::to_string(v);
  return text;
}

UNetOptions completed(UNetOptions o) {
  bool positive = o.channels >= 1 && o.width >= 1 && o.blocks >= 1 && !o.multipliers.empty();
  for (const auto m : o.multipliers) positive = positive && m >= 1;
  if (!positive)
    fail("unet", "channels, width, blocks and multipliers of at least 1",
         std::to_string(o.channels) + ", " + std::to_string(o.width) + ", " + std::to_string(o.blocks) + "; " +
             listed(o.multipliers));
  for (const auto m : o.multipliers)
    if (o.groups < 1 || o.width * m % o.groups != 0)
      fail("unet", "groups that divide the channels of every resolution",
           std::to_string(o.groups) + " groups, " + std::to_string(o.width * m) + " channels");
  if (o.condition.features == 0) o.condition.features = o.width + o.width % 2;
  if (o.condition.width == 0) o.condition.width = 4 * o.width;
  return o;
}

}  // namespace

struct UNet::Parts {
  UNetOptions options;
  Condition condition;
  Build build;
  std::vector<std::int64_t> skips;  // channels of what the way up is still to be given
  Conv2d conv_in;
  ModuleList<Stage> down;
  Residual mid1;
  std::optional<Attention> attention;
  Residual mid2;
  ModuleList<Stage> up;
  GroupNorm norm_out;
  Conv2d conv_out;

  Parts(UNet& net, const UNetOptions& o, Generator& generator)
      : options(o),
        condition(net.add("condition", Condition(o.condition, generator))),
        build{o.groups, condition.empty() ? 0 : o.condition.width, o.dropout, generator},
        conv_in(net.add("conv_in", conv(o.channels, o.width, build))),
        down(net.add("down", way_down())),
        mid1(net.add("mid1", Residual(lowest(), lowest(), build))),
        attention(o.attention ? std::optional(net.add("attention", Attention(lowest(), build))) : std::nullopt),
        mid2(net.add("mid2", Residual(lowest(), lowest(), build))),
        up(net.add("up", way_up())),
        norm_out(net.add("norm_out", GroupNorm(o.groups, o.width * o.multipliers.front()))),
        conv_out(net.add("conv_out", zeroed(conv(o.width * o.multipliers.front(), o.channels, build)))) {}

  std::int64_t lowest() const { return options.width * options.multipliers.back(); }

  ModuleList<Stage> way_down() {
    ModuleList<Stage> stages;
    std::int64_t channels = options.width;
    skips = {channels};
    for (std::size_t i = 0; i < options.multipliers.size(); ++i) {
      Stage stage;
      for (std::int64_t j = 0; j < options.blocks; ++j) {
        const auto out = options.width * options.multipliers[i];
        stage.blocks.append(Residual(channels, out, build));
        skips.push_back(channels = out);
      }
      if (i + 1 < options.multipliers.size()) {
        stage.add_resample("downsample", conv(channels, channels, build, 3, 2));
        skips.push_back(channels);
      }
      stages.append(stage);
    }
    return stages;
  }

  // From the lowest resolution up: up.0 stands at the lowest.
  ModuleList<Stage> way_up() {
    ModuleList<Stage> stages;
    std::int64_t channels = lowest();
    for (std::size_t i = options.multipliers.size(); i-- > 0;) {
      Stage stage;
      for (std::int64_t j = 0; j <= options.blocks; ++j) {
        const auto out = options.width * options.multipliers[i];
        stage.blocks.append(Residual(channels + skips.back(), out, build));
        skips.pop_back();
        channels = out;
      }
      if (i > 0) stage.add_resample("upsample", conv(channels, channels, build));
      stages.append(stage);
    }
    return stages;
  }
};

UNet::UNet(const UNetOptions& options, Generator& generator) {
  parts_ = std::make_shared<const Parts>(*this, completed(options), generator);
}

const UNetOptions& UNet::options() const { return parts_->options; }

Tensor UNet::operator()(const Tensor& x, const Tensor& t, const Tensor& label) const {
  const Parts& p = *parts_;
  const DType dtype = p.conv_in.weight.dtype();
  if (x.rank() != 4 || x.size(1) != p.options.channels || x.size(2) < 1 || x.size(3) < 1 || x.dtype() != dtype)
    fail("unet", "x " + std::string(name_of(dtype)) + " (B, " + std::to_string(p.options.channels) + ", H, W)",
         describe(x));
  const auto scoped = [](const std::string& name, const auto& f) {
    const ProfileScope scope(name);
    return f();
  };
  const Tensor e = scoped("condition", [&] { return p.condition("unet", t, label, x.size(0), dtype); });
  Tensor h = scoped("conv_in", [&] { return p.conv_in(x); });
  Tensors skips{h};
  for (std::size_t i = 0; i < p.down.size(); ++i) {
    const Stage& stage = p.down[i];
    const ProfileScope scope("down." + std::to_string(i));
    for (std::size_t j = 0; j < stage.blocks.size(); ++j) skips.push_back(h = stage.blocks[j](h, e));
    if (stage.resample) skips.push_back(h = (*stage.resample)(h));
  }
  h = scoped("mid1", [&] { return p.mid1(h, e); });
  if (p.attention) h = scoped("attention", [&] { return (*p.attention)(h); });
  h = scoped("mid2", [&] { return p.mid2(h, e); });
  for (std::size_t i = 0; i < p.up.size(); ++i) {
    const Stage& stage = p.up[i];
    const ProfileScope scope("up." + std::to_string(i));
    for (std::size_t j = 0; j < stage.blocks.size(); ++j) {
      h = stage.blocks[j](concat({h, skips.back()}, 1), e);
      skips.pop_back();
    }
    // The size of the next skip: H and W were rounded up on the way down.
    if (stage.resample) h = (*stage.resample)(upsample_nearest2d(h, skips.back().size(2), skips.back().size(3)));
  }
  h = scoped("norm_out", [&] { return silu(p.norm_out(h)); });
  return scoped("conv_out", [&] { return p.conv_out(h); });
}

}  // namespace stein::nn
