// SPDX-License-Identifier: MIT
// Scratch memory of the host's kernels.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "tensor/detail/asan.h"
#include "tensor/storage.h"

namespace stein {

/// A kernel's scratch memory for one thread, uninitialised and 64-byte aligned; to be made and destroyed by the same thread. Each
/// thread keeps one block of up to 4 MiB until it ends, outside the allocator's counts and limit: it is the same memory for one range of
/// a kernel after the other, near, and no thread waits for another. A larger one, or a second one at the same time, is a Storage. With AddressSanitizer none is kept,
/// so that overruns are seen.
class Scratch {
 public:
  /// Throws Error when memory runs out.
  explicit Scratch(std::int64_t bytes) {
    if (!detail::kAsan && !gone && bytes <= kMostKept) {
      Kept& kept = kept_by_this_thread();
      if (!kept.lent && kept.reserve(bytes)) {
        kept.lent = true;
        data_ = kept.data;
        return;
      }
    }
    storage_ = make_ref<Storage>(bytes);
    data_ = storage_->data();
  }
  ~Scratch() {
    if (!storage_) kept_by_this_thread().lent = false;
  }
  Scratch(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  static constexpr std::int64_t kMostKept = std::int64_t{4} << 20;
  struct Kept {
    void* data = nullptr;
    std::int64_t bytes = 0;
    bool lent = false;
    ~Kept() {
      gone = true;
      std::free(data);
    }
    bool reserve(std::int64_t wanted) {
      if (data && wanted <= bytes) return true;
      std::free(data);
      bytes = (wanted / 64 + 1) * 64;
      data = std::aligned_alloc(64, static_cast<std::size_t>(bytes));
      if (!data) bytes = 0;
      return data != nullptr;
    }
  };
  static inline thread_local bool gone = false;  // this thread ends: its block is no more
  static Kept& kept_by_this_thread() {
    thread_local Kept kept;
    return kept;
  }

  Ref<Storage> storage_;
  void* data_;
};

}  // namespace stein
