// SPDX-License-Identifier: MIT
#include "ops/op.h"

namespace stein::host {

// Shifted by the maximum, so nothing overflows.
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  Tensor forward(const Tensor& x) const {
    if (x.numel() == 0) return empty(x.shape(), x.dtype(), x.device());
    const Tensor e = exp(x - amax(x, {axis}, true));
    return e / sum(e, {axis}, true);
  }
  Tensor vjp0(G g, Out<0> y) const { return y * (g - sum(g * y, {axis}, true)); }
};

struct LogSoftmax {
  static constexpr const char* name = "log_softmax";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  Tensor forward(const Tensor& x) const { return x - logsumexp(x, {axis}, true); }
  Tensor vjp0(G g, Out<0> y) const { return g - exp(y) * sum(g, {axis}, true); }
};

}  // namespace stein::host

namespace stein {

Tensor softmax(const Tensor& x, int axis) {
  if (x.rank() == 0) return as_vector(x, [&](const Tensor& v) { return softmax(v, axis); });
  return record(host::Softmax{normal_axis("softmax", axis, x.rank()) - x.rank()}, x);
}
Tensor log_softmax(const Tensor& x, int axis) {
  if (x.rank() == 0) return as_vector(x, [&](const Tensor& v) { return log_softmax(v, axis); });
  return record(host::LogSoftmax{normal_axis("log_softmax", axis, x.rank()) - x.rank()}, x);
}

void register_softmax(OpRegistry& r) {
  using Function = Tensor (*)(const Tensor&, int);
  const auto samples = [](Function f, bool logarithm) {
    const auto sample = [=](Shape shape, int axis) {
      return Sample{to_string(shape) + " axis " + std::to_string(axis),
                    {{shape}},
                    [=](const Tensors& in) { return Tensors{f(in[0], axis)}; },
                    [=](const Tensors& in) {
                      const Tensor e = exp(in[0]), y = e / sum(e, {axis}, true);
                      return Tensors{logarithm ? log(y) : y};
                    }};
    };
    return std::vector<Sample>{sample({2, 3}, -1), sample({1, 3, 2, 2}, 1), sample({2, 0}, 1), sample({}, -1)};
  };
  r.add({"softmax", "e^x / sum e^x", Kind::general, samples(softmax, false)});
  r.add({"log_softmax", "x - log sum e^x", Kind::general, samples(log_softmax, true)});
}

}  // namespace stein
