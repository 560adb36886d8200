// SPDX-License-Identifier: MIT
// Reading untrusted files: sizes are known, and checked without overflow, before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stein::smld::detail {

/// Largest file that a reader of this folder takes into memory.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 30;

/// The whole file. Throws Error in the name of `op` when it is not a readable regular file or larger than `limit`.
std::vector<std::uint8_t> read_file(std::string_view op, const std::string& path, std::uint64_t limit = kMaxFileBytes);

/// The first bytes as text for an error message: "89 50 4e 47", or "an empty file".
std::string hex(const std::uint8_t* bytes, std::size_t count);

/// A file read front to back, inflated on the way when it begins with gzip's two magic bytes.
class ByteReader {
 public:
  /// Throws Error in the name of `op` (which must outlive the reader), as every member does.
  ByteReader(std::string_view op, const std::string& path);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// No more than this many bytes can come out: the file's size, times deflate's largest ratio (1032) when gzipped.
  std::uint64_t bound() const;
  const std::string& path() const { return path_; }
  /// Fills `to` with the next `count` bytes; `what` names them in the error of a file that ends too early.
  void read(std::uint8_t* to, std::size_t count, std::string_view what);
  /// Throws unless everything was read; of a gzipped file also checks the checksum.
  void finish();

 private:
  struct Inflater;
  std::size_t read_some(std::uint8_t* to, std::size_t count);

  std::string_view op_;
  std::string path_;
  std::vector<std::uint8_t> file_;
  std::size_t at_ = 0;  // of a file that is not gzipped
  std::uint64_t produced_ = 0;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace stein::smld::detail
