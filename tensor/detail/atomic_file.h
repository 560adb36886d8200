// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stein::detail {

/// Replaces a file as a whole: written to a temporary file in the same folder, synced, renamed, and the folder synced.
/// Whoever opens `path`, at whatever moment and after a crash, finds the old content or the new, never a part.
/// Errors (disk full, no such folder, ...) throw Error in the name of `op` and leave the old file as it was.
class AtomicFile {
 public:
  AtomicFile(std::string_view op, const std::string& path);
  ~AtomicFile();  ///< without commit(): removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Makes the new content permanent. Nothing may be written after it.
  void commit();

 private:
  [[noreturn]] void fail_errno(const char* doing);

  std::string op_, path_, temporary_;
  int descriptor_ = -1;
};

/// AtomicFile for content that is at hand as a whole.
void write_atomically(std::string_view op, const std::string& path, std::string_view content);

}  // namespace stein::detail
