// SPDX-License-Identifier: MIT
// Free memory by address: blocks that were cut from a segment are joined with their free neighbours when they come back.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace stein::detail {

/// The free ranges of some segments. Not for several threads at once; sizes are in bytes.
class FreeRanges {
 public:
  struct Segment {
    void* base;
    std::int64_t bytes;
  };

  /// A segment, all of it free. Segments that happen to be neighbours stay two.
  void add_segment(void* base, std::int64_t bytes) {
    segments_[static_cast<char*>(base)] = bytes;
    insert(static_cast<char*>(base), bytes);
  }

  /// Takes out the largest segment that is free as a whole.
  std::optional<Segment> remove_segment() {
    auto best = segments_.end();
    for (auto it = segments_.begin(); it != segments_.end(); ++it)
      if (sizes_.count({it->second, it->first}) && (best == segments_.end() || it->second > best->second)) best = it;
    if (best == segments_.end()) return std::nullopt;
    const Segment out{best->first, best->second};
    erase(ranges_.find(best->first));
    segments_.erase(best);
    return out;
  }

  /// The first `bytes` of the smallest range that has them; null where none has.
  void* take(std::int64_t bytes) {
    const auto best = sizes_.lower_bound({bytes, nullptr});
    if (best == sizes_.end()) return nullptr;
    const auto [size, at] = *best;
    erase(ranges_.find(at));
    if (size > bytes) insert(at + bytes, size - bytes);
    return at;
  }

  /// What take(bytes) returned.
  void give(void* block, std::int64_t bytes) {
    char* at = static_cast<char*>(block);
    const auto after = ranges_.upper_bound(at);
    const auto before = after == ranges_.begin() ? ranges_.end() : std::prev(after);
    if (after != ranges_.end() && at + bytes == after->first && !segments_.count(after->first)) {
      bytes += after->second;
      erase(after);
    }
    if (before != ranges_.end() && before->first + before->second == at && !segments_.count(at)) {
      at = before->first;
      bytes += before->second;
      erase(before);
    }
    insert(at, bytes);
  }

 private:
  using Ranges = std::map<char*, std::int64_t>;  // from the first byte to the size
  void insert(char* at, std::int64_t bytes) {
    ranges_.emplace(at, bytes);
    sizes_.emplace(bytes, at);
  }
  void erase(Ranges::iterator it) {
    sizes_.erase({it->second, it->first});
    ranges_.erase(it);
  }

  Ranges segments_, ranges_;
  std::set<std::pair<std::int64_t, char*>> sizes_;  // of the ranges
};

}  // namespace stein::detail
