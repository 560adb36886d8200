// SPDX-License-Identifier: MIT
// The simulated device: its checker finds what it is there for.
#define STEIN_UNIT sim
#define STEIN_DEVICE_UNIT 1
#include "tensor/kernel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tensor/tensor.h"
#include "tests/support/error_of.h"

using namespace stein;
using sim::Block;
using sim::Grid;
using sim::launch;
using sim::View;
using stein::test::error_of;

namespace {

float* device(Tensor& t) { return static_cast<float*>(const_cast<void*>(t.raw())); }

// A kernel from a lambda f(block).
template <class F>
struct Kernel {
  static constexpr const char* name = "test";
  F f;
  void operator()(Block& block) const { f(block); }
};
template <class F>
void run(const Grid& grid, const F& f) {
  launch(Kernel<F>{f}, grid);
}

Tensor ramp(std::int64_t n) { return detail::copy_to(arange(0, static_cast<double>(n)), simulated); }

}  // namespace

TEST_CASE("the host that follows an address of the simulated device is stopped", "[sim]") {
  Tensor t = zeros({4}, f32, simulated);
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    ::signal(SIGBUS, SIG_DFL);
    [[maybe_unused]] volatile float x = *device(t);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("a correct kernel runs: combine adds up whatever the order of threads", "[sim]") {
  for (const int threads : {32, 256, 1024}) {
    Tensor in = ramp(5000), out = zeros({3}, f32, simulated);
    const View<const float> x(device(in));
    const View<float> y(device(out));
    run({3, threads}, [=](Block& block) {
      auto part = block.local<float>(0);
      block.threads([&](int t) {
        for (std::int64_t i = t; i < 1000; i += block.size()) part[t] += x[block.index() * 1000 + i];
      });
      const float all = combine(block, part, 0.f, [](float a, float b) { return a + b; });
      block.phase([&](int t) {
        if (t == 5) y[block.index()] = all;
      });
    });
    CHECK(out.to_vector<float>() == std::vector<float>{499500, 1499500, 2499500});
  }
}

TEST_CASE("of threads that claim an element at once one gets it, and that is no race", "[sim]") {
  Tensor claimed = zeros({2}, i64, simulated), winner = zeros({1}, f32, simulated);
  const View<std::int64_t> flags(static_cast<std::int64_t*>(const_cast<void*>(claimed.raw())));
  const View<float> by(device(winner));
  for (int launch = 0; launch < 2; ++launch)
    run({3, 64}, [=](Block& block) {
      block.threads([&](int t) {
        if (flags.claim(1)) by[0] += static_cast<float>(1000 + block.first(t));
      });
    });
  CHECK(claimed.to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 1});
  CHECK(winner.item() >= 1000);
  CHECK(winner.item() < 1192);  // once
}

TEST_CASE("planted faults are found: barriers, races, bounds, freed and unwritten memory", "[sim]") {
  Tensor a = ramp(64), b = zeros({64}, f32, simulated);
  const View<const float> in(device(a));
  const View<float> out(device(b));
  using Catch::Contains;

  // Neighbours' values by way of shared memory: right with a barrier, a race without.
  const auto neighbours = [&](bool barrier) {
    run({1, 64}, [=](Block& block) {
      STEIN_SHARED(float, room, 64);
      const auto write = [&](int t) { room[t] = in[t]; };
      barrier ? block.phase(write) : block.threads(write);
      block.phase([&](int t) { out[t] = room[(t + 1) % 64]; });
    });
  };
  neighbours(true);
  CHECK(b.to_vector<float>()[63] == 0);
  CHECK(b.to_vector<float>()[5] == 6);
  CHECK_THAT(error_of([&] { neighbours(false); }),
             Contains("expected a barrier between two threads") && Contains("kernel test"));
  // Shared memory in a loop is the same memory in every round.
  CHECK_THAT(error_of([&] {
               run({1, 64}, [=](Block& block) {
                 for (int round = 0; round < 2; ++round) {
                   STEIN_SHARED(float, room, 64);
                   block.phase([&](int t) { room[t] = in[t]; });
                   block.threads([&](int t) { out[t] = room[(t + 1) % 64]; });
                 }
               });
             }),
             Contains("expected a barrier between two threads"));

  CHECK_THAT(error_of([&] {
               run({1, 32}, [=](Block& block) { block.threads([&](int) { out[0] = 1; }); });
             }),
             Contains("a barrier between two threads"));
  // A barrier stands between the threads of one block only.
  CHECK_THAT(error_of([&] {
               run({2, 32}, [=](Block& block) {
                 block.phase([&](int t) {
                   if (t == 0 && block.index() == 0) out[0] = 1;
                 });
                 block.phase([&](int t) {
                   if (t == 0) out[1 + block.index()] = out[0];
                 });
               });
             }),
             Contains("of block 0 wrote") || Contains("of block 1 read"));
  CHECK_THAT(error_of([&] {
               run({3, 32}, [=](Block& block) { block.threads([&](int t) { out[block.first(t)] = 1; }); });
             }),
             Contains("an access inside the memory") && Contains("of 256"));
  CHECK_THAT(error_of([&] {
               run({1, 32}, [=](Block& block) { block.threads([&](int t) { out[t] = in[t - 1]; }); });
             }),
             Contains("an access inside the memory"));
  CHECK_THAT(error_of([&] {
               Tensor fresh = empty({4}, f32, simulated);
               const View<const float> nobody(device(fresh));
               run({1, 32}, [=](Block& block) {
                 block.threads([&](int t) {
                   if (t < 4) out[t] = nobody[t];
                 });
               });
             }),
             Contains("which nobody has written"));
  CHECK_THAT(error_of([&] {
               float* gone = nullptr;
               {
                 Tensor t = zeros({4}, f32, simulated);
                 gone = device(t);
               }
               View<float> dangling(gone);
             }),
             Contains("memory that was freed"));
  CHECK_THAT(error_of([&] {
               float host = 0;
               View<float> v(&host);
             }),
             Contains("one of the host's"));
  CHECK_THAT(error_of([&] { View<float>(device(b))[0] = 1; }), Contains("a kernel that runs"));
  CHECK_THAT(error_of([&] {
               run({1, 32}, [=](Block& block) {
                 auto r = block.local<float>(0);
                 block.threads([&](int t) { out[t] = r[(t + 1) % 32]; });
               });
             }),
             Contains("a thread's own register"));
  CHECK_THAT(error_of([&] {
               run({1, 32}, [=](Block& block) { block.threads([&](int t) { out[t] = in.load<2>(2 * t + 1).at[0]; }); });
             }),
             Contains("an address that is a multiple of 8 for 2 elements at once"));
  CHECK_THAT(
      error_of([&] {
        run({1, 32}, [=](Block& block) { block.threads([&](int t) { out.store(4 * t, in.load<4>(4 * (t % 16))); }); });
      }),
      Contains("an access inside the memory"));
  CHECK_THAT(error_of([&] {
               run({1, 32}, [=](Block& block) {
                 block.threads([&](int t) { out.store(t / 2 * 4, in.load<4>(4 * (t % 16))); });
               });
             }),
             Contains("a barrier between two threads"));
  CHECK_THAT(error_of([&] { run({1, 40}, [](Block&) {}); }), Contains("1024 threads"));
}
