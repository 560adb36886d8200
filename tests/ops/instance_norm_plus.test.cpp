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

using namespace stein;

namespace {

struct ThreadsGuard {
  int before = num_threads();
  ~ThreadsGuard() { set_num_threads(before); }
};

const OpEntry& entry(const std::string& name) {
  for (const auto& e : op_registry().entries())
    if (e.name == name) return e;
  throw std::runtime_error("no op " + name);
}

/// Inputs of the op's first sample, for other images: C 3 stands for c channels, 9 for their coefficients.
Tensors inputs(const Sample& sample, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  Generator g(static_cast<std::uint64_t>(n + 10 * c + 1000 * h));
  Tensors in;
  for (const auto& spec : sample.inputs) {
    Shape shape = spec.shape;
    shape[0] = n;
    shape[1] = shape[1] == 9 ? 3 * c : c;
    if (shape.rank() == 4) shape[2] = h, shape[3] = w;
    in.push_back(uniform(shape, g, spec.lo, spec.hi, f64));
  }
  return in;
}

/// The largest error beside the largest element.
double error(const Tensor& got, const Tensor& want) {
  const auto a = got.to(f64).to_vector<double>(), b = want.to_vector<double>();
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::isnan(a[i] - b[i]) ? INFINITY : std::max(worst, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

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
