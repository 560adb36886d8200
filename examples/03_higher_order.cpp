// SPDX-License-Identifier: MIT
// The engine by itself: derivatives of derivatives, the graph behind them, and a check against finite differences.
#include <iostream>

#include "stein/stein.h"

int main() {
  using namespace stein;
  const Tensor x = linspace(-1, 1, 5, f64).requires_grad_();
  const Tensor y = tanh(x);
  const Tensor dy = grad(sum(y), x, {.create_graph = true});    // 1 - tanh(x)^2, itself differentiable
  const Tensor d2y = grad(sum(dy), x, {.retain_graph = true});  // -2 tanh(x) (1 - tanh(x)^2)
  std::cout << "dy/dx    " << dy << "\nd2y/dx2  " << d2y << "\n\n" << graph_text(dy) << "\n";

  const auto report =
      check_grads([](const Tensor& t) { return tanh(t); }, x);  // orders 1, 2, 3; reverse, forward, mixed
  std::cout << report.to_string() << "\n";
  return report.ok() ? 0 : 1;
}
