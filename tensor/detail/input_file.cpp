// SPDX-License-Identifier: MIT
#include "tensor/detail/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace stein::detail {

InputFile::InputFile(std::string_view op, const std::string& path) : op_(op), path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without writer must not block
  struct stat s {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &s) != 0) {
    const std::string reason = std::strerror(errno);
    if (descriptor_ >= 0) ::close(descriptor_);
    fail(op_, "to read '" + path_ + "'", reason);
  }
  if (!S_ISREG(s.st_mode)) {
    ::close(descriptor_);
    fail(op_, "to read '" + path_ + "'", S_ISDIR(s.st_mode) ? "a folder" : "something that is no regular file");
  }
  size_ = s.st_size;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

InputFile::InputFile(InputFile&& o) noexcept
    : op_(std::move(o.op_)), path_(std::move(o.path_)), descriptor_(std::exchange(o.descriptor_, -1)), size_(o.size_) {}

void InputFile::read(std::int64_t offset, void* to, std::int64_t count) const {
  char* p = static_cast<char*>(to);
  const auto end = offset + count;
  while (offset < end) {
    const auto n =
        ::pread(descriptor_, p, static_cast<std::size_t>(std::min<std::int64_t>(end - offset, 1 << 30)), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(op_, "to read '" + path_ + "'", std::strerror(errno));
    if (n == 0)
      fail(op_, "to read '" + path_ + "' up to byte " + std::to_string(end),
           "its end at byte " + std::to_string(offset));
    p += n;
    offset += n;
  }
}

std::string InputFile::read(std::int64_t offset, std::int64_t count) const {
  std::string s(static_cast<std::size_t>(count), '\0');
  read(offset, s.data(), count);
  return s;
}

bool checked_bytes(const Shape& shape, DType dtype, std::int64_t& bytes) {
  std::int64_t product = static_cast<std::int64_t>(size_of(dtype));
  bool zero = false;
  for (auto d : shape) {
    if (d < 0 || __builtin_mul_overflow(product, std::max<std::int64_t>(d, 1), &product)) return false;
    zero = zero || d == 0;
  }
  bytes = zero ? 0 : product;
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  static const char* const digits = "0123456789abcdef";
  std::string s;
  for (char c : text.substr(0, limit)) {
    const auto b = static_cast<unsigned char>(c);
    if (b >= 0x20 && b != 0x7f)  // UTF-8 passes
      s += c;
    else
      s.append("\\x").append(1, digits[b >> 4]).append(1, digits[b & 15]);
  }
  return text.size() > limit ? s + "..." : s;
}

std::int64_t first_bad_bool(const void* bytes, std::int64_t count) {
  const auto* p = static_cast<const unsigned char*>(bytes);
  const auto* bad = std::find_if(p, p + count, [](unsigned char b) { return b > 1; });
  return bad == p + count ? -1 : bad - p;
}

}  // namespace stein::detail
