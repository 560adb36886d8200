// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

struct Concat {
  static constexpr const char* name = "concat";
  static constexpr Kind kind = Kind::linear;
  int axis;                          // negative
  std::vector<std::int64_t> starts;  // where each input begins, then the total

  Tensor forward(const Tensors& xs) const {
    Shape shape = xs[0].shape();
    shape[axis] = starts.back();
    Tensor out = empty(shape, xs[0].dtype(), xs[0].device());
    for (std::size_t k = 0; k < xs.size(); ++k) narrow(out, axis, starts[k], starts[k + 1] - starts[k]).copy_(xs[k]);
    return out;
  }
  Tensor vjpn(int k, G g) const {
    const auto i = static_cast<std::size_t>(k);
    return narrow(g, axis, starts[i], starts[i + 1] - starts[i]);
  }
};

}  // namespace stein::host

namespace stein {

Tensor concat(const Tensors& xs, int axis) {
  if (xs.empty()) fail("concat", "at least one tensor", "none");
  const int a = normal_axis("concat", axis, xs[0].rank());
  host::Concat op{a - xs[0].rank(), {0}};
  for (const auto& x : xs) {
    Shape s = x.rank() == xs[0].rank() ? x.shape() : Shape{};
    if (x.rank() == xs[0].rank()) s[a] = xs[0].size(a);
    if (s != xs[0].shape() || x.dtype() != xs[0].dtype())
      fail("concat", "tensors of one dtype and shape except along axis " + std::to_string(axis), describe(xs));
    op.starts.push_back(op.starts.back() + x.size(a));
  }
  return xs.size() == 1 ? xs[0] : record_list(op, xs);
}

Tensor stack(const Tensors& xs, int axis) {
  if (xs.empty()) fail("stack", "at least one tensor", "none");
  Tensors wider;
  for (const auto& x : xs) {
    if (x.shape() != xs[0].shape() || x.dtype() != xs[0].dtype())
      fail("stack", "tensors of one dtype and shape", describe(xs));
    wider.push_back(unsqueeze(x, axis));
  }
  return concat(wider, axis);
}

void register_concat(OpRegistry& r) {
  const auto sample = [](std::vector<InputSpec> in, int axis) {
    return Sample{"axis " + std::to_string(axis),
                  std::move(in),
                  [axis](const Tensors& xs) { return Tensors{concat(xs, axis)}; },
                  {},
                  true};
  };
  r.add({"concat",
         "tensors one after the other along an axis",
         Kind::linear,
         {sample({{{2, 3}}, {{1, 3}}}, 0), sample({{{2, 1}}, {{2, 0}}, {{2, 3}}}, -1), sample({{{4}}}, 0)}});
  r.add({"stack",
         "tensors along a new axis",
         Kind::linear,
         {{"two", {{{2, 3}}, {{2, 3}}}, [](const Tensors& xs) { return Tensors{stack(xs, 1)}; }, {}, true}}});
}

}  // namespace stein
