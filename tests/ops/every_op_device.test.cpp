// SPDX-License-Identifier: MIT
// Every op on a device: values and derivatives of orders 1, 2 and 3 as on the cpu.
#include "tests/ops/support/every_op.h"
#include "tests/support/device.h"

using namespace stein;
using namespace stein::test;

namespace {

// Order 0: f(inputs). Order k: gradients by everything so far of <the floating results of order k - 1, random cotangents>.
constexpr int kOrders = 4;
std::vector<Tensors> orders(const OpEntry& op, const Sample& sample, const Tensors& inputs, DType dtype) {
  Tensors in, by;
  for (const auto& x : inputs) {
    in.push_back(x.detach());
    if (op.differentiable && x.dtype() == dtype) by.push_back(in.back().requires_grad_());
  }
  Generator generator(5);
  std::vector<Tensors> r;
  Tensors values = sample.call(in);
  while (true) {
    Tensors from, cotangents, detached;
    for (const auto& y : values) {
      detached.push_back(y.defined() ? y.detach() : y);
      if (!y.defined() || !y.requires_grad()) continue;
      from.push_back(y);
      cotangents.push_back(
          cast(uniform(y.shape(), generator, 0.5, 1.5, f64), y.dtype()).to(y.device()).requires_grad_());
    }
    r.push_back(std::move(detached));
    if (from.empty() || r.size() == kOrders) return r;
    values = grad(from, by, {.cotangents = cotangents, .create_graph = r.size() + 1 < kOrders});
    by.insert(by.end(), cotangents.begin(), cotangents.end());
  }
}

void compare(std::size_t order, const Tensors& device, const Tensors& host) {
  const double tolerances[kOrders] = {1e-12, 1e-11, 1e-10, 1e-9};
  REQUIRE(device.size() == host.size());
  for (std::size_t i = 0; i < host.size(); ++i) {
    INFO("order " << order << ", result " << i);
    REQUIRE(device[i].defined() == host[i].defined());
    if (!host[i].defined()) continue;
    CHECK(device[i].device() == test_device());
    CHECK(device[i].dtype() == host[i].dtype());
    if (is_floating(host[i].dtype()))
      CHECK(close(device[i].to(cpu), host[i], tolerances[order]));
    else
      CHECK(equal(device[i].to(cpu), host[i]));
  }
}

}  // namespace

TEST_CASE("every op on " STEIN_TEST_DEVICE " gives the values and derivatives of the cpu", "[ops][device]") {
  each_sample([](const OpEntry& op, const Sample& sample) {
    const Tensors host = draw_inputs(sample);
    Tensors device;
    for (const auto& x : host) device.push_back(x.to(test_device()));
    const auto there = orders(op, sample, device, f64), here = orders(op, sample, host, f64);
    REQUIRE(there.size() == here.size());
    for (std::size_t k = 0; k < here.size(); ++k) compare(k, there[k], here[k]);
  });
}
