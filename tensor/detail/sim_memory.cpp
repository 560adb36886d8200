// SPDX-License-Identifier: MIT
#include "tensor/detail/sim_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "tensor/error.h"

namespace stein::detail::sim {
namespace {

constexpr std::int64_t kArena = std::int64_t{1}
                                << 40;  // of addresses, which are not used twice; only live bytes cost memory
constexpr std::int64_t kAlign = 256;    // and as much lies free behind every block
constexpr std::uint32_t kHost = 1;      // a launch: a copy's or a library's
constexpr std::uint32_t kManyBlocks = ~std::uint32_t{0};
constexpr std::uint16_t kManyThreads = 0xffff;

std::string which(const Place& p) {
  if (p.block == kManyBlocks) return "threads of several blocks";
  const auto block = "block " + std::to_string(p.block);
  return p.thread == kManyThreads ? "several threads of " + block
                                  : "thread " + std::to_string(p.thread) + " of " + block;
}

bool races(const Place& before, const Place& now) {
  if (before.launch != now.launch) return false;
  return before.block != now.block || (before.phase == now.phase && before.thread != now.thread);
}

char* reserve(int protection) {
  void* p =
      mmap(nullptr, static_cast<std::size_t>(kArena), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) fail("sim", "addresses for the simulated device's memory", std::strerror(errno));
  return static_cast<char*>(p);
}

struct Event final : DeviceEvent {
  explicit Event(const Clock& c) : clock(c) {}
  Clock clock;
};
const Clock& clock_of(const DeviceEvent& e) { return static_cast<const Event&>(e).clock; }

class Recording final : public DeviceRecording {
 public:
  std::vector<std::function<void()>> asked;
  void play() override {
    for (const auto& f : asked) f();
  }
};

class SimDriver final : public DeviceDriver {
 public:
  // A block is what is known of it: bytes and an address come when it is lent.
  void* obtain(std::int64_t) override { return new Touches; }
  void release(void* block, std::int64_t) override {
    for (const auto s : {DeviceStream::compute, DeviceStream::copy}) host_learns(sim::clock_of(s));
    delete static_cast<Touches*>(block);
  }
  void* lend(void* block, std::int64_t size) override {
    const std::lock_guard lock(mutex_);
    const auto room = (size + kAlign - 1) / kAlign * kAlign + kAlign;
    if (room > kArena - end_) fail("allocate", "addresses for " + std::to_string(size) + " bytes on sim", "none left");
    const auto at = end_;
    end_ += room;
    auto* touches = static_cast<Touches*>(block);
    blocks_.emplace(at, Lent{Memory(bytes_ + at, size, *touches), touches});
    return addresses_ + at;
  }
  void* take_back(void* address) override {
    flush();
    const std::lock_guard lock(mutex_);
    const auto it = blocks_.find(static_cast<char*>(address) - addresses_);
    if (it == blocks_.end()) fail("sim", "a live block to free", "another address");
    Touches* block = it->second.block;
    *block = it->second.memory.touches();
    const auto after = blocks_.erase(it);
    // The pages between the neighbours go back to the system.
    constexpr std::int64_t page = 4096;
    const auto gap = after == blocks_.begin() ? 0 : std::prev(after)->first + std::prev(after)->second.memory.size();
    const auto first = (std::max(gap, static_cast<char*>(address) - addresses_ - page) + page - 1) / page * page;
    const auto last = (after == blocks_.end() ? end_ : after->first) / page * page;
    if (last > first) madvise(bytes_ + first, static_cast<std::size_t>(last - first), MADV_DONTNEED);
    return block;
  }
  void* obtain_pinned(std::int64_t bytes) override { return std::malloc(static_cast<std::size_t>(bytes)); }
  void release_pinned(void* block) override { std::free(block); }

  void upload(void* to, const void* pinned, std::int64_t bytes, DeviceStream stream) override {
    ask([=] {
      void* at = reach(to, bytes, true, stream, "an upload");
      postpone(stream, [=] { std::memcpy(at, pinned, static_cast<std::size_t>(bytes)); });
    });
  }
  void download(void* to, const void* from, std::int64_t bytes) override {
    const void* at = reach(from, bytes, false, DeviceStream::compute, "a download");
    postpone(DeviceStream::compute, [=] { std::memcpy(to, at, static_cast<std::size_t>(bytes)); });
  }
  EventRef record(DeviceStream stream) override { return std::make_shared<Event>(sim::clock_of(stream)); }
  void wait(DeviceStream stream, const DeviceEvent& event) override { learn(stream, clock_of(event)); }
  void wait(const DeviceEvent& event) override { host_learns(clock_of(event)); }
  bool reached(const DeviceEvent& event) override { return host_knows(clock_of(event)); }

  void begin_recording() override {
    recorded_ = std::make_unique<Recording>();
    recording = &recorded_->asked;
  }
  std::unique_ptr<DeviceRecording> end_recording() override {
    recording = nullptr;
    return std::move(recorded_);
  }

  Located find(const void* address) {
    const std::lock_guard lock(mutex_);
    const auto at = static_cast<const char*>(address) - addresses_;
    if (at < 0 || at >= kArena) fail("sim", "an address of device memory", "one of the host's");
    auto it = blocks_.upper_bound(at);
    if (it == blocks_.begin() || at > std::prev(it)->first + std::prev(it)->second.memory.size())
      fail("sim", "an address inside a live block",
           at < end_ ? "one of memory that was freed" : "one that was never given out");
    --it;
    return {&it->second.memory, at - it->first};
  }

