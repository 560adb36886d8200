// SPDX-License-Identifier: MIT
#include "tensor/detail/sim_streams.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace stein::detail::sim {
namespace {

struct Stream {
  Clock knows{};  // of itself: the last operation it was asked for
  std::vector<std::pair<std::uint32_t, std::function<void()>>> postponed;

  void catch_up(std::uint32_t number) {
    std::size_t done = 0;
    for (; done < postponed.size() && postponed[done].first <= number; ++done) postponed[done].second();
    postponed.erase(postponed.begin(), postponed.begin() + static_cast<std::ptrdiff_t>(done));
  }
};

struct State {
  std::mutex mutex;
  std::array<Stream, kStreams> streams;
  Clock host_knows{};
  std::uint32_t last = 1;  // 1: the host

  Stream& of(DeviceStream s) { return streams[static_cast<std::size_t>(s)]; }
  void learn(Clock& who, const Clock& clock) {
    for (std::size_t s = 0; s < kStreams; ++s) {
      who[s] = std::max(who[s], clock[s]);
      streams[s].catch_up(clock[s]);
    }
  }
};

State& state() {
  static State* s = new State;  // never destroyed: tensors may outlive any order of destruction
  return *s;
}

const char* name_of(std::size_t stream) { return stream == 0 ? "the stream of kernels" : "the stream of copies"; }

}  // namespace

std::uint32_t begin(DeviceStream stream) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  Stream& s = all.of(stream);
  s.catch_up(all.last);
  all.learn(s.knows, all.host_knows);  // it is asked after what the host has waited for
  return s.knows[static_cast<std::size_t>(stream)] = ++all.last;
}

void postpone(DeviceStream stream, std::function<void()> copy) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  Stream& s = all.of(stream);
  s.postponed.emplace_back(s.knows[static_cast<std::size_t>(stream)], std::move(copy));
}

void flush() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  for (auto& s : all.streams) s.catch_up(all.last);
}

Clock clock_of(DeviceStream stream) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  return all.of(stream).knows;
}

void learn(DeviceStream stream, const Clock& clock) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.learn(all.of(stream).knows, clock);
}

void host_learns(const Clock& clock) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  all.learn(all.host_knows, clock);
}

bool host_knows(const Clock& clock) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  for (std::size_t s = 0; s < kStreams; ++s)
    if (all.host_knows[s] < clock[s]) return false;
  return true;
}

void Touches::check(DeviceStream stream, const char* by, bool writes) const {
  const auto here = static_cast<std::size_t>(stream), there = 1 - here;
  const auto after = [&](const Touch& t, const char* did) {
    if (t.number == 0) return;
    State& all = state();
    {
      const std::lock_guard lock(all.mutex);
      if (all.streams[here].knows[there] >= t.number) return;
    }
    fail("sim", "an event between two streams that use the same memory, one of them writing",
         std::string(by) + " in " + name_of(here) + (writes ? " writes" : " reads") + " what " + t.by + " in " +
             name_of(there) + " may still have " + did);
  };
  after(write_[there], "to write");
  if (writes) after(read_[there], "to read");
}

}  // namespace stein::detail::sim
