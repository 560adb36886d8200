// SPDX-License-Identifier: MIT
// Pack<T>: a SIMD register of T, for kernel units only (see tensor/simd.h). xsimd's batch where it is installed,
// otherwise one scalar with the same interface.
#pragma once

#ifdef STEIN_HAVE_XSIMD
// xsimd has a few inline functions without the arch in their name (__kernel_rem_pio2), which the linker would share between
// levels: each level gets a namespace xsimd_<level> of its own.
#define STEIN_XSIMD_PASTE(a, b) a##b
#define STEIN_XSIMD_NAME(unit) STEIN_XSIMD_PASTE(xsimd_, unit)
#define xsimd STEIN_XSIMD_NAME(STEIN_UNIT)
#include <xsimd/xsimd.hpp>

namespace stein {
template <class T>
using Pack = xsimd::batch<T>;
}
#else
#include "tensor/detail/scalar_pack.h"

namespace stein {
/// The registers of this unit's SIMD level, holding T.
template <class T>
using Pack = detail::STEIN_UNIT::ScalarPack<T>;
}  // namespace stein
#endif
