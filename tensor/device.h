// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stein {

/// Where a tensor's elements live.
struct Device {
  /// Kinds of devices; this build has cpu alone.
  enum class Kind : std::uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;  ///< which kind
  int index = 0;          ///< which of several

  friend bool operator==(const Device&, const Device&) = default;  ///< whether both are the same device
};

/// Where tensors live unless told otherwise.
inline constexpr Device cpu{};

/// "cpu" or "cuda:k".
std::string to_string(const Device& device);

/// Reads "cpu", "cuda" or "cuda:k". Throws Error for anything else, and for a device this build does not have.
Device parse_device(std::string_view text);

}  // namespace stein
