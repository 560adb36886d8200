// SPDX-License-Identifier: MIT
// The streams of the simulated device: that its checker finds what is missing between them.
#define STEIN_UNIT sim
#define STEIN_DEVICE_UNIT 1
#include <catch2/catch.hpp>
#include <cstring>

#include "tensor/detail/device_memory.h"
#include "tensor/detail/transfer.h"
#include "tensor/kernel.h"
#include "tensor/tensor.h"
#include "tests/support/error_of.h"

using namespace stein;
using Catch::Contains;
using detail::DeviceStream;
using detail::Transfer;
using stein::test::error_of;

namespace {

// Kernels that read and write n floats.
struct Add {
  static constexpr const char* name = "add_one";
  sim::View<const float> in;
  sim::View<float> out;
  std::int64_t n;
  void operator()(sim::Block& block) const {
    block.threads([&](int t) {
      for (auto i = block.first(t); i < n; i += block.step()) out[i] = in[i] + 1;
    });
  }
};

// The words of a device without what the allocator adds: memory, streams and nothing in between.
struct Bare {
  detail::DeviceDriver& driver = detail::sim::driver();
  void* block = driver.obtain(64);
  float host[16] = {};
  ~Bare() { driver.release(block, 64); }

  float* lend() { return static_cast<float*>(driver.lend(block, sizeof host)); }
  void upload(float* to, DeviceStream stream) { driver.upload(to, host, sizeof host, stream); }
  void compute(const float* in, float* out) { sim::launch(Add{in, out, 16}, {1, 32}); }
};

}  // namespace

TEST_CASE("memory freed on sim is found although its block is used again", "[sim][memory]") {
  float* gone = nullptr;
  {
    Tensor t = zeros({16}, f32, simulated);
    gone = static_cast<float*>(const_cast<void*>(t.raw()));
  }
  const Tensor next = zeros({16}, f32, simulated);
  CHECK(next.raw() != gone);
  CHECK_THAT(error_of([&] { sim::View<float> dangling(gone); }), Contains("memory that was freed"));
}

TEST_CASE("planted on sim: a copy in its own stream that nobody waits for", "[sim][streams]") {
  Bare d;
  float* in = d.lend();
  Tensor out = zeros({16}, f32, simulated);
  auto* to = static_cast<float*>(const_cast<void*>(out.raw()));
  d.host[3] = 7;
  d.upload(in, DeviceStream::copy);
  CHECK(error_of([&] { d.compute(in, to); }) ==
        "[sim] expected an event between two streams that use the same memory, one of them writing; got add_one in the "
        "stream of "
        "kernels reads what an upload in the stream of copies may still have to write");
  CHECK_THAT(error_of([&] { d.driver.download(d.host, in, 64); }),
             Contains("a download in the stream of kernels reads"));
  d.driver.wait(DeviceStream::compute, *d.driver.record(DeviceStream::copy));
  d.compute(in, to);
  CHECK(out.to_vector<float>()[3] == 8);
  // An event of before the copy is no help for the next one.
  const auto early = d.driver.record(DeviceStream::copy);
  d.driver.wait(DeviceStream::copy, *d.driver.record(DeviceStream::compute));
  d.upload(in, DeviceStream::copy);
  d.driver.wait(DeviceStream::compute, *early);
  CHECK_THAT(error_of([&] { d.compute(in, to); }), Contains("an event between two streams"));
  d.driver.take_back(in);
}

TEST_CASE("planted on sim: use after free across streams", "[sim][streams]") {
  const Tensor source = zeros({16}, f32, simulated);
  const auto* from = static_cast<const float*>(source.raw());
  Bare d;
  const auto used_by_a_kernel = [&] {
    float* t = d.lend();
    d.compute(from, t);
    d.driver.take_back(t);  // the host lets go of it; the kernel may not have begun
  };
  used_by_a_kernel();
  float* t = d.lend();
  CHECK(error_of([&] { d.upload(t, DeviceStream::copy); }) ==
        "[sim] expected an event between two streams that use the same memory, one of them writing; got an upload in "
        "the stream of "
        "copies writes what add_one in the stream of kernels may still have to write");
  d.driver.wait(DeviceStream::copy, *d.driver.record(DeviceStream::compute));
  d.upload(t, DeviceStream::copy);
  d.driver.take_back(t);
  // The other way round: a copy under way into memory that kernels have by now.
  t = d.lend();
  CHECK_THAT(error_of([&] { d.compute(from, t); }), Contains("add_one in the stream of kernels writes what an upload"));
  d.driver.wait(*d.driver.record(DeviceStream::copy));  // the host may wait, too
  d.compute(from, t);
  d.driver.take_back(t);
  // Read by a kernel, then overwritten by a copy.
  t = d.lend();
  d.upload(t, DeviceStream::compute);
  Tensor out = zeros({16}, f32, simulated);
  d.driver.wait(DeviceStream::copy, *d.driver.record(DeviceStream::compute));
  d.compute(t, static_cast<float*>(const_cast<void*>(out.raw())));
  CHECK_THAT(error_of([&] { d.upload(t, DeviceStream::copy); }),
             Contains("what add_one in the stream of kernels may still have to read"));
  d.driver.take_back(t);
}

TEST_CASE("planted on sim: pinned memory that is written again before its copy is over", "[sim][streams]") {
  Bare d;
  float* t = d.lend();
  d.host[0] = 1;
  d.upload(t, DeviceStream::compute);
  d.host[0] = 2;  // too early
  float back[16];
  d.driver.download(back, t, sizeof back);
  d.driver.wait(*d.driver.record(DeviceStream::compute));
  CHECK(back[0] == 2);  // what was written too early arrives, as it may on a GPU
  CHECK_FALSE(d.driver.reached(*[&] {
    d.upload(t, DeviceStream::compute);
    return d.driver.record(DeviceStream::compute);
  }()));
  d.driver.take_back(t);
}

TEST_CASE("transfers to sim overlap with kernels: their memory is ordered whoever had it", "[sim][streams]") {
  const auto before = detail::device_synchronisations();
  const auto live = memory_stats(simulated).live_bytes;
  {
    Transfer on_its_way, unused;
    Tensor total = zeros({16}, f32, simulated);
    for (int i = 0; i < 10; ++i) {
      Transfer next(full({16}, i), simulated);
      unused = Transfer(full({16}, -1), simulated);  // destroyed on its way: its memory is used by the next kernels
      if (i > 0) {
        const Tensor x = on_its_way.arrive();
        Tensor sum = empty({16}, f32, simulated);
        sim::launch(Add{static_cast<const float*>(x.raw()), static_cast<float*>(const_cast<void*>(sum.raw())), 16},
                    {1, 32});
        total = sum;
      }
      on_its_way = std::move(next);
    }
    CHECK(detail::device_synchronisations() == before);
    CHECK(total.to_vector<float>() == std::vector<float>(16, 9));
    CHECK(equal(detail::copy_to(on_its_way.arrive(), cpu), full({16}, 9)));
    const Tensor images = empty_channels_last({2, 3, 4, 4}, f32).fill_(3);
    Transfer t(images, simulated);
    CHECK(t.arrive().strides() == images.strides());
    CHECK(Transfer(images, cpu).arrive().raw() == images.raw());
  }
  CHECK(memory_stats(simulated).live_bytes == live);
}
