// SPDX-License-Identifier: MIT
#include "ops/op.h"
#include "ops/reduce.h"

namespace stein::host {

// Over no elements `any` is false and `all_of` true.
template <bool all>
Tensor logical(const char* op, const Tensor& x, const Axes& axes, bool keepdim) {
  const Axes a = from_end(op, axes, x.rank());
  const auto pass = [](const Tensor& in, Tensor& out, std::int64_t outer, std::int64_t n, std::int64_t inner) {
    if (in.device() != cpu)
      return reduce_on_device(all ? kernels::Reduction::all : kernels::Reduction::any, in, nullptr, out, outer, n,
                              inner);
    const bool* p = in.data<bool>();
    bool* q = out.mutable_data<bool>();
    for (std::int64_t o = 0; o < outer; ++o, q += inner) {
      for (std::int64_t i = 0; i < inner; ++i) q[i] = all;
      for (std::int64_t j = 0; j < n; ++j, p += inner)
        for (std::int64_t i = 0; i < inner; ++i) q[i] = all ? q[i] & p[i] : q[i] | p[i];
    }
  };
  return reduce_by_passes(cast(x.detach(), boolean), a, keepdim, pass);
}

}  // namespace stein::host

namespace stein {

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) { return host::logical<false>("any", x, axes, keepdim); }
Tensor all_of(const Tensor& x, const Axes& axes, bool keepdim) {
  return host::logical<true>("all_of", x, axes, keepdim);
}

void register_any(OpRegistry& r) {
  using Function = Tensor (*)(const Tensor&, const Axes&, bool);
  const auto samples = [](Function f, bool all) {
    const auto sample = [=](Shape shape, Axes axes, bool keepdim, DType dtype) {
      return Sample{to_string(shape) + " over " + to_string(axes),
                    {{shape, dtype == boolean ? 0. : -1, 1, {}, dtype}},
                    [=](const Tensors& in) { return Tensors{f(in[0], axes, keepdim)}; },
                    [=](const Tensors& in) {  // by counting
                      const Tensor true_ones = cast(cast(in[0], boolean), f64);
                      const Tensor counted = all ? 1 - true_ones : true_ones;
                      const Tensor found = in[0].rank() ? sum(counted, axes, keepdim) : counted;
                      return Tensors{all ? eq(found, scalar(0, f64)) : gt(found, scalar(0, f64))};
                    }};
    };
    return std::vector<Sample>{sample({5}, {}, false, boolean),        sample({4, 2}, {0}, true, boolean),
                               sample({2, 3, 2}, {0, -1}, false, i64), sample({4, 1}, {1}, false, i64),
                               sample({0, 3}, {0}, false, boolean),    sample({}, {}, false, boolean)};
  };
  r.add({"any", "whether an element is not 0", Kind::general, samples(any, false), false});
  r.add({"all_of", "whether no element is 0", Kind::general, samples(all_of, true), false});
}

}  // namespace stein
