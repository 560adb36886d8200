// SPDX-License-Identifier: MIT
#include "tensor/storage.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tensor/detail/asan.h"
#include "tensor/detail/free_ranges.h"
#include "tensor/tensor.h"
#include "tests/support/skip.h"

using namespace stein;

namespace {

Ref<Storage> make(std::int64_t bytes) { return make_ref<Storage>(bytes); }

std::int64_t live_for(std::int64_t bytes) {
  const auto before = memory_stats().live_bytes;
  const auto s = make(bytes);
  return memory_stats().live_bytes - before;
}

struct RestoreLimit {
  ~RestoreLimit() { set_memory_limit(INT64_MAX); }
};

// Runs `crime` in a child process and returns what it wrote to stderr; empty when it survived.
std::string last_words(const std::function<void()>& crime) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    crime();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : text;
}

// Reads that no optimiser leaves out.
template <class T>
void look_at(const T* p) {
  [[maybe_unused]] volatile T x = *p;
}

}  // namespace

TEST_CASE("storage: block sizes waste at most an eighth and are 64-byte multiples") {
  for (auto [bytes, block] : {std::pair{0, 64},
                              {1, 64},
                              {64, 64},
                              {65, 128},
                              {1024, 1024},
                              {1025, 1152},
                              {1281, 1408},
                              {2048, 2048},
                              {2049, 2304},
                              {9 << 18, 9 << 18}})
    CHECK(live_for(bytes) == block);
  std::int64_t last = 0;
  for (std::int64_t bytes = 1; bytes < (1 << 22); bytes += 1 + bytes / 7) {
    const auto block = live_for(bytes);
    INFO(bytes);
    REQUIRE(block >= bytes);
    REQUIRE(block % 64 == 0);
    REQUIRE(block >= last);
    if (bytes > 1024) REQUIRE(static_cast<double>(block) <= 1.125 * static_cast<double>(bytes) + 64);
    last = block;
  }
}

TEST_CASE("storage: addresses are 64-byte aligned") {
  std::vector<Ref<Storage>> kept;
  for (std::int64_t bytes : {0, 1, 63, 64, 100, 1000, 1025, 5000, 100000, 3000000}) {
    kept.push_back(make(bytes));
    CHECK(reinterpret_cast<std::uintptr_t>(kept.back()->data()) % 64 == 0);
    CHECK(kept.back()->bytes() == bytes);
  }
}

TEST_CASE("storage: counts return to where they were, peaks stay") {
  const auto before = memory_stats();
  reset_peak_memory();
  CHECK(memory_stats().peak_bytes == before.live_bytes);
  {
    const auto a = make(1 << 20);
    CHECK(memory_stats().live_bytes == before.live_bytes + (1 << 20));
    CHECK(memory_stats().live_blocks == before.live_blocks + 1);
    const Tensor t = zeros({1000}), view = as_strided(t, {10}, {1}, 0), copy = t;
    CHECK(memory_stats().live_blocks == before.live_blocks + 2);
  }
  CHECK(memory_stats().live_bytes == before.live_bytes);
  CHECK(memory_stats().live_blocks == before.live_blocks);
  CHECK(memory_stats().peak_bytes == before.live_bytes + (1 << 20) + 4096);
}

TEST_CASE("storage: a freed block serves the next request of its size, until the cache is emptied") {
  for (std::int64_t bytes : {100, 5000, 1 << 20}) {
    auto s = make(bytes);
    const void* where = s->data();
    const auto cached = memory_stats().cached_bytes;
    s = nullptr;
    CHECK(memory_stats().cached_bytes > cached);
    s = make(bytes - 1);
    CHECK(s->data() == where);
    CHECK(memory_stats().cached_bytes == cached);
  }
  make(1 << 20);
  const auto cached = memory_stats().cached_bytes;
  empty_cache();
  CHECK(memory_stats().cached_bytes <= cached - (1 << 20));
}

