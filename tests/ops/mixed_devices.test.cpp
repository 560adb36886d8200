// SPDX-License-Identifier: MIT
// Operands on several devices, sim and the cpu.
#include <catch2/catch.hpp>

#include "autograd/forward.h"
#include "autograd/grad.h"
#include "ops/ops.h"
#include "tests/nn/support.h"

using namespace stein;
using stein::test::error_of;

TEST_CASE("ops refuse operands on sim and on the cpu; numbers of the cpu join elementwise ops", "[ops]") {
  const Tensor here = ones({2, 2}), there = here.to(simulated), image = ones({1, 1, 3, 3}), index = zeros({1}, i64);
  const auto refused = [](const auto& f) { return error_of(f).find("on sim") != std::string::npos; };
  CHECK(error_of([&] { matmul(there, here); }) ==
        "[matmul] expected tensors on one device; got f32 (2, 2) on sim and f32 (2, 2); move them with to(device)");
  CHECK(refused([&] { matmul(here, there); }));
  CHECK(refused([&] { conv2d(image.to(simulated), image); }));
  CHECK(refused([&] { index_select(there, 0, index); }));
  CHECK(refused([&] { concat({there, here}, 0); }));
  CHECK(error_of([&] { add(there, here); }) ==
        "[add] expected operands of one dtype and device; got f32 (2, 2) on sim and f32 (2, 2); move one with "
        "to(device)");

  const Tensor s = scalar(3).requires_grad_(), y = there * s;
  CHECK(equal(y.detach().to(cpu), here * 3));
  CHECK(equal(push_forward({y}, {s}, {scalar(2)})[0].to(cpu), here * 2));
  CHECK(grad(sum(y), s).item() == 4);
}
