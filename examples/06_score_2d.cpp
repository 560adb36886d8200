// SPDX-License-Identifier: MIT
// A network learns the score of a 2-D mixture by the exact-trace loss 1/2 |s|^2 + tr ds/dx (Hyvarinen 2005), whose gradient
// differentiates a derivative. Exit code 0 when it came close to the true score.
#include <cstdio>

#include "stein/stein.h"

int main() {
  using namespace stein;
  Generator generator(1);
  const auto mixture = smld::GaussianMixture::named("ellipses");
  const Tensor data = mixture.sample(20000, 0).to(f32), test = mixture.sample(4000, 1).to(f32);
  nn::MLP score({2, 64, 64, 2}, "softplus", generator);
  nn::Adam adam(score, {.lr = 3e-3});

  double error = 0;
  for (int step = 0; step <= 600; ++step) {
    const Tensor x = index_select(data, 0, integers(0, 20000, {256}, generator));
    const Tensor loss = smld::implicit_loss(score, x);
    adam.step(grad({loss}, score.parameters()));
    if (step % 100) continue;
    error = mean(sum(square(score(test) - mixture.score(test)), {1})).item();
    std::printf("step %3d: loss %7.3f, E|s - grad log p|^2 = %.3f\n", step, loss.item(), error);
  }
  return error < 1 ? 0 : 1;
}
