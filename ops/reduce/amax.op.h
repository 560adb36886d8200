// SPDX-License-Identifier: MIT
// amax, amin: over any axes, ties share the gradient equally. NaN wins.
#include "ops/detail/select_kernels.h"
#include "ops/op.h"
#include "ops/reduce.h"
#include "tensor/thread_pool.h"

namespace stein::host {

template <bool largest, class T>
void extreme_pass(const T* in, T* out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  if constexpr (std::is_same_v<T, float>)
    (largest ? kernels::max_f32() : kernels::min_f32())(in, out, outer, n, inner);
  else if constexpr (std::is_same_v<T, double>)
    (largest ? kernels::max_f64() : kernels::min_f64())(in, out, outer, n, inner);
  else
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t i = 0; i < inner; ++i) {
          const T v = in[(o * n + j) * inner + i];
          T& best = out[o * inner + i];
          if (j == 0 || (largest ? v > best : v < best)) best = v;
        }
}

template <bool largest>
struct Extreme {
  static constexpr const char* name = largest ? "amax" : "amin";
  static constexpr Kind kind = Kind::general;
  Axes axes;  // negative
  bool keepdim;

  Tensor forward(const Tensor& x) const {
    return reduce_by_passes(x, axes, keepdim, [](const Tensor& in, Tensor& out, auto outer, auto n, auto inner) {
      if (in.device() != cpu)
        return reduce_on_device(largest ? kernels::Reduction::largest : kernels::Reduction::smallest, in, nullptr, out,
                                outer, n, inner);
      visit_dtype(in.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        const T* p = in.data<T>();
        T* q = out.mutable_data<T>();
        const auto pass = extreme_pass<largest, T>;
        if (outer == 1 && n * inner > 65536) {  // bands of rows, then the best of the bands
          const auto band = std::max<std::int64_t>(1, 32768 / inner), bands = (n + band - 1) / band;
          Tensor partial = empty({bands, inner}, in.dtype());
          T* best = partial.mutable_data<T>();
          parallel_for(n, band, [&](std::int64_t b, std::int64_t e) {
            pass(p + b * inner, best + b / band * inner, 1, e - b, inner);
          });
          return pass(best, q, 1, bands, inner);
        }
        parallel_for(outer, std::max<std::int64_t>(1, 32768 / (n * inner)),
                     [&](std::int64_t b, std::int64_t e) { pass(p + b * n * inner, q + b * inner, e - b, n, inner); });
      });
    });
  }
  Tensor vjp0(G g, In<0> x, Out<0> y) const {
    const Tensor wide = keepdim ? y.detach() : with_axes(y.detach(), axes);
    const Tensor ties = cast(eq(x.detach(), wide), x.dtype());
    return (keepdim ? g : with_axes(g, axes)) * (ties / stein::sum(ties, axes, true));
  }
};

template <bool largest>
Tensor extreme(const Tensor& x, const Axes& axes, bool keepdim) {
  const Extreme<largest> op{from_end(Extreme<largest>::name, axes, x.rank()), keepdim};
  if (op.axes.empty()) return x;
  if (reduced_count(x.shape(), op.axes) == 0)
    fail(op.name, "at least one element along the axes", describe(x) + " over " + to_string(op.axes));
  return record(op, x);
}

}  // namespace stein::host

namespace stein {

Tensor amax(const Tensor& x, const Axes& axes, bool keepdim) { return host::extreme<true>(x, axes, keepdim); }
Tensor amin(const Tensor& x, const Axes& axes, bool keepdim) { return host::extreme<false>(x, axes, keepdim); }
Tensor max(const Tensor& x) { return amax(x); }
Tensor min(const Tensor& x) { return amin(x); }

void register_amax(OpRegistry& r) {
  using Function = Tensor (*)(const Tensor&, const Axes&, bool);
  const auto samples = [](Function f, Function pairwise) {
    const auto sample = [=](Shape shape, Axes axes, bool keepdim) {
      InputSpec x{shape};
      x.distinct = true;
      return Sample{to_string(shape) + " over " + to_string(axes),
                    {x},
                    [=](const Tensors& in) { return Tensors{f(in[0], axes, keepdim)}; },
                    [=](const Tensors& in) { return Tensors{pairwise(in[0], axes, keepdim)}; }};
    };
    return std::vector<Sample>{sample({5}, {}, false),
                               sample({2, 3}, {0}, true),
                               sample({2, 3, 4}, {0, -1}, false),
                               sample({2, 3, 2, 2}, {2, 3}, true),
                               sample({0, 3}, {1}, false),
                               sample({3, 1}, {1}, false),
                               sample({}, {}, false)};
  };
  // Slice against slice.
  static const auto fold = [](Tensor t, const Axes& axes, bool keepdim,
                              Tensor (*better)(const Tensor&, const Tensor&)) {
    const Shape final_shape = reduced_shape(t.shape(), from_end("amax", axes, t.rank()), keepdim);
    for (auto a : from_end("amax", axes, t.rank())) {
      Tensors slices = split(t, 1, static_cast<int>(a));
      for (std::size_t i = 1; i < slices.size(); ++i) slices[0] = better(slices[0], slices[i]);
      t = slices[0];
    }
    return reshape(t, final_shape);
  };
  r.add({"amax", "the largest over axes", Kind::general,
         samples(amax, [](const Tensor& x, const Axes& a, bool k) { return fold(x, a, k, maximum); })});
  r.add({"amin", "the smallest over axes", Kind::general,
         samples(amin, [](const Tensor& x, const Axes& a, bool k) { return fold(x, a, k, minimum); })});
}

}  // namespace stein
