// SPDX-License-Identifier: MIT
// How far apart are two clouds of points? Wasserstein's distance is the largest E f(a) - E f(b) over all f with |grad f| <= 1 (Kantorovich and
// Rubinstein). A network plays f, kept in bounds by the penalty (|grad f| - 1)^2 between the clouds (Gulrajani et al. 2017): a loss with a gradient
// inside, so training it takes a second derivative. Two Gaussians one of which is the other moved by (3, 0) are 3 apart. The bound is soft: along the
// move, slope c earns 3 c and pays 10 (c - 1)^2, so the best is c = 1.15, and the network should say 3.45.
#include <cmath>
#include <cstdio>

#include "stein/stein.h"

using namespace stein;

int main() {
  Generator generator(1);
  nn::MLP net({2, 64, 64, 1}, "silu", generator);
  nn::Adam adam(net, {.lr = 2e-3, .beta1 = 0.5, .beta2 = 0.9});
  const Tensor shift = tensor({3, 0});
  double distance = 0;
  for (int step = 0; step <= 600; ++step) {
    const Tensor a = randn({256, 2}, generator) + shift, b = randn({256, 2}, generator),
                 t = uniform({256, 1}, generator);
    Tensor between = t * a + (1.0 - t) * b;
    between.requires_grad_();
    const Tensor g = grad(sum(net(between)), between, {.create_graph = true});
    const Tensor penalty = mean(square(norm(g, 2, {1}) - 1.0));
    const Tensor gap = mean(net(a)) - mean(net(b));
    adam.step(grad({10.0 * penalty - gap}, net.parameters()));
    if (step % 200) continue;
    const NoGrad guard;
    Generator fixed(2);
    const Tensor z = randn({20000, 2}, fixed);  // the same cloud, moved
    distance = (mean(net(z + shift)) - mean(net(z))).item();
    std::printf("step %3d: distance %.3f (should become 3.45), mean (|grad f| - 1)^2 %.4f\n", step, distance,
                penalty.item());
  }
  return std::abs(distance - 3.45) < 0.15 ? 0 : 1;
}
