// SPDX-License-Identifier: MIT
// An op of one's own, outside of stein's tree: a struct with `forward` and a rule per input. The rule is written with ops, so every
// order of derivative exists. For SIMD kernels and the every-op suite see docs/10_extending.md.
#include <cstdio>

#include "autograd/rule.h"
#include "stein/stein.h"

using namespace stein;

struct Softsign {  // x / (1 + |x|)
  static constexpr const char* name = "softsign";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return x / (1.0 + abs(x)); }
  Tensor vjp0(G g, In<0> x) const { return g / square(1.0 + abs(x)); }
};
Tensor softsign(const Tensor& x) { return record(Softsign{}, x); }

int main() {
  const auto report = check_grads(softsign, tensor({-2.0, -0.5, 0.3, 1.5}, f64));
  std::printf("%s", report.to_string().c_str());
  return report.ok() ? 0 : 1;
}
