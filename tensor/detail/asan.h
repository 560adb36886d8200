// SPDX-License-Identifier: MIT
// The allocator's view of AddressSanitizer: cached blocks and the bytes after a tensor's end are poisoned.
#pragma once

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define STEIN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STEIN_ASAN 1
#endif
#endif

#ifdef STEIN_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace stein::detail {

#ifdef STEIN_ASAN
inline constexpr bool kAsan = true;
inline constexpr std::int64_t kRedZone = 64;
inline void poison(void* p, std::int64_t n) { __asan_poison_memory_region(p, static_cast<std::size_t>(n)); }
inline void unpoison(void* p, std::int64_t n) { __asan_unpoison_memory_region(p, static_cast<std::size_t>(n)); }
#else
inline constexpr bool kAsan = false;
inline constexpr std::int64_t kRedZone = 0;
inline void poison(void*, std::int64_t) {}
inline void unpoison(void*, std::int64_t) {}
#endif

}  // namespace stein::detail
