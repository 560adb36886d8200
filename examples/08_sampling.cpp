// SPDX-License-Identifier: MIT
// Why noise levels are needed (Song and Ermon 2019, section 3.2): Langevin dynamics does not cross the empty land between two modes, so it keeps the
// weights it started with; annealed through noise levels it gets them right. Both run on the exact score.
#include <cmath>
#include <cstdio>

#include "stein/stein.h"

using namespace stein;

int main() {
  const auto p = smld::GaussianMixture::named("two");  // 0.8 N((5, 5), I) + 0.2 N((-5, -5), I)
  const smld::MixtureScore exact(p);
  Generator generator(1);
  const Tensor start = 16.0 * uniform({1000, 2}, generator) - 8.0;  // uniform on the square [-8, 8]^2

  const Tensor plain = smld::langevin(exact.score_at(), start, 0.05, 400, generator);
  const Tensor ladder = smld::geometric_ladder(20, 1, 10);
  smld::AnnealedOptions options;
  options.steps_per_level = 60;
  const Tensor annealed =
      smld::annealed_langevin(exact.score_of(ladder), ladder, 20.0 * randn({1000, 2}, generator), generator, options);
  const Tensor draws = p.sample(1000, 7);
  double upper[3];
  int i = 0;
  for (const auto& [name, x] : {std::pair("Langevin", plain), {"annealed", annealed}, {"true draws", draws}}) {
    upper[i] = smld::mode_weights(x, p)[0].item();
    std::printf("%-10s  weight of the mode at (5, 5): %.3f (true 0.800)   distance to the mixture, MMD^2: %.4f\n", name,
                upper[i], smld::mmd2(x, p, 5));
    ++i;
  }
  return upper[0] < 0.65 && std::abs(upper[1] - 0.8) < 0.05 ? 0 : 1;
}
