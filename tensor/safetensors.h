// SPDX-License-Identifier: MIT
// Named tensors in a file: the safetensors format (an 8-byte length, a JSON header, the elements in row-major order).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tensor/detail/input_file.h"
#include "tensor/tensor.h"

namespace stein {

using NamedTensors = std::map<std::string, Tensor>;   ///< by name
using Metadata = std::map<std::string, std::string>;  ///< a file's own words, by key

/// What a reader puts up with; files beyond it are errors.
struct SafetensorsLimits {
  std::int64_t header_bytes = std::int64_t{16} << 20;  ///< of the JSON header
  std::int64_t entries = 100000;                       ///< tensors in a file
};

/// An open safetensors file: the header has been read and checked, elements are read on demand.
class SafetensorsFile {
 public:
  /// What the header says of a tensor.
  struct Entry {
    std::string name;     ///< as in the header
    DType dtype;          ///< one of f32, f64, i64, u8, bool
    Shape shape;          ///< row-major
    std::int64_t offset;  ///< of the elements, in bytes from the start of the file
    std::int64_t bytes;   ///< of the elements
  };

  /// Throws Error, naming the file and where possible the tensor, unless the header is well formed and its entries cover
  /// the rest of the file without gap or overlap.
  explicit SafetensorsFile(const std::string& path, const SafetensorsLimits& limits = {});

  /// In the order of their elements in the file.
  const std::vector<Entry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }  ///< the header's `__metadata__`
  /// Whether the file has a tensor of that name.
  bool contains(const std::string& name) const { return find(name) != nullptr; }
  /// Throws Error when there is no such tensor.
  const Entry& entry(const std::string& name) const;
  Tensor read(const std::string& name) const;  ///< throws Error when there is none of that name
  /// All tensors; verifies the checksum when the file has one.
  NamedTensors read_all() const;

 private:
  const Entry* find(const std::string& name) const;
  Tensor read(const Entry& entry) const;

  detail::InputFile file_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> position_;
  Metadata metadata_;
};

/// All tensors of a file, and its metadata when asked for. Verifies the checksum when the file has one.
NamedTensors load_safetensors(const std::string& path, Metadata* metadata = nullptr);

/// Writes f32, f64, i64, u8 and bool tensors of any layout in row-major order, replacing `path` as a whole or not at all.
/// With `checksum`, the metadata get the CRC-32 of all elements' bytes as `stein.crc32`.
void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {},
                      bool checksum = true);

}  // namespace stein
