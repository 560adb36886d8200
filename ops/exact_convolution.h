// SPDX-License-Identifier: MIT
#pragma once

namespace stein {

namespace detail {
inline thread_local bool exact_convolution = false;
}

/// While alive, this thread's convolutions in f32 use the direct algorithm only: `ExactConvolution guard;`. Otherwise 3x3
/// convolutions of stride 1 with enough channels run by Winograd's F(4x4, 3x3), which needs a quarter of the products at about
/// twice the rounding error (docs/convolutions.md). f64 is always direct.
class ExactConvolution {
 public:
  /// Until destroyed; guards may be nested.
  explicit ExactConvolution(bool on = true) : before_(detail::exact_convolution) { detail::exact_convolution = on; }
  ~ExactConvolution() { detail::exact_convolution = before_; }
  ExactConvolution(const ExactConvolution&) = delete;
  ExactConvolution& operator=(const ExactConvolution&) = delete;

 private:
  bool before_;
};

}  // namespace stein
