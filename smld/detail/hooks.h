// SPDX-License-Identifier: MIT
// SamplerHooks at work: one of these lives through a sampler's run.
#pragma once

#include "smld/sampling.h"

namespace stein::smld::detail {

class Hooks {
 public:
  /// total: of steps, 0 when not known.
  Hooks(const char* op, const SamplerHooks& hooks, Generator& generator, std::int64_t total)
      : op_(op), hooks_(hooks), generator_(generator), total_(total) {}

  Tensor noise(const Tensor& like) const {
    if (!hooks_.noise) return randn_like(like, generator_);
    Tensor z = hooks_.noise(like);
    if (z.shape() != like.shape() || z.dtype() != like.dtype()) fail(op_, "noise " + describe(like), describe(z));
    return z;
  }
  Tensor constrain(const Tensor& x, double alpha, double sigma) const {
    return hooks_.constraint ? hooks_.constraint(x, alpha, sigma) : x;
  }
  Tensor finish(const Tensor& x) const { return constrain(x, 1, 0); }
  void step_done() {
    if (hooks_.progress && !hooks_.progress(++done_, total_)) throw Interrupted(op_);
  }
  /// What a model returns, checked.
  Tensor checked(const char* what, const Tensor& s, const Tensor& x) const {
    if (s.shape() != x.shape() || s.dtype() != x.dtype())
      fail(op_, std::string(what) + " of the samples' shape and dtype, " + describe(x), describe(s));
    return s;
  }

 private:
  const char* op_;
  const SamplerHooks& hooks_;
  Generator& generator_;
  std::int64_t total_, done_ = 0;
};

}  // namespace stein::smld::detail