 private:
  char* const addresses_ = reserve(PROT_NONE);
  char* const bytes_ = reserve(PROT_READ | PROT_WRITE);
  std::mutex mutex_;
  struct Lent {
    Memory memory;
    Touches* block;
  };
  std::map<std::int64_t, Lent> blocks_;  // by where they begin
  std::unique_ptr<Recording> recorded_;
  std::int64_t end_ = 0;
};

SimDriver& sim_driver() {
  static SimDriver* d = new SimDriver;  // never destroyed: tensors may outlive any order of destruction
  return *d;
}

}  // namespace

std::recursive_mutex& turn() {
  static std::recursive_mutex one;
  return one;
}

std::string who() { return "kernel " + std::string(kernel) + ", " + which(place); }

void Memory::cut(std::int64_t granule) {
  const auto count = [&](std::int64_t g) { return static_cast<std::size_t>((size_ + g - 1) / g); };
  auto cells = std::make_unique<Cell[]>(count(granule));
  for (std::size_t i = 0; i < count(granule); ++i) {
    if (cells_)
      cells[i] = cells_[i * static_cast<std::size_t>(granule) / static_cast<std::size_t>(granule_)];
    else if (written_)
      cells[i].write.launch = kHost;
  }
  cells_ = std::move(cells);
  granule_ = granule;
}

void Memory::check(std::int64_t offset, std::int64_t bytes, bool writes) {
  const auto what = [&] {
    return who() + (writes ? " writes " : " reads ") + std::to_string(bytes) + " bytes at byte " +
           std::to_string(offset) + " of " + std::to_string(size_);
  };
  if (!kernel) fail("sim", "a kernel that runs", "a View used by the host");
  if (offset < 0 || offset + bytes > size_) fail("sim", "an access inside the memory", what());
  touches_.note(DeviceStream::compute, place.launch, kernel, writes);
  if (!cells_ || bytes < granule_) cut(bytes);
  for (auto i = offset / granule_; i * granule_ < offset + bytes; ++i) {
    Cell& c = cells_[static_cast<std::size_t>(i)];
    if (races(c.write, place) || (writes && races(c.read, place)))
      fail("sim", "a barrier between two threads that touch one element, one of them writing",
           what() + ", which " + (races(c.write, place) ? which(c.write) + " wrote" : which(c.read) + " read"));
    if (writes) {
      c.write = place;
      continue;
    }
    if (c.write.launch == 0) fail("sim", "an element that was written", what() + ", which nobody has written");
    const Place before = c.read;
    c.read = place;
    if (before.launch != place.launch) continue;
    if (before.block != place.block)
      c.read.block = kManyBlocks;
    else if (before.phase == place.phase && before.thread != place.thread)
      c.read.thread = kManyThreads;
  }
}

void Memory::check_bytes(std::int64_t offset, std::int64_t bytes, bool writes, DeviceStream stream, const char* by) {
  if (offset < 0 || bytes < 0 || offset + bytes > size_)
    fail("sim", "bytes inside one block of " + std::to_string(size_),
         std::to_string(bytes) + " bytes at byte " + std::to_string(offset));
  touches_.note(stream, begin(stream), by, writes);
  if (writes && offset == 0 && bytes == size_) {
    written_ = true;
    cells_.reset();
    granule_ = 0;
    return;
  }
  if (!cells_) {
    if (written_ && !writes) return;
    cut(offset % 4 == 0 && bytes % 4 == 0 ? 4 : 1);
  }
  if (writes && (offset % granule_ || bytes % granule_)) cut(1);
  for (auto i = offset / granule_; i * granule_ < offset + bytes; ++i) {
    Cell& c = cells_[static_cast<std::size_t>(i)];
    if (writes)
      c.write = {kHost, 0, 0, 0};
    else if (c.write.launch == 0)
      fail("sim", "bytes that were written",
           "an element at byte " + std::to_string(i * granule_) + " of " + std::to_string(size_) +
               " that nobody has written");
  }
}

DeviceDriver& driver() { return sim_driver(); }

Located locate(const void* address) { return sim_driver().find(address); }

void* reach(const void* address, std::int64_t bytes, bool writes, DeviceStream stream, const char* by) {
  const std::lock_guard lock(turn());
  const auto [memory, offset] = locate(address);
  memory->check_bytes(offset, bytes, writes, stream, by);
  return memory->bytes() + offset;
}

void* reach_matrix(const void* address, std::int64_t rows, std::int64_t columns, std::int64_t ld, std::int64_t size,
                   bool writes, Part part) {
  const std::lock_guard lock(turn());
  if (rows == 0 || columns == 0) return nullptr;
  const auto [memory, offset] = locate(address);
  const bool in_one_piece = part == Part::all && ld == rows;
  if (in_one_piece) memory->check_bytes(offset, rows * columns * size, writes, DeviceStream::compute, kLibrary);
  for (std::int64_t j = 0; j < columns && !in_one_piece; ++j) {
    const auto first = part == Part::lower ? std::min(j, rows) : 0,
               last = part == Part::upper ? std::min(j + 1, rows) : rows;
    memory->check_bytes(offset + (j * ld + first) * size, (last - first) * size, writes, DeviceStream::compute,
                        kLibrary);
  }
  return memory->bytes() + offset;
}

}  // namespace stein::detail::sim
