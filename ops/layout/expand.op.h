// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

// A view with stride 0 along repeated axes.
struct Expand {
  static constexpr const char* name = "expand";
  static constexpr Kind kind = Kind::linear;
  Shape shape;

  Tensor forward(const Tensor& x) const {
    Strides strides = Dims::filled(shape.rank(), 0);
    for (int i = 1; i <= x.rank(); ++i) strides[-i] = x.size(-i) == 1 && shape[-i] != 1 ? 0 : x.strides()[-i];
    return as_strided(x, shape, strides, x.impl().offset);
  }
  Tensor vjp0(G g) const { return g; }  // the engine sums over repeated axes
  Tensor push(G t) const {
    Shape aligned = t.shape().slice(0, t.lead);
    for (int i = t.rank() - t.lead; i < shape.rank(); ++i) aligned.push_back(1);
    return expand(reshape(t, aligned + t.shape().slice(t.lead, t.rank())), t.like(shape));
  }
};

}  // namespace stein::host

namespace stein {

Tensor expand(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (x.rank() > shape.rank() || broadcast("expand", x.shape(), shape) != shape)
    fail("expand", "a shape that " + to_string(x.shape()) + " broadcasts to", to_string(shape));
  return record(host::Expand{shape}, x);
}
Tensor Tensor::expand(const Shape& shape) const { return stein::expand(*this, shape); }

void register_expand(OpRegistry& r) {
  const auto sample = [](Shape from, Shape to) {
    return Sample{to_string(from) + " to " + to_string(to),
                  {{from}},
                  [to](const Tensors& in) { return Tensors{expand(in[0], to)}; },
                  {},
                  true};
  };
  r.add({"expand",
         "repeats along axes of size 1",
         Kind::linear,
         {sample({}, {3}), sample({2, 1}, {2, 3}), sample({3}, {2, 2, 3}), sample({1, 3}, {0, 3})}});
}

}  // namespace stein
