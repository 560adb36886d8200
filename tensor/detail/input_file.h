// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace stein::detail {

/// A regular file opened for reading, whose true size is known before anything is believed that stands in it.
/// Errors throw Error in the name of `op` and name the file.
class InputFile {
 public:
  InputFile(std::string_view op, const std::string& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  const std::string& path() const { return path_; }
  std::int64_t size() const { return size_; }
  /// Reads exactly `count` bytes from `offset`.
  void read(std::int64_t offset, void* to, std::int64_t count) const;
  std::string read(std::int64_t offset, std::int64_t count) const;

 private:
  std::string op_, path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

/// numel(shape) * size_of(dtype) into `bytes`; false when a size is negative or any product of sizes overflows (also when
/// another size is 0).
bool checked_bytes(const Shape& shape, DType dtype, std::int64_t& bytes);

/// `text` for an error message: at most `limit` characters, and \xNN for what does not print.
std::string printable(std::string_view text, std::size_t limit = 200);

/// Position of the first byte that is neither 0 nor 1, or -1: anything else in a bool is undefined behaviour.
std::int64_t first_bad_bool(const void* bytes, std::int64_t count);

}  // namespace stein::detail
