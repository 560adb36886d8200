// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

namespace stein::tools {

/// Exit code after an interruption, as shells have it.
constexpr int kInterrupted = 130;

/// Raised by Ctrl-C and by SIGTERM once catch_signals() was called.
std::atomic<bool>& interrupted();

/// The first Ctrl-C (or SIGTERM) asks for a clean end, the second ends at once.
void catch_signals();

}  // namespace stein::tools
