// SPDX-License-Identifier: MIT
// A network learns to tell two spirals apart: layers, cross-entropy, Adam.
#include <cstdio>

#include "stein/stein.h"

using namespace stein;

int main() {
  Generator generator(1);
  const auto spiral = [&](std::int64_t n, double turn) {  // points along one arm, with noise
    const Tensor t = sqrt(uniform({n, 1}, generator)) * 7.0;
    return concat({t * cos(t + turn), t * sin(t + turn)}, 1) / 3.0 + 0.05 * randn({n, 2}, generator);
  };
  const auto points = [&](std::int64_t n) { return concat({spiral(n, 0), spiral(n, 3.14159265)}); };
  const Tensor x = points(500), test = points(500);
  const Tensor label = concat({zeros({500}, i64), ones({500}, i64)});

  nn::MLP net({2, 64, 64, 2}, "silu", generator);
  nn::Adam adam(net, {.lr = 1e-2});
  std::printf("%lld parameters\n", static_cast<long long>(net.num_parameters()));
  double right = 0;
  for (int step = 0; step <= 400; ++step) {
    const Tensor loss = cross_entropy(net(x), label);
    adam.step(grad({loss}, net.parameters()));
    if (step % 100) continue;
    const NoGrad guard;
    right = mean(eq(argmax(net(test), 1), label).to(f32)).item();
    std::printf("step %3d: loss %.4f, right on new points %.1f%%\n", step, loss.item(), 100 * right);
  }
  return right > 0.97 ? 0 : 1;
}
