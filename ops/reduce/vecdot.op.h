// SPDX-License-Identifier: MIT
#include "ops/detail/axis_view.h"
#include "ops/detail/kernel_of.h"
#include "ops/detail/reduce_kernels.h"
#include "ops/op.h"
#include "ops/reduce.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// sum over one axis of a b, of one shape but for batch axes; the product is never stored.
struct Vecdot {
  static constexpr const char* name = "vecdot";
  static constexpr Kind kind = Kind::bilinear;
  int axis;  // negative

  // The axes from `axis` on are a block, row-major in both operands; the blocks lie as the strides of the axes before say.
  Tensor forward(const Tensor& x, const Tensor& y) const {
    const Shape shape = broadcast(name, x.shape(), y.shape());
    const int lead = shape.rank() + axis;
    const Shape before = shape.slice(0, lead), after = shape.slice(lead + 1, shape.rank());
    const Shape block = shape.slice(lead, shape.rank());
    const auto n = block[0], inner = numel(after);
    if (x.device() != cpu) {
      const Tensor a = detail::rows_of(expand(x.detach(), shape)), b = detail::rows_of(expand(y.detach(), shape));
      Tensor out = empty(before + after, x.dtype(), x.device());
      if (out.numel()) reduce_on_device(kernels::Reduction::product_sum, a, &b, out, numel(before), n, inner);
      return out;
    }
    const auto of_blocks = [&](const Tensor& t) {
      const Tensor whole = expand(t.detach(), shape);
      for (int i = 1; i <= block.rank(); ++i)
        if (whole.size(-i) != 1 && whole.strides()[-i] != row_major(block)[-i]) return detail::dense_copy(whole);
      return whole;
    };
    const Tensor a = of_blocks(x), b = of_blocks(y);
    Tensor out = empty(before + after, x.dtype(), x.device());
    if (out.numel() == 0) return out;
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *pa = a.data<T>(), *pb = b.data<T>();
      T* to = out.mutable_data<T>();
      const Shape places = row_major(before);
      parallel_for(numel(before), std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(n * inner, 1)),
                   [&](std::int64_t first, std::int64_t last) {
                     for (auto o = first; o < last; ++o) {
                       std::int64_t at = 0, bt = 0, rest = o;
                       for (int i = 0; i < lead; ++i) {
                         at += rest / places[i] * a.strides()[i];
                         bt += rest / places[i] * b.strides()[i];
                         rest %= places[i];
                       }
                       STEIN_KERNEL_OF(T, dot_columns)(pa + at, pb + bt, to + o * inner, n, inner);
                     }
                   });
    });
    return out;
  }
  Tensor vjp0(G g, In<1> b) const { return unsqueeze(g, axis) * b; }
  Tensor vjp1(G g, In<0> a) const { return a * unsqueeze(g, axis); }
};

}  // namespace stein::host

namespace stein {

Tensor vecdot(const Tensor& a, const Tensor& b, int axis) {
  if (a.dtype() != b.dtype() || !is_floating(a.dtype()))
    fail("vecdot", "operands of one floating dtype", describe(a) + " and " + describe(b));
  const Shape shape = broadcast("vecdot", a.shape(), b.shape());
  const auto along = from_end("vecdot", {axis}, shape.rank())[0];
  return record(host::Vecdot{static_cast<int>(along)}, expand(a, shape), expand(b, shape));
}

void register_vecdot(OpRegistry& r) {
  const auto sample = [](Shape a, Shape b, int axis) {
    return Sample{to_string(a) + " " + to_string(b) + " along " + std::to_string(axis),
                  {{a}, {b}},
                  [=](const Tensors& in) { return Tensors{vecdot(in[0], in[1], axis)}; },
                  [=](const Tensors& in) { return Tensors{sum(in[0] * in[1], {axis})}; }};
  };
  r.add({"vecdot",
         "sum of products along an axis",
         Kind::bilinear,
         {sample({5}, {5}, -1), sample({2, 3, 4}, {2, 3, 4}, 1), sample({2, 1, 3}, {4, 3}, -1),
          sample({2, 3, 2}, {1, 2}, 0), sample({3, 1}, {3, 4}, -1), sample({2, 0}, {2, 0}, 1),
          sample({0, 3}, {0, 3}, 1)}});
}

}  // namespace stein
