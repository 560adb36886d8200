// SPDX-License-Identifier: MIT
// A gradient, and what it is good for: the lowest point of Rosenbrock's valley, by Newton's method with exact second derivatives.
#include <iostream>

#include "stein/stein.h"

using namespace stein;

Tensor rosenbrock(const Tensor& x) { return square(1.0 - x[0]) + 100.0 * square(x[1] - square(x[0])); }

int main() {
  Tensor x = tensor({-1.2, 1}, f64).requires_grad_();
  const Tensor y = rosenbrock(x);
  const Tensor g = grad(y, x);
  const Tensor by_hand = tensor({-2 * (1 + 1.2) + 400 * 1.2 * (1 - 1.44), 200 * (1 - 1.44)}, f64);
  std::cout << "f = " << y << ", gradient " << g << ", by hand " << by_hand << "\n";

  rosenbrock(x).backward();  // the same, accumulated in x.grad()
  if (!equal(x.grad(), g) || !allclose(g, by_hand)) return 1;

  Tensor p = x.detach();
  for (int step = 1; step <= 6; ++step) {
    p = p - solve(hessian(rosenbrock, p), gradient(rosenbrock, p));
    std::cout << "step " << step << ": f = " << rosenbrock(p) << " at " << p << "\n";
  }
  return allclose(p, ones({2}, f64)) ? 0 : 1;
}
