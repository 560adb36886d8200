// SPDX-License-Identifier: MIT
#include "tests/ops/golden.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("convolutions, pools, resampling and norms agree with PyTorch", "[golden]") {
  Cases cases;
  const std::map<std::string, Conv2dOptions> convs{
      {"plain", {}},
      {"same", {.padding = 1}},
      {"stride", {.stride = 2, .padding = 1}},
      {"rectangular", {.stride = 2, .padding = 1}},
      {"dilation", {.padding = 2, .dilation = 2}},
      {"groups", {.padding = 1, .groups = 2}},
      {"depthwise", {.stride = 2, .padding = 1, .groups = 4}},
      {"pointwise", {}},
      {"everything", {.stride = 3, .padding = 2, .dilation = 2, .groups = 2}},
      {"leftover", {.stride = 3}}};
  for (const auto& [name, o] : convs)
    cases["conv2d." + name] = one([o = o](const Tensors& in) { return conv2d(in[0], in[1], in[2], o); });
  const std::map<std::string, std::pair<Conv2dOptions, std::int64_t>> transposed{
      {"plain", {{}, 0}},
      {"stride", {{.stride = 2, .padding = 1}, 0}},
      {"output_padding", {{.stride = 2, .padding = 1}, 1}},
      {"groups", {{.stride = 2, .groups = 2}, 0}},
      {"dilation", {{.padding = 1, .dilation = 2}, 0}}};
  for (const auto& [name, o] : transposed)
    cases["conv_transpose2d." + name] =
        one([o = o](const Tensors& in) { return conv_transpose2d(in[0], in[1], in[2], o.first, o.second); });
  const std::map<std::string, Pool2dOptions> pools{{"plain", {.kernel = 2, .stride = 2}},
                                                   {"stride", {.kernel = 3, .stride = 2}},
                                                   {"padded", {.kernel = 3, .stride = 2, .padding = 1}},
                                                   {"crp", {.kernel = 5, .stride = 1, .padding = 2}}};
  for (const auto& [name, o] : pools) {
    for (const bool include : {true, false}) {
      Pool2dOptions p = o;
      p.count_include_pad = include;
      cases["avg_pool2d." + name + (include ? ".include" : ".exclude")] =
          one([p](const Tensors& in) { return avg_pool2d(in[0], p); });
    }
    cases["max_pool2d." + name] = one([o = o](const Tensors& in) { return max_pool2d(in[0], o); });
  }
  cases["max_pool2d.ties"] = one([](const Tensors& in) { return max_pool2d(in[0], {.kernel = 2, .stride = 1}); });
  cases["max_pool2d.negative_padded"] =
      one([](const Tensors& in) { return max_pool2d(in[0], {.kernel = 3, .stride = 1, .padding = 1}); });
  for (const auto& [h, w] : {std::pair{10, 8}, {9, 7}, {3, 2}, {5, 4}, {1, 1}}) {
    const std::string size = std::to_string(h) + "x" + std::to_string(w);
    cases["upsample_nearest." + size] =
        one([h = h, w = w](const Tensors& in) { return upsample_nearest2d(in[0], h, w); });
    for (const bool align : {true, false})
      cases["upsample_bilinear." + size + (align ? ".align" : ".half_pixel")] =
          one([h = h, w = w, align](const Tensors& in) { return upsample_bilinear2d(in[0], h, w, align); });
  }
  cases["instance_norm.plain"] = cases["instance_norm.constant"] =
      one([](const Tensors& in) { return instance_norm(in[0]); });
  cases["group_norm.affine"] = one([](const Tensors& in) { return group_norm(in[0], 3, in[1], in[2]); });
  cases["group_norm.one_group"] = one([](const Tensors& in) { return group_norm(in[0], 1); });
  cases["layer_norm.affine"] = one([](const Tensors& in) { return layer_norm(in[0], 2, in[1], in[2]); });
  cases["layer_norm.vector"] = one([](const Tensors& in) { return layer_norm(in[0], 1); });
  check_golden("ops_network.safetensors", cases);
}
