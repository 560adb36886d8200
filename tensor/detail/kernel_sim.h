// SPDX-License-Identifier: MIT
// Part of tensor/kernel.h: the simulated launch. The threads of a block take turns in another order each phase, the same in every
// run, and the blocks in one with no pattern; whatever they touch is checked (tensor/detail/sim_memory.h).
#pragma once

#include <cstring>
#include <list>
#include <numeric>
#include <string>
#include <typeinfo>
#include <vector>

#include "tensor/detail/sim_memory.h"
#include "tensor/error.h"

#define STEIN_KERNEL
#define STEIN_UNROLL
#define STEIN_FOUR_AT_ONCE
#define STEIN_SHARED(type, name, count) auto name = block.template shared<type>(count, __FILE__, __LINE__)

namespace stein::STEIN_UNIT {

/// Elements of type T in device memory; View<const T> for reading.
template <class T>
class View {
  using Value = std::remove_const_t<T>;

 public:
  View() = default;
  /// From a device address; null: no elements. Throws Error for an address of the host's.
  View(T* address) {
    if (!address) return;
    const auto at = ::stein::detail::sim::locate(address);
    memory_ = at.memory;
    offset_ = at.offset;
  }
  explicit View(::stein::detail::sim::Memory& shared) : memory_(&shared) {}
  explicit operator bool() const { return memory_; }

  /// An element that is being assigned to.
  class Element {
   public:
    Element(const View& view, std::int64_t i) : view_(view), i_(i) {}
    operator Value() const { return view_.read(i_); }
    const Element& operator=(Value v) const {
      view_.write(i_, v);
      return *this;
    }
    const Element& operator=(const Element& other) const { return *this = static_cast<Value>(other); }
    const Element& operator+=(Value v) const { return *this = static_cast<Value>(view_.read(i_) + v); }

   private:
    const View& view_;
    std::int64_t i_;
  };

  auto operator[](std::int64_t i) const {
    if constexpr (std::is_const_v<T>)
      return read(i);
    else
      return Element(*this, i);
  }
  /// Makes element i, an integer, 1: true for the one thread that found 0 there. Threads may claim it at once, by an atomic
  /// exchange; so this is no race.
  bool claim(std::int64_t i) const {
    const auto at = offset_ + i * static_cast<std::int64_t>(sizeof(T));
    if (!memory_) fail("sim", "an element of memory", "one of a View of nothing");
    memory_->check_bytes(at, sizeof(T), false, ::stein::detail::DeviceStream::compute, "an atomic exchange");
    Value v;
    std::memcpy(&v, memory_->bytes() + at, sizeof v);
    if (v != 0) return false;
    v = 1;
    std::memcpy(memory_->bytes() + at, &v, sizeof v);
    return true;
  }
  /// Elements i to i + kCount - 1 at once. Throws Error when their address is no multiple of their size together.
  template <int kCount>
  Pack<Value, kCount> load(std::int64_t i) const {
    check_alignment(i, kCount);
    Pack<Value, kCount> r;
    for (int k = 0; k < kCount; ++k) r.at[k] = read(i + k);
    return r;
  }
  template <int kCount>
  void store(std::int64_t i, const Pack<Value, kCount>& pack) const {
    check_alignment(i, kCount);
    for (int k = 0; k < kCount; ++k) write(i + k, pack.at[k]);
  }
  /// The elements from number i on.
  View operator+(std::int64_t i) const {
    View v = *this;
    v.offset_ += i * static_cast<std::int64_t>(sizeof(T));
    return v;
  }

 private:
  Value read(std::int64_t i) const {
    const auto at = checked(i, false);
    Value v;
    std::memcpy(&v, memory_->bytes() + at, sizeof v);
    return v;
  }
  void write(std::int64_t i, Value v) const {
    const auto at = checked(i, true);
    std::memcpy(memory_->bytes() + at, &v, sizeof v);
  }
  void check_alignment(std::int64_t i, int count) const {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if ((offset_ + i * size) % (count * size))
      fail("sim",
           "an address that is a multiple of " + std::to_string(count * size) + " for " + std::to_string(count) +
               " elements at once",
           "byte " + std::to_string(offset_ + i * size));
  }
  std::int64_t checked(std::int64_t i, bool writes) const {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    if (!memory_) fail("sim", "an element of memory", "one of a View of nothing");
    if (offset_ % size)
      fail("sim", "an address that is a multiple of " + std::to_string(size), std::to_string(offset_));
    memory_->check(offset_ + i * size, size, writes);
    return offset_ + i * size;
  }

  ::stein::detail::sim::Memory* memory_ = nullptr;
  std::int64_t offset_ = 0;
};

/// A value for each thread of a block: a register.
template <class T>
class Local {
 public:
  explicit Local(int threads, T value = {}) : values_(static_cast<std::size_t>(threads), Register{value}) {}
  /// Throws Error when a thread asks for another's.
  T& operator[](int t) {
    if (t != ::stein::detail::sim::place.thread) fail("sim", "a thread's own register", "another thread's");
    return values_[static_cast<std::size_t>(t)].value;
  }

