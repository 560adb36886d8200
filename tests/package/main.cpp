// SPDX-License-Identifier: MIT
// Twenty lines of a user's code: a network of one hidden layer learns sin(x). Exit code 0 when it has.
#include <cstdio>

#include "stein/stein.h"

int main() {
  using namespace stein;
  Generator generator(1);
  Tensor x = linspace(-3, 3, 64).reshape({64, 1}), y = sin(x);
  nn::MLP net({1, 32, 1}, "tanh", generator);
  nn::Adam optimizer(net, {.lr = 0.02});

  double loss = 0;
  for (int step = 0; step < 500; ++step) {
    Tensor error = mean(square(net(x) - y));
    optimizer.zero_grad();
    error.backward();
    optimizer.step();
    loss = error.item();
    if (step % 100 == 0) std::printf("step %d: loss %g\n", step, loss);
  }
  std::printf("trained: loss %g\n", loss);
  return loss < 0.01 ? 0 : 1;
}
