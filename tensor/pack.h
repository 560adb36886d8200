// SPDX-License-Identifier: MIT
// Pack<T>: a SIMD register of T, for kernel units only (see tensor/simd.h). xsimd's batch where it is installed,
// otherwise one scalar with the same interface.
#pragma once

#ifdef STEIN_HAVE_XSIMD
#include <xsimd/xsimd.hpp>

namespace stein {
template <class T>
using Pack = xsimd::batch<T>;
}
#else
#include "tensor/detail/scalar_pack.h"

namespace stein {
template <class T>
using Pack = detail::STEIN_UNIT::ScalarPack<T>;
}
#endif
