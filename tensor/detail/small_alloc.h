// SPDX-License-Identifier: MIT
// Descriptors and graph nodes are made by every op: they come from per-thread free lists of 64-byte classes.
#pragma once

#include <cstddef>

namespace stein::detail {

void* small_alloc(std::size_t bytes);
void small_free(void* p, std::size_t bytes);

/// Gives class T the pair of operators; put it in the class body.
#define STEIN_SMALL_OBJECT                                                             \
  static void* operator new(std::size_t n) { return ::stein::detail::small_alloc(n); } \
  static void operator delete(void* p, std::size_t n) { ::stein::detail::small_free(p, n); }

}  // namespace stein::detail
