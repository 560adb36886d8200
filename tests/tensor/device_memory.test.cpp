// SPDX-License-Identifier: MIT
// Memory of a device other than the cpu: what is counted and kept, what happens when it runs out, and what the host waits for.
#include "tensor/detail/device_memory.h"

#include <catch2/catch.hpp>

#include "tensor/tensor.h"
#include "tests/support/device.h"
#include "tests/support/error_of.h"

using namespace stein;
using Catch::Contains;
using stein::test::error_of;
using stein::test::test_device;

namespace {

struct Unlimited {
  Device device;
  ~Unlimited() { set_memory_limit(INT64_MAX, device); }
};

}  // namespace

TEST_CASE("memory of " STEIN_TEST_DEVICE " is counted, kept and given back as the cpu's is", "[device][memory]") {
  const Device device = test_device();
  empty_cache(device);
  const auto before = memory_stats(device), host = memory_stats();
  reset_peak_memory(device);
  {
    const Tensor t = empty({1000}, f32, device);
    CHECK(memory_stats(device).live_bytes == before.live_bytes + 4096);
    CHECK(memory_stats(device).live_blocks == before.live_blocks + 1);
  }
  CHECK(memory_stats().live_bytes == host.live_bytes);
  CHECK(memory_stats(device).live_bytes == before.live_bytes);
  CHECK(memory_stats(device).peak_bytes == before.live_bytes + 4096);
  CHECK(memory_stats(device).cached_bytes == before.cached_bytes + 4096);
  {
    const Tensor t = empty({1024}, f32, device);  // the same block
    CHECK(memory_stats(device).cached_bytes == before.cached_bytes);
  }
  empty_cache(device);
  CHECK(memory_stats(device).cached_bytes == 0);
}

TEST_CASE(STEIN_TEST_DEVICE " out of memory says what was asked, is live and cached, and goes on", "[device][memory]") {
  const Device device = test_device();
  const Unlimited restore{device};
  empty_cache(device);
  const std::int64_t mb = 1 << 20, live = memory_stats(device).live_bytes;
  set_memory_limit(live + 10 * mb, device);
  {
    const Tensor large = ones({2 * mb}, f32, device);
    { const Tensor gone = empty({mb / 4}, f32, device); }
    CHECK_THAT(
        error_of([&] { empty({mb}, f32, device); }),
        Catch::StartsWith("[allocate] expected memory for 4194304 bytes on " + to_string(device) +
                          "; got none left; live " + std::to_string(live + 8 * mb) + " bytes, cached 1048576 bytes"));
    // What was there is there, and what fits is given.
    CHECK(large.to_vector<float>()[5] == 1);
    CHECK(ones({mb / 4}, f32, device).to_vector<float>()[7] == 1);
  }
  // The cached 8 MB stand in the way of 9 MB, and go.
  CHECK(memory_stats(device).cached_bytes >= 8 * mb);
  CHECK(zeros({9 * mb / 4}, f32, device).to_vector<float>()[9] == 0);
  CHECK(memory_stats(device).live_bytes == live);
  CHECK_THAT(error_of([&] { empty({std::int64_t{1} << 60}, f32, device); }),
             Contains("4611686018427387904 bytes on " + to_string(device)));
}

TEST_CASE("uploads to " STEIN_TEST_DEVICE " leave their source free and do not wait, downloads wait",
          "[device][streams]") {
  const Device device = test_device();
  const auto before = detail::device_synchronisations();
  Tensors here, there;
  for (int i = 0; i < 20; ++i) {
    Tensor source = full({300}, i);
    there.push_back(detail::copy_to(source, device));
    here.push_back(source.clone());
    source.fill_(-1);
  }
  CHECK(detail::device_synchronisations() == before);
  for (std::size_t i = 0; i < here.size(); ++i) CHECK(equal(detail::copy_to(there[i], cpu), here[i]));
  CHECK(detail::device_synchronisations() == before + 20);
}