 private:
  friend class Block;
  struct Register {
    T value;
  };
  std::vector<Register> values_;
};

/// One block of threads.
class Block {
 public:
  Block(std::int64_t index, const Grid& grid)
      : index_(index), grid_(grid), order_(static_cast<std::size_t>(grid.threads)) {
    for (std::size_t t = 0; t < order_.size(); ++t) order_[t] = static_cast<std::uint16_t>(t);
  }

  int size() const { return grid_.threads; }
  std::int64_t index() const { return index_; }
  std::int64_t count() const { return grid_.blocks; }
  /// Where thread t begins a loop over elements that all threads of the launch share, and how far it steps.
  std::int64_t first(int t) const { return index_ * grid_.threads + t; }
  std::int64_t step() const { return grid_.blocks * grid_.threads; }

  template <class T>
  Local<T> local(T value = {}) const {
    return Local<T>(grid_.threads, value);
  }

  /// f(t) by every thread; without a barrier.
  template <class F>
  void threads(const F& f) {
    auto& place = ::stein::detail::sim::place;
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[draw() % i]);
    for (const auto t : order_) {
      place.thread = t;
      f(static_cast<int>(t));
    }
  }
  /// The same, and a barrier.
  template <class F>
  void phase(const F& f) {
    threads(f);
    ++::stein::detail::sim::place.phase;
  }
  /// The value of the thread `delta` further on in the warp of 32; its own at the end of the warp.
  template <class T>
  Local<T> shuffle_down(const Local<T>& values, int delta) {
    Local<T> r = values;
    for (std::size_t t = 0; t < values.values_.size(); ++t)
      if (t % 32 + static_cast<std::size_t>(delta) < 32)
        r.values_[t] = values.values_[t + static_cast<std::size_t>(delta)];
    return r;
  }

  /// Memory for `count` elements that the block's threads share, at first unwritten; the same one each time this line is come to,
  /// as on a GPU.
  template <class T>
  View<T> shared(std::int64_t count, const char* file, int line) {
    const std::string place = std::string(file) + ":" + std::to_string(line) + typeid(T).name();
    for (auto& room : shared_)
      if (room.place == place) return View<T>(room.memory);
    auto& room = shared_.emplace_back();
    room.place = place;
    room.bytes.resize(static_cast<std::size_t>(count) * sizeof(T), char{0x7b});
    room.memory = {room.bytes.data(), static_cast<std::int64_t>(room.bytes.size())};
    return View<T>(room.memory);
  }

 private:
  std::uint32_t draw() {  // xorshift: any order will do
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    return random_ ^= random_ << 5;
  }
  struct Shared {
    std::string place;
    std::vector<char> bytes;
    ::stein::detail::sim::Memory memory;
  };

  std::int64_t index_;
  Grid grid_;
  std::vector<std::uint16_t> order_;
  std::uint32_t random_ = 2463534242u + static_cast<std::uint32_t>(index_);
  std::list<Shared> shared_;
};

/// Block after block.
template <class K>
void run(const K& kernel, const Grid& grid) {
  const std::lock_guard lock(::stein::detail::sim::turn());
  struct Running {
    explicit Running(const char* name) {
      ::stein::detail::sim::kernel = name;
      ::stein::detail::sim::place = {::stein::detail::sim::next_launch(), 0, 0, 0};
    }
    ~Running() { ::stein::detail::sim::kernel = nullptr; }
  } running(K::name);
  // Blocks in an order with no pattern that a kernel could rely on: in steps of a number without common factors.
  std::int64_t stride = 7919 % grid.blocks;
  while (stride < 1 || std::gcd(stride, grid.blocks) != 1) ++stride;
  std::int64_t b = grid.blocks / 2;
  for (std::int64_t i = 0; i < grid.blocks; ++i, b = (b + stride) % grid.blocks) {
    ::stein::detail::sim::place.block = static_cast<std::uint32_t>(b);
    ::stein::detail::sim::place.phase = 0;
    Block block(b, grid);
    kernel(block);
  }
}

/// Runs a kernel. Throws Error for what a GPU would answer with a fault, a race or silence.
template <class K>
void launch(const K& kernel, const Grid& grid) {
  static_assert(std::is_trivially_copyable_v<K>);
  if (grid.blocks == 0) return;
  if (grid.blocks < 0 || grid.blocks > 0x7fffffff || grid.threads < 32 || grid.threads > 1024 || grid.threads % 32)
    fail(K::name, "at most 2^31 - 1 blocks of 32, 64, ... 1024 threads",
         std::to_string(grid.blocks) + " of " + std::to_string(grid.threads));
  ::stein::detail::sim::ask([kernel, grid] { run(kernel, grid); });
}

}  // namespace stein::STEIN_UNIT
