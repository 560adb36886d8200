// SPDX-License-Identifier: MIT
// Tensors on a device other than the cpu.
#include <catch2/catch.hpp>

#include "tensor/print.h"
#include "tensor/random.h"
#include "tensor/tensor.h"
#include "tests/support/device.h"

using namespace stein;
using stein::test::test_device;

TEST_CASE("tensors go to " STEIN_TEST_DEVICE " and come back, views and layouts included", "[device]") {
  const Device there = test_device();
  const Tensor x = from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor d = detail::copy_to(x, there);
  CHECK(d.device() == there);
  CHECK(describe(d) == "f32 (2, 3) on " + to_string(there));
  CHECK(equal(detail::copy_to(d, cpu), x));
  CHECK(d.to_vector<float>() == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(to_string(d) == to_string(x));
  const Tensor columns = as_strided(d, {3, 2}, {1, 3}, 0);
  CHECK(columns.to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6});
  Tensor z = zeros({2, 3}, f32, there);
  as_strided(z, {2}, {3}, 1).fill_(7);
  CHECK(z.to_vector<float>() == std::vector<float>{0, 7, 0, 0, 7, 0});
  z.copy_(as_strided(d, {3}, {1}, 3));
  CHECK(z.to_vector<float>() == std::vector<float>{4, 5, 6, 4, 5, 6});
  CHECK(full({}, 3, i64, there).item<std::int64_t>() == 3);
  CHECK_THROWS_WITH(d.data<float>(), "[data] expected a tensor on the cpu; got f32 (2, 3) on " + to_string(there) +
                                         "; copy it first with to(stein::cpu)");
}

TEST_CASE("random draws on " STEIN_TEST_DEVICE " have the bits of the cpu", "[device][random]") {
  const Device there = test_device();
  for (const auto dtype : {f32, f64})
    for (const std::int64_t n : {0, 1, 2, 3, 7, 1000}) {
      Generator a(3), b(3);
      CHECK(equal(detail::copy_to(randn({n}, a, dtype, there), cpu), randn({n}, b, dtype)));
      CHECK(equal(detail::copy_to(uniform({n}, a, -1, 2, dtype, there), cpu), uniform({n}, b, -1, 2, dtype)));
      CHECK(equal(detail::copy_to(rademacher({n}, a, dtype, there), cpu), rademacher({n}, b, dtype)));
      CHECK(a.state() == b.state());
    }
}
