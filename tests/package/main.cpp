// SPDX-License-Identifier: MIT
// Twenty lines of a user's code: a network of one hidden layer learns sin(x). Exit code 0 when it has.
#include <cstdio>

#include "stein/stein.h"

int main() {
  using namespace stein;
  Generator generator(1);
  Tensor x = linspace(-3, 3, 64).reshape({64, 1}), y = sin(x);
  Tensors p = {randn({1, 32}, generator), zeros({32}), randn({32, 1}, generator) * 0.2, zeros({1})};
  for (Tensor& t : p) t.requires_grad_();

  double first = 0, loss = 0;
  for (int step = 0; step < 1000; ++step) {
    Tensor error = mean(square(matmul(tanh(matmul(x, p[0]) + p[1]), p[2]) + p[3] - y));
    Tensors g = grad({error}, p);
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = (p[i].detach() - g[i] * 0.05).requires_grad_();
    loss = error.item();
    if (step == 0) first = loss;
  }
  std::printf("loss %g after 1,000 steps, %g before the first\n", loss, first);
  return loss < 0.01 ? 0 : 1;
}
