// SPDX-License-Identifier: MIT
#include "autograd/finite.h"

#include <catch2/catch.hpp>

#include "ops/ops.h"
#include "tensor/device.h"

using namespace stein;

TEST_CASE("CheckFinite names the first op whose result is not finite, on the cpu and on sim") {
  for (const Device& device : {cpu, simulated}) {
    INFO(to_string(device));
    const Tensor x = tensor({{1, 2}, {-1, 0.5}}).to(device);
    CHECK(all_finite(x));
    CHECK(all_finite(transpose(x)));
    CHECK(all_finite((x > 0).to(i64)));
    CHECK_FALSE(all_finite(transpose(log(x))));
    CHECK_FALSE(all_finite(narrow(1 / (x - 2.0), 1, 1, 1)));
    CHECK(all_finite(narrow(1 / (x - 2.0), 1, 0, 1)));
    const CheckFinite guard;
    CHECK(all_finite(exp(x)));
    CHECK_THROWS_WITH(sum(exp(log(x))),
                      Catch::Contains("[log] expected finite results; got NaN or infinity in f32 (2, 2)"));
  }
}
