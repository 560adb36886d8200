// SPDX-License-Identifier: MIT
// The fused kernels of instance_norm_plus at sizes that fill vectors and leave some over, beside their composites; the every-op suite
// has small images only.
#include <catch2/catch.hpp>
#include <cmath>

#include "ops/planes.h"
#include "ops/registry.h"
#include "tensor/random.h"
#include "tensor/thread_pool.h"
#include "tests/ops/detail_kernels.h"
#include "tests/ops/support/norm_inputs.h"

using namespace stein;
using stein::test::entry;
using stein::test::error;
using stein::test::inputs;

namespace {

struct ThreadsGuard {
  int before = num_threads();
  ~ThreadsGuard() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("instance_norm_plus: fused kernels equal their composites at all sizes, levels and numbers of threads") {
  const ThreadsGuard guard;
  const std::int64_t sizes[][4] = {{2, 16, 9, 7}, {3, 64, 14, 14}, {1, 70, 5, 5}, {2, 33, 8, 8}, {1, 2, 1, 3}};
  for (const std::string name :
       {"instance_norm_plus", "instance_norm_plus_elu", "instance_norm_plus_backward",
        "instance_norm_plus_elu_backward", "instance_norm_plus_second", "instance_norm_plus_elu_second"}) {
    const Sample& sample = entry(name).samples[0];
    for (const auto& s : sizes) {
      const Tensors in = inputs(sample, s[0], s[1], s[2], s[3]);
      Tensors single;
      for (const auto& t : in) single.push_back(t.to(f32));
      const Tensors want = sample.reference(in);
      test::each_simd_level([&](const char* level) {
        INFO(name << ", " << level << ", " << s[0] << " x " << s[1] << " x " << s[2] << " x " << s[3]);
        set_num_threads(1);
        const Tensors got = sample.call(in), got_single = sample.call(single);
        REQUIRE(got.size() == want.size());
        for (std::size_t j = 0; j < got.size(); ++j) {
          INFO("result " << j);
          CHECK(error(got[j], want[j]) < 1e-12);
          CHECK(error(got_single[j], want[j]) < 2e-4);
        }
        set_num_threads(2);
        const Tensors again = sample.call(single);
        for (std::size_t j = 0; j < again.size(); ++j)
          CHECK(again[j].to_vector<float>() == got_single[j].to_vector<float>());
      });
    }
  }
}