TEST_CASE("storage: requests beyond the limit or beyond reason are errors") {
  const RestoreLimit restore;
  const std::int64_t mb = 1 << 20;
  empty_cache();
  const auto live = memory_stats().live_bytes;
  set_memory_limit(live + memory_stats().cached_bytes + 10 * mb);
  {
    const auto s = make(8 * mb);
    CHECK_THROWS_WITH(make(4 * mb),
                      Catch::StartsWith("[allocate] expected memory for 4194304 bytes; got none left; live " +
                                        std::to_string(live + 8 * mb) + " bytes, cached "));
    CHECK_THROWS_AS(zeros({mb}), Error);
  }
  // The cached 8 MB count. They serve 4 MB, or where no block is cut make way; they are in the way of 9 MB, and go.
  CHECK(make(4 * mb)->bytes() == 4 * mb);
  CHECK((memory_stats().cached_bytes >= 8 * mb) == !detail::kAsan);
  CHECK(make(9 * mb)->bytes() == 9 * mb);
  CHECK(memory_stats().live_bytes == live);
  empty_cache();
  {  // more than one block is made at a time, unless the limit is near
    set_memory_limit(INT64_MAX);
    const auto forty = make(40 * mb);
    set_memory_limit(memory_stats().live_bytes + memory_stats().cached_bytes + 2 * mb);
    CHECK(make(mb)->bytes() == mb);
  }
  CHECK(memory_stats().live_bytes == live);
  set_memory_limit(INT64_MAX);
  CHECK_THROWS_WITH(empty({std::int64_t{1} << 60}),
                    Catch::StartsWith("[allocate] expected memory for 4611686018427387904 bytes; got none left"));
  CHECK_THROWS_WITH(empty({std::int64_t{1} << 60, 2}, f64),
                    Catch::StartsWith("[empty] expected fewer than 2^63 bytes; got f64 (1152921504606846976, 2)"));
  CHECK(memory_stats().live_bytes == live);
}

TEST_CASE("storage: what blocks of one size leave serves blocks of another") {
  if (detail::kAsan) test::skip("with AddressSanitizer every block is memory of its own");
  const std::int64_t mb = 1 << 20;
  empty_cache();
  const auto of = [](int count, std::int64_t bytes) {
    std::vector<Ref<Storage>> blocks;
    for (int i = 0; i < count; ++i) blocks.push_back(make(bytes));
    return blocks;
  };
  const auto held = [] { return memory_stats().live_bytes + memory_stats().cached_bytes; };
  of(36, 2 * mb);
  const auto before = held();
  for (const std::int64_t bytes : {9 * mb / 4, mb / 16, 2 * mb}) {
    const auto kept = of(1, mb / 2);  // in the middle of it all
    of(static_cast<int>(54 * mb / bytes), bytes);
    CHECK(held() == before);
  }
  empty_cache();
  CHECK(held() <= before - 72 * mb);
}

TEST_CASE("storage: blocks of many sizes do not overlap", "[pool]") {
  const auto before = memory_stats();
  const auto make_and_free = [](std::uint32_t seed) {
    std::vector<std::pair<Ref<Storage>, unsigned char>> kept;
    const auto check = [](const auto& block) {
      const auto* p = static_cast<const unsigned char*>(block.first->data());
      for (std::int64_t k = 0; k < block.first->bytes(); k += 61)
        if (p[k] != block.second) return false;
      return p[block.first->bytes() - 1] == block.second;
    };
    bool all = true;
    std::uint32_t random = seed;
    const auto next = [&](std::uint32_t n) {
      random = random * 1664525 + 1013904223;
      return (random >> 9) % n;
    };
    for (int i = 0; i < 1500; ++i) {
      if (kept.size() > 40 || (!kept.empty() && next(3) == 0)) {
        const auto which = next(static_cast<std::uint32_t>(kept.size()));
        all = all && check(kept[which]);
        kept.erase(kept.begin() + which);
      } else {
        const auto block = make(1 + next(1 << (8 + next(13))));
        const auto mark = static_cast<unsigned char>(next(256));
        std::memset(block->data(), mark, static_cast<std::size_t>(block->bytes()));
        kept.emplace_back(block, mark);
      }
      if (i == 700) empty_cache();
    }
    for (const auto& block : kept) all = all && check(block);
    return all;
  };
  bool fine[3] = {};  // of each thread
  std::vector<std::thread> threads;
  for (std::uint32_t k = 0; k < 3; ++k) threads.emplace_back([&, k] { fine[k] = make_and_free(k + 1); });
  for (auto& t : threads) t.join();
  for (const bool one : fine) CHECK(one);
  CHECK(memory_stats().live_bytes == before.live_bytes);
  CHECK(memory_stats().live_blocks == before.live_blocks);
}

