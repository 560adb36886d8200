// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace stein::detail {

/// One entry of a safetensors header as it stands there, offsets relative to the end of the header.
struct RawEntry {
  std::string name;
  DType dtype = f32;
  Shape shape;
  std::int64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<RawEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Reads the JSON text and checks its form (types, keys, duplicates, rank, number of entries); offsets are not yet compared
/// with the file. Throws Error naming `path` and the tensor.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& path, std::int64_t max_entries);

std::string safetensors_header_text(const SafetensorsHeader& header);

/// The one form of all errors of this format: names the file and, unless empty, the tensor.
[[noreturn]] void bad_safetensors(const std::string& expected, const std::string& got, const std::string& path,
                                  const std::string& tensor = "");

}  // namespace stein::detail
