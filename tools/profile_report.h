// SPDX-License-Identifier: MIT
// What `stein train --profile` leaves: a table for people and a trace for ui.perfetto.dev and chrome://tracing.
#pragma once

#include <string>

#include "autograd/profile.h"

namespace stein::tools {

/// Time, calls and bytes by op and by module, forward and backward in columns of their own.
std::string profile_table(const Profile& profile);
/// The calls as complete events of the Trace Event Format (name, category, begin and duration in microseconds). Throws Error when the
/// file cannot be written.
void write_trace(const Profile& profile, const std::string& path);

}  // namespace stein::tools
