// SPDX-License-Identifier: MIT
// A network solves Poisson's equation, -(u_xx + u_yy) = f on the unit square, u = 0 on its edge. The loss contains the network's Laplacian, so its
// gradient in the weights differentiates a second derivative. With f = 2 pi^2 sin(pi x) sin(pi y) the solution is sin(pi x) sin(pi y).
#include <cmath>
#include <cstdio>

#include "stein/stein.h"

using namespace stein;

int main() {
  const double pi = std::acos(-1.0);
  const auto solution = [&](const Tensor& p) { return sin(pi * p[":, 0"]) * sin(pi * p[":, 1"]); };
  Generator generator(1);
  nn::MLP net({2, 32, 32, 1}, "tanh", generator);
  nn::Adam adam(net, {.lr = 5e-3});
  const auto u = [&](const Tensor& p) {  // 0 on the edge, whatever the network says
    const Tensor x = p[":, 0"], y = p[":, 1"];
    return 16.0 * x * (1.0 - x) * y * (1.0 - y) * squeeze(net(p), 1);
  };

  const Tensor line = linspace(0, 1, 33),
               grid = stack({flatten(expand(unsqueeze(line, 1), {33, 33})), flatten(expand(line, {33, 33}))}, 1);
  double error = 0;
  for (int step = 0; step <= 800; ++step) {
    const Tensor p = uniform({256, 2}, generator);
    const Tensor residual = smld::laplacian(u, p) + 2 * pi * pi * solution(p);
    const Tensor loss = mean(square(residual));
    adam.set_lr_factor(step < 400 ? 1 : 0.2);
    adam.step(grad({loss}, net.parameters()));
    if (step % 200) continue;
    const NoGrad guard;
    error = max(abs(u(grid) - solution(grid))).item();
    std::printf("step %3d: mean squared residual %9.4f, largest error of u on a grid %.4f (u goes up to 1)\n", step,
                loss.item(), error);
  }
  return error < 0.01 ? 0 : 1;
}