TEST_CASE("free ranges: neighbours of one segment are joined, the smallest that fits is cut, whole segments go") {
  alignas(64) static char memory[1024];
  detail::FreeRanges ranges;
  CHECK(ranges.take(1) == nullptr);
  ranges.add_segment(memory, 512);
  ranges.add_segment(memory + 512, 256);  // a neighbour by chance
  CHECK(ranges.take(513) == nullptr);
  void* a = ranges.take(256);
  CHECK(a == memory + 512);
  void *b = ranges.take(128), *c = ranges.take(128), *d = ranges.take(256);
  CHECK(b == memory);
  CHECK(c == memory + 128);
  CHECK(d == memory + 256);
  CHECK(ranges.take(1) == nullptr);
  CHECK_FALSE(ranges.remove_segment());
  ranges.give(b, 128);
  ranges.give(d, 256);
  CHECK(ranges.take(257) == nullptr);
  ranges.give(a, 256);
  CHECK(ranges.take(257) == nullptr);  // not joined over the end of a segment, from either side
  ranges.give(c, 128);
  void* all = ranges.take(512);
  CHECK(all == memory);
  ranges.give(all, 512);
  CHECK(ranges.take(513) == nullptr);
  for (const std::int64_t bytes : {512, 256}) {  // the largest first
    const auto segment = ranges.remove_segment();
    REQUIRE(segment);
    CHECK(segment->base == (bytes == 512 ? memory : memory + 512));
    CHECK(segment->bytes == bytes);
  }
  CHECK_FALSE(ranges.remove_segment());
  CHECK(ranges.take(1) == nullptr);
}

TEST_CASE("storage: blocks made, freed and passed between threads", "[pool]") {
  const auto before = memory_stats();
  std::vector<std::thread> threads;
  std::vector<Tensor> passed(4);
  for (std::size_t k = 0; k < passed.size(); ++k)
    threads.emplace_back([&passed, k] {
      for (int i = 0; i < 500; ++i) {
        Tensor a = full({i % 50 + 1}, static_cast<double>(k)), b = a.clone();
        passed[k] = b;
      }
    });
  for (auto& t : threads) t.join();
  for (std::size_t k = 0; k < passed.size(); ++k) CHECK(equal(passed[k], full({50}, static_cast<double>(k))));
  passed.clear();
  CHECK(memory_stats().live_bytes == before.live_bytes);
  CHECK(memory_stats().live_blocks == before.live_blocks);
}

TEST_CASE("storage under AddressSanitizer: use after free and one past the end are found", "[asan]") {
  if (!detail::kAsan) test::skip("not built with AddressSanitizer");
  const std::string report = "use-after-poison";
  Tensor t = ones({100});
  const float* p = t.data<float>();
  CHECK(last_words([&] { look_at(p + 99); }).empty());  // the last element is fine: the child lives
  CHECK_THAT(last_words([&] { look_at(p + 100); }), Catch::Contains(report));
  CHECK_THAT(last_words([&] { const_cast<float*>(p)[100] = 1; }), Catch::Contains(report));
  CHECK_THAT(last_words([&] { look_at(p + 127); }), Catch::Contains(report));  // the rest of the block
  CHECK_THAT(last_words([&] {
               t = Tensor();
               look_at(p);
             }),
             Catch::Contains(report));
  const Tensor bytes = zeros({13}, u8), none = zeros({0});  // an end that is no multiple of 8; no element at all
  CHECK(last_words([&] { look_at(bytes.data<std::uint8_t>() + 12); }).empty());
  CHECK_THAT(last_words([&] { look_at(bytes.data<std::uint8_t>() + 13); }), Catch::Contains(report));
  CHECK_THAT(last_words([&] { look_at(none.data<float>()); }), Catch::Contains(report));
  const Tensor large = zeros({1 << 16});  // a block of the shared lists, reused after it was freed
  const float* q = large.data<float>();
  CHECK_THAT(last_words([&] { look_at(q + (1 << 16)); }), Catch::Contains(report));
}

TEST_CASE("storage: blocks of sizes that are no longer asked for do not pile up") {
  empty_cache();
  reset_peak_memory();
  for (std::int64_t bytes = 1 << 20; bytes < (1 << 28); bytes += bytes / 5) make(bytes);
  const auto s = memory_stats();
  CHECK(s.live_bytes + s.cached_bytes <= 2 * s.peak_bytes + (64 << 20));
  empty_cache();
}

TEST_CASE("storage: emptying the cache empties this thread's own") {
  empty_cache();
  const auto before = memory_stats().cached_bytes;
  {
    std::vector<Ref<Storage>> small;
    for (int i = 0; i < 60; ++i) small.push_back(make(800));
  }
  CHECK(memory_stats().cached_bytes >= before + 60 * 832);
  empty_cache();
  CHECK(memory_stats().cached_bytes == before);
}
