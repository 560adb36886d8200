// SPDX-License-Identifier: MIT
#include "ops/detail/scratch.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <thread>

using namespace stein;

TEST_CASE("scratch memory: one block a thread, another one where that is lent or too large") {
  const auto before = memory_stats().live_bytes;
  const auto live = [&] { return memory_stats().live_bytes - before; };
  const void* kept = nullptr;
  {
    const Scratch outer(1000);
    kept = outer.data();
    CHECK(reinterpret_cast<std::uintptr_t>(kept) % 64 == 0);
    std::memset(outer.data(), 1, 1000);
    {
      const Scratch inner(1000);
      CHECK(inner.data() != kept);
      CHECK(live() >= 1000);
      std::memset(inner.data(), 2, 1000);
    }
    CHECK(static_cast<const unsigned char*>(kept)[999] == 1);
    const void* of_another = nullptr;
    std::thread([&] { of_another = Scratch(1000).data(); }).join();
    CHECK(of_another != kept);
  }
  CHECK(live() == 0);
  try {
    const Scratch again(900);
    CHECK((again.data() == kept || detail::kAsan));
    throw std::runtime_error("in a kernel");
  } catch (const std::runtime_error&) {}
  for (const std::int64_t bytes : {0, 64, 1 << 20, 1 << 22}) {
    const Scratch grown(bytes);
    CHECK((live() == 0 || detail::kAsan));
    std::memset(grown.data(), 3, static_cast<std::size_t>(bytes));
  }
  {
    const Scratch large((1 << 22) + 1);
    CHECK(live() > 1 << 22);
  }
  CHECK(live() == 0);
}
