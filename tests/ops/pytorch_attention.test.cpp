// SPDX-License-Identifier: MIT
#include "tests/ops/golden.h"

using namespace stein;
using namespace stein::test;

TEST_CASE("softmax, attention, embedding and gather agree with PyTorch", "[golden]") {
  Cases cases;
  for (const int axis : {0, 1}) {
    cases["softmax.dim" + std::to_string(axis)] = one([axis](const Tensors& in) { return softmax(in[0], axis); });
    cases["log_softmax.dim" + std::to_string(axis)] =
        one([axis](const Tensors& in) { return log_softmax(in[0], axis); });
  }
  cases["softmax.extreme"] = cases["softmax.dim1"];
  cases["log_softmax.extreme"] = cases["log_softmax.dim1"];
  cases["cross_entropy.mean"] = one([](const Tensors& in) { return cross_entropy(in[0], in[1]); });
  cases["sdpa.plain"] = one([](const Tensors& in) { return scaled_dot_product_attention(in[0], in[1], in[2]); });
  cases["sdpa.causal"] =
      one([](const Tensors& in) { return scaled_dot_product_attention(in[0], in[1], in[2], {}, true); });
  cases["sdpa.mask"] = one([](const Tensors& in) { return scaled_dot_product_attention(in[0], in[1], in[2], in[3]); });
  cases["embedding.repeats"] = one([](const Tensors& in) { return embedding(in[1], in[0]); });
  cases["gather.dim0"] = one([](const Tensors& in) { return gather(in[0], 0, in[1]); });
  cases["index_select.repeats"] = one([](const Tensors& in) { return index_select(in[0], 0, in[1]); });
  cases["scatter_add.repeats"] = one([](const Tensors& in) { return scatter_add(in[1], 0, in[0], 4); });
  check_golden("ops_attention.safetensors", cases);
}
