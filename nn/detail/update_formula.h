// SPDX-License-Identifier: MIT
// What an update does to one element, for the loops of the cpu and the threads of devices.
#pragma once

#include "nn/detail/update_kernels.h"
#include "tensor/detail/host_device.h"

namespace stein::nn::STEIN_UNIT {

STEIN_HOST_DEVICE inline float root(float x) { return __builtin_sqrtf(x); }
STEIN_HOST_DEVICE inline double root(double x) { return __builtin_sqrt(x); }

/// torch.optim.SGD: d = g + weight_decay p; b = momentum b + (1 - dampening) d, at first d; p -= lr (nesterov ? d + momentum b : b).
template <class T>
struct Sgd {
  T lr, momentum, fresh, decay;
  bool nesterov, first;
  explicit constexpr Sgd(const detail::SgdStep& s)
      : lr(T(s.lr)),
        momentum(T(s.momentum)),
        fresh(T(1 - s.dampening)),
        decay(T(s.weight_decay)),
        nesterov(s.nesterov),
        first(s.first) {}
  /// Without a buffer: p alone.
  constexpr T plain(T p, T g) const { return p - lr * (g + decay * p); }
  struct Both {
    T p, buffer;
  };
  constexpr Both with_buffer(T p, T g, T b) const {
    const T d = g + decay * p;
    if (first) return {p - lr * ((nesterov ? T(1) + momentum : T(1)) * d), d};
    b = momentum * b + fresh * d;
    return {p - lr * (nesterov ? d + momentum * b : b), b};
  }
};

/// torch.optim.Adam and AdamW: m += (1 - beta1)(d - m); v = beta2 v + (1 - beta2) d^2; p -= step_size m / (sqrt(v) / root_correction + eps).
template <class T>
struct Adam {
  T w1, beta2, w2, step, correction, eps, decay, shrink;
  explicit constexpr Adam(const detail::AdamStep& s)
      : w1(T(s.one_minus_beta1)),
        beta2(T(s.beta2)),
        w2(T(s.one_minus_beta2)),
        step(T(s.step_size)),
        correction(T(s.root_correction)),
        eps(T(s.eps)),
        decay(T(s.weight_decay)),
        shrink(T(s.shrink)) {}
  struct All {
    T p, m, v;
  };
  constexpr All operator()(T p, T g, T m, T v) const {
    const T q = p * shrink, d = g + decay * p;
    m += w1 * (d - m);
    v = beta2 * v + w2 * (d * d);
    return {q - step * m / (root(v) / correction + eps), m, v};
  }
};

}  // namespace stein::nn::STEIN_UNIT
