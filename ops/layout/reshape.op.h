// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

// Strides with which `shape` is a view of x, or an empty list when its elements do not lie so. Walks both shapes from
// the right: a run of x's axes that can be merged may be cut into any axes of the same product.
inline bool view_strides(const Tensor& x, const Shape& shape, Strides& strides) {
  strides = row_major(shape);
  if (x.is_contiguous()) return true;
  int from = x.rank() - 1, to = shape.rank() - 1;
  while (from >= 0 || to >= 0) {
    if (from >= 0 && x.size(from) == 1) {
      --from;
      continue;
    }
    if (to >= 0 && shape[to] == 1) {
      --to;
      continue;
    }
    if (from < 0 || to < 0) return false;
    auto have = x.size(from), need = shape[to], stride = x.strides()[from];
    strides[to] = stride;
    while (have != need) {
      if (have < need) {
        --from;
        while (from >= 0 && x.size(from) == 1) --from;
        if (from < 0 || x.strides()[from] != stride * have) return false;
        have *= x.size(from);
      } else {
        const auto inner = need;
        --to;
        while (to >= 0 && shape[to] == 1) --to;
        if (to < 0) return false;
        strides[to] = stride * inner;
        need *= shape[to];
      }
    }
    --from;
    --to;
  }
  return true;
}

// A view where the strides allow it, else a row-major copy.
struct Reshape {
  static constexpr const char* name = "reshape";
  static constexpr Kind kind = Kind::linear;
  Shape shape;

  Tensor forward(const Tensor& x) const {
    Strides strides;
    if (x.numel() == 0) return as_strided(x, shape, row_major(shape), x.impl().offset);
    if (view_strides(x, shape, strides)) return as_strided(x, shape, strides, x.impl().offset);
    const Tensor copy = detail::dense_copy(x);
    return as_strided(copy, shape, row_major(shape), 0);
  }
  Tensor vjp0(G g, Like<0> x) const { return reshape(g, g.like(x.shape)); }
  Tensor push(G t) const { return reshape(t, t.like(shape)); }
};

// shape with its one -1 filled in.
inline Shape resolve(const Tensor& x, Shape shape) {
  int unknown = 0;
  std::int64_t known = 1;
  bool fits = true;
  for (auto d : shape) {
    if (d == -1)
      ++unknown;
    else
      fits = fits && d >= 0 && !__builtin_mul_overflow(known, d, &known);
  }
  if (unknown == 1 && fits && known > 0 && x.numel() % known == 0)
    for (auto& d : shape)
      if (d == -1) d = x.numel() / known, unknown = 0, known = x.numel();
  if (!fits || unknown || known != x.numel())
    fail("reshape", "a shape of " + std::to_string(x.numel()) + " elements, at most one size -1",
         to_string(shape) + " for " + describe(x));
  return shape;
}

}  // namespace stein::host

namespace stein {

Tensor reshape(const Tensor& x, const Shape& wanted) {
  const Shape shape = host::resolve(x, wanted);
  if (shape == x.shape()) return x;
  return record(host::Reshape{shape}, x);
}
Tensor Tensor::reshape(const Shape& shape) const { return stein::reshape(*this, shape); }

Tensor squeeze(const Tensor& x, int axis) {
  const int a = normal_axis("squeeze", axis, x.rank());
  if (x.size(a) != 1) fail("squeeze", "an axis of size 1", "axis " + std::to_string(axis) + " of " + describe(x));
  Shape s = x.shape();
  s.erase(a);
  return reshape(x, s);
}
Tensor Tensor::squeeze(int axis) const { return stein::squeeze(*this, axis); }

Tensor unsqueeze(const Tensor& x, int axis) {
  Shape s = x.shape();
  s.insert(normal_axis("unsqueeze", axis, x.rank() + 1), 1);
  return reshape(x, s);
}
Tensor Tensor::unsqueeze(int axis) const { return stein::unsqueeze(*this, axis); }

Tensor flatten(const Tensor& x, int first, int last) {
  if (x.rank() == 0) return reshape(x, {1});
  const int a = normal_axis("flatten", first, x.rank()), b = normal_axis("flatten", last, x.rank());
  if (a > b) fail("flatten", "a first axis left of the last", std::to_string(first) + " and " + std::to_string(last));
  Shape s = x.shape().slice(0, a);
  s.push_back(numel(x.shape().slice(a, b + 1)));
  return reshape(x, s + x.shape().slice(b + 1, x.rank()));
}
Tensor Tensor::flatten(int first, int last) const { return stein::flatten(*this, first, last); }

void register_reshape(OpRegistry& r) {
  const auto sample = [](Shape from, Shape to) {
    return Sample{to_string(from) + " to " + to_string(to),
                  {{from}},
                  [to](const Tensors& in) { return Tensors{reshape(in[0], to)}; },
                  {},
                  true};
  };
  r.add({"reshape",
         "the same elements in row-major order",
         Kind::linear,
         {sample({2, 3}, {3, 2}), sample({6}, {2, -1}), sample({}, {1, 1}), sample({0, 3}, {3, 0})}});
}

}  // namespace stein
