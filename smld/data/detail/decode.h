// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smld/data/image_folder.h"

namespace stein::smld::detail {

inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;

/// Decoders of a whole file in memory; `path` only for messages. A build without the library throws, saying so.
Picture decode_png(const std::vector<std::uint8_t>& file, const std::string& path);
Picture decode_jpeg(const std::vector<std::uint8_t>& file, const std::string& path);

/// Throws Error when width x height is 0 or above kMaxPixels.
void check_pixels(const char* op, std::uint64_t width, std::uint64_t height, const std::string& path);

}  // namespace stein::smld::detail
