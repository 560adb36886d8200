// SPDX-License-Identifier: MIT
#include "ops/elementwise.h"
#if defined(STEIN_HOST)
#include "autograd/grad.h"
#endif

namespace stein::STEIN_UNIT {
struct Add : Binary {
  static constexpr const char* name = "add";
  static constexpr Takes takes = Takes::numbers;
  template <class T>
  constexpr T operator()(T a, T b) const {
    return a + b;
  }
  STEIN_RULES(
      Tensor vjp0(G g) const { return g; } Tensor vjp1(G g) const { return g; })
};
}  // namespace stein::STEIN_UNIT

STEIN_BINARY(
    add, Add, .formula = "a + b", .reference = [](long double a, long double b) { return a + b; })
#if defined(STEIN_HOST)
bool stein::detail::engine_add_to(Tensor& sum, const Tensor& t) {
  const host::Add op;
  const auto run = [&] { return run_elementwise_onto(kernels_of(&op), &op, sum, t); };
  if (!recorder) return run();
  TimedOp timed("add_in_place");
  const bool done = run();
  if (done) timed.moved(Tensors{sum, t}, Tensors{sum});
  return done;
}
#endif
