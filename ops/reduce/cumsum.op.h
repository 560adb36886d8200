// SPDX-License-Identifier: MIT
#include "ops/detail/axis_device.h"
#include "ops/detail/axis_view.h"
#include "ops/op.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// Running sums from the first element, or (the adjoint) from the last. f32 is added up in f64.
struct Cumsum {
  static constexpr const char* name = "cumsum";
  static constexpr Kind kind = Kind::linear;
  int axis;  // negative
  bool from_last;

  Tensor forward(const Tensor& x) const {
    const Tensor from = detail::rows_of(x);
    const auto v = detail::around(x.shape(), axis);
    Tensor out = empty(x.shape(), x.dtype(), x.device());
    if (x.numel() == 0) return out;
    if (x.device() != cpu) {
      kernels::device_cumsum(x.device())(
          {x.dtype(), v.outer, v.n, v.inner, from_last, from.raw(), const_cast<void*>(out.raw())});
      return out;
    }
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, std::int64_t>;
      using Running = std::conditional_t<std::is_same_v<T, double>, double, Sum>;
      const T* p = from.data<T>();
      T* q = out.mutable_data<T>();
      constexpr std::int64_t kPart = 64;
      const auto part = std::min(v.inner, kPart), parts = (v.inner + part - 1) / part;
      parallel_for(v.outer * parts, std::max<std::int64_t>(1, 16384 / (v.n * part)),
                   [&](std::int64_t b, std::int64_t e) {
                     for (auto r = b; r < e; ++r) {
                       if (v.inner == 1) {
                         Running sum = 0;
                         const auto step = from_last ? -1 : 1;
                         auto at = r * v.n + (from_last ? v.n - 1 : 0);
                         for (std::int64_t k = 0; k < v.n; ++k, at += step) {
                           sum += static_cast<Running>(p[at]);
                           q[at] = static_cast<T>(sum);
                         }
                         continue;
                       }
                       const auto o = r / parts, first = r % parts * part, count = std::min(v.inner - first, part);
                       Running sum[kPart] = {};
                       for (std::int64_t k = 0; k < v.n; ++k) {
                         const auto at = (o * v.n + (from_last ? v.n - 1 - k : k)) * v.inner + first;
                         for (std::int64_t i = 0; i < count; ++i) {
                           sum[i] += static_cast<Running>(p[at + i]);
                           q[at + i] = static_cast<T>(sum[i]);
                         }
                       }
                     }
                   });
    });
    return out;
  }
  Tensor vjp0(G g) const { return record(Cumsum{axis, !from_last}, g); }
};

}  // namespace stein::host

namespace stein {

Tensor cumsum(const Tensor& x, int axis) {
  if (x.dtype() == u8 || x.dtype() == boolean)
    fail("cumsum", "a dtype of f32, f64, i64", name_of(x.dtype()), "convert it with to(dtype)");
  if (x.rank() == 0) return as_vector(x, [&](const Tensor& v) { return cumsum(v, axis); });
  return record(host::Cumsum{normal_axis("cumsum", axis, x.rank()) - x.rank(), false}, x);
}

void register_cumsum(OpRegistry& r) {
  const auto sample = [](Shape shape, int axis) {
    return Sample{to_string(shape) + " axis " + std::to_string(axis),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{cumsum(in[0], axis)}; },
                  [=](const Tensors& in) {
                    if (in[0].rank() == 0) return in;
                    Tensors sums{narrow(in[0], axis, 0, 0)};
                    for (std::int64_t i = 0; i < in[0].size(axis); ++i)
                      sums.push_back(sum(narrow(in[0], axis, 0, i + 1), {axis}, true));
                    return Tensors{concat(sums, axis)};
                  },
                  true};
  };
  r.add({"cumsum",
         "running sums along an axis",
         Kind::linear,
         {sample({5}, 0), sample({3, 4}, 0), sample({2, 3, 2}, 1), sample({2, 3}, -1), sample({1, 2}, 0),
          sample({2, 0}, 1), sample({0, 2}, 1), sample({}, -1)}});
}

}  // namespace stein
