// SPDX-License-Identifier: MIT
// A noise-conditional score network (Song and Ermon 2019) on small pictures of shapes, in seconds: the training loop of `stein train` in the open.
// `stein train --data shapes --preset tiny` is the same with samples, checkpoints and a chart.
#include <cstdio>

#include "stein/stein.h"

using namespace stein;

int main() {
  Generator generator(1);
  const auto data = smld::open_data("shapes", {.image_size = 8, .count = 2000});
  const Tensor images = data.train.first(1800), held_out = data.held_out.first(100);
  const Tensor ladder = smld::geometric_ladder(1, 0.1, 4);

  nn::NCSN net({.ngf = 8, .levels = 4}, generator);
  nn::Adam adam(net, {.lr = 3e-3});
  const auto objective = smld::objective::ncsn(ladder);
  const auto score = [&](const Tensor& x, const Tensor& level) { return net(x, level); };
  std::printf("%lld parameters, images %s\n", static_cast<long long>(net.num_parameters()),
              to_string(images.shape()).c_str());

  const auto evaluate = [&] {
    const NoGrad guard;
    Generator fixed(2);  // the same noise each time
    return objective(score, held_out, fixed).value.item();
  };
  const double before = evaluate();
  for (int step = 1; step <= 80; ++step) {
    const Tensor x = index_select(images, 0, integers(0, 1800, {16}, generator));
    Tensors g = grad({objective(score, x, generator).value}, net.parameters());
    nn::clip_grad_norm_(g, 10);
    adam.step(g);
    if (step % 20 == 0) std::printf("step %3d: held-out loss %.2f\n", step, evaluate());
  }
  const double after = evaluate();
  std::printf("a score of 0 would have %.2f, the untrained network has %.2f\n", 0.5 * 64, before);
  return after < 14 && after < before ? 0 : 1;
}
