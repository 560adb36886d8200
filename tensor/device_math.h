// SPDX-License-Identifier: MIT
#pragma once

namespace stein {

namespace detail {

struct DeviceMath {
  bool tf32 = false, deterministic = true;
};
inline thread_local DeviceMath device_math;

// While alive, one of the above has another value in this thread.
template <bool DeviceMath::*kSwitch>
class DeviceMathGuard {
 public:
  explicit DeviceMathGuard(bool on = true) : before_(device_math.*kSwitch) { device_math.*kSwitch = on; }
  ~DeviceMathGuard() { device_math.*kSwitch = before_; }
  DeviceMathGuard(const DeviceMathGuard&) = delete;
  DeviceMathGuard& operator=(const DeviceMathGuard&) = delete;

 private:
  bool before_;
};

}  // namespace detail

/// While alive, products and convolutions in f32 that this thread starts on cuda may round their factors to TF32, which has 10 bits
/// of mantissa instead of 23 and runs on tensor cores: `AllowTF32 guard;`. Sums stay f32. Otherwise they may not; f64 never does.
using AllowTF32 = detail::DeviceMathGuard<&detail::DeviceMath::tf32>;

/// Devices give the same bits for the same call, as the cpu does. While `Deterministic guard(false);` is alive, convolutions that
/// this thread starts on cuda may be faster than that allows: their derivatives add up in the order in which threads arrive.
using Deterministic = detail::DeviceMathGuard<&detail::DeviceMath::deterministic>;

}  // namespace stein
