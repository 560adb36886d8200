// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "tensor/detail/names.h"

namespace stein {

namespace detail {

/// To what products and convolutions in f32 on devices may round their factors.
enum class Factors : std::uint8_t { f32, tf32, bf16 };
inline constexpr Named<Factors> kFactors[] = {{"f32", Factors::f32}, {"tf32", Factors::tf32}, {"bf16", Factors::bf16}};
constexpr std::string_view name_of(Factors f) { return kFactors[static_cast<int>(f)].name; }

struct DeviceMath {
  Factors factors = Factors::f32;
  bool deterministic = true;
};
inline thread_local DeviceMath device_math;

// While alive, one of the above has another value in this thread.
template <auto kSwitch, auto kOn, auto kOff>
class DeviceMathGuard {
 public:
  explicit DeviceMathGuard(bool on = true) : before_(device_math.*kSwitch) { device_math.*kSwitch = on ? kOn : kOff; }
  ~DeviceMathGuard() { device_math.*kSwitch = before_; }
  DeviceMathGuard(const DeviceMathGuard&) = delete;
  DeviceMathGuard& operator=(const DeviceMathGuard&) = delete;

 private:
  decltype(kOn) before_;
};

}  // namespace detail

/// While alive, products and convolutions in f32 that this thread starts on cuda may round their factors to TF32, which has 10 bits
/// of mantissa instead of 23 and runs on tensor cores: `AllowTF32 guard;`. Sums stay f32. Otherwise they may not; f64 never does.
using AllowTF32 = detail::DeviceMathGuard<&detail::DeviceMath::factors, detail::Factors::tf32, detail::Factors::f32>;

/// While alive, products and convolutions in f32 that this thread starts on a device (sim, cuda) keep their factors in bf16, the
/// upper half of an f32: 7 bits of mantissa, half the memory, tensor cores. Sums are f32; results of convolutions pass through
/// bf16 once more, as cuDNN has it. All tensors stay f32, so parameters keep what steps of less than bf16's precision add to
/// them. In place of AllowTF32 where both are alive and this one is the younger; f64 and the cpu know neither.
using AllowBF16 = detail::DeviceMathGuard<&detail::DeviceMath::factors, detail::Factors::bf16, detail::Factors::f32>;

/// Devices give the same bits for the same call, as the cpu does. While `Deterministic guard(false);` is alive, convolutions that
/// this thread starts on cuda may be faster than that allows: their derivatives add up in the order in which threads arrive.
using Deterministic = detail::DeviceMathGuard<&detail::DeviceMath::deterministic, true, false>;

}  // namespace stein
