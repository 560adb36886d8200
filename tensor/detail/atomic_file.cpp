// SPDX-License-Identifier: MIT
#include "tensor/detail/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace stein::detail {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

AtomicFile::AtomicFile(std::string_view op, const std::string& path) : op_(op), path_(path) {
  static std::atomic<unsigned> count{0};  // two threads may write the same path: the last rename wins
  temporary_ = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count.fetch_add(1));
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_errno("create");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail_errno(const char* doing) {
  const std::string reason = std::strerror(errno);
  fail(op_, "to write '" + path_ + "'", reason + " on " + doing);
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const char* p = static_cast<const char*>(bytes);
  while (count > 0) {
    const auto n = ::write(descriptor_, p, std::min<std::size_t>(count, std::size_t{1} << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno("write");
    p += n;
    count -= static_cast<std::size_t>(n);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_errno("fsync");
  if (::close(std::exchange(descriptor_, -1)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    fail_errno("rename");
  }
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail_errno("open the folder");
  const bool synced = ::fsync(folder) == 0 || errno == EINVAL;  // some file systems cannot sync folders
  const int error = errno;
  ::close(folder);
  errno = error;
  if (!synced) fail_errno("fsync of the folder");
}

void write_atomically(std::string_view op, const std::string& path, std::string_view content) {
  AtomicFile file(op, path);
  file.write(content);
  file.commit();
}

}  // namespace stein::detail
