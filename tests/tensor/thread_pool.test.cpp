// SPDX-License-Identifier: MIT
#include "tensor/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tensor/blas.h"
#include "tensor/random.h"
#include "tensor/recording.h"
#include "tests/support/skip.h"

using namespace stein;

namespace {

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

Ranges ranges_of(std::int64_t n, std::int64_t grain) {
  Ranges r;
  std::mutex mutex;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::lock_guard lock(mutex);
    r.emplace_back(begin, end);
  });
  std::sort(r.begin(), r.end());
  return r;
}

struct RestoreThreads {
  int threads = num_threads();
  ~RestoreThreads() { set_num_threads(threads); }
};

std::int64_t parallel_sum(std::int64_t n, std::int64_t grain) {
  std::atomic<std::int64_t> sum{0};
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) sum.fetch_add(i, std::memory_order_relaxed);
  });
  return sum;
}

}  // namespace

TEST_CASE("parallel_for: ranges depend on n and grain, not on threads", "[pool]") {
  const RestoreThreads restore;
  for (auto [n, grain] : {std::pair{100, 7}, {100, 100}, {100, 1000}, {1, 1}, {1000, 1}, {64, 16}}) {
    Ranges expected;
    for (std::int64_t i = 0; i < n; i += grain) expected.emplace_back(i, std::min<std::int64_t>(n, i + grain));
    for (int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      CHECK(num_threads() == threads);
      CHECK(ranges_of(n, grain) == expected);
    }
  }
  CHECK(ranges_of(0, 4).empty());
  CHECK(ranges_of(-5, 4).empty());
  CHECK(ranges_of(3, 0) == Ranges{{0, 1}, {1, 2}, {2, 3}});
}

TEST_CASE("parallel_for: work is spread over the pool's threads", "[pool]") {
  const RestoreThreads restore;
  set_num_threads(3);
  // Every range waits until three are at work at once: that takes three threads.
  std::atomic<int> arrived{0};
  parallel_for(3, 1, [&](std::int64_t, std::int64_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  CHECK(arrived == 3);
}

TEST_CASE("parallel_for: exceptions come back with their type, and the pool lives on", "[pool]") {
  const RestoreThreads restore;
  for (int threads : {1, 4}) {
    set_num_threads(threads);
    for (int i = 0; i < 20; ++i) {
      CHECK_THROWS_WITH(parallel_for(100, 1,
                                     [](std::int64_t b, std::int64_t) {
                                       if (b == 57) fail("body", "57", "57");
                                     }),
                        "[body] expected 57; got 57");
      CHECK_THROWS_AS(parallel_for(100, 1, [](std::int64_t, std::int64_t) { throw std::out_of_range("x"); }),
                      std::out_of_range);
      CHECK(parallel_sum(1000, 10) == 499500);
    }
  }
}

TEST_CASE("parallel_for: calls from a body run there", "[pool]") {
  const RestoreThreads restore;
  set_num_threads(4);
  std::atomic<std::int64_t> sum{0};
  std::atomic<bool> elsewhere{false};
  parallel_for(20, 1, [&](std::int64_t, std::int64_t) {
    const auto me = std::this_thread::get_id();
    parallel_for(50, 5, [&](std::int64_t begin, std::int64_t end) {
      if (std::this_thread::get_id() != me) elsewhere = true;
      for (auto i = begin; i < end; ++i) sum += i;
    });
  });
  CHECK(sum == 20 * 1225);
  CHECK_FALSE(elsewhere);
}

TEST_CASE("parallel_for: several threads may call it at once", "[pool]") {
  const RestoreThreads restore;
  set_num_threads(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&, c] {
      for (int i = 0; i < 200; ++i) {
        const std::int64_t n = 100 + 10 * c + i;
        if (parallel_sum(n, 7) != n * (n - 1) / 2) ++wrong;
      }
    });
  for (auto& t : callers) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("set_num_threads: while others compute, from a body, and wrong numbers", "[pool]") {
  const RestoreThreads restore;
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread caller([&] {
    while (!stop)
      if (parallel_sum(500, 3) != 124750) ++wrong;
  });
  for (int i = 0; i < 30; ++i) set_num_threads(1 + i % 4);
  stop = true;
  caller.join();
  CHECK(wrong == 0);
  CHECK_THROWS_WITH(set_num_threads(0), "[set_num_threads] expected at least 1 thread; got 0");
  set_num_threads(2);
  CHECK_THROWS_WITH(parallel_for(4, 1, [](std::int64_t, std::int64_t) { set_num_threads(3); }),
                    "[set_num_threads] expected a call from outside parallel_for; got one from a body");
  CHECK(num_threads() == 2);
}

TEST_CASE("products computed at once by the pool are bit-equal to serial ones", "[pool]") {
  const RestoreThreads restore;
  set_num_threads(4);
  const std::int64_t m = 65, n = 70, k = 129, count = 24;
  Generator g(1);
  const Tensor a = randn({count, m, k}, g), b = randn({k, n}, g);
  const float *pa = a.data<float>(), *pb = b.data<float>();
  const auto product = [&](std::vector<float>& c, std::int64_t i) {
    gemm(false, false, m, n, k, 1.0f, pa + i * m * k, k, pb, n, 0.0f, c.data() + i * m * n, n);
  };
  std::vector<float> serial(static_cast<std::size_t>(count * m * n)), parallel(serial.size());
  for (std::int64_t i = 0; i < count; ++i) product(serial, i);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::fill(parallel.begin(), parallel.end(), -1.0f);
    parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) product(parallel, i);
    });
    REQUIRE(std::memcmp(serial.data(), parallel.data(), serial.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("gemm: transposes, leading dimensions, alpha and beta") {
  Generator g(2);
  const auto a = randn({7, 7}, g, f64).to_vector<double>(), b = randn({7, 7}, g, f64).to_vector<double>();
  const std::size_t ld = 7, m = 3, n = 4, k = 5;
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      std::vector<double> c(ld * ld, 2.0), expected = c;
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < n; ++j) {
          double s = 0;
          for (std::size_t l = 0; l < k; ++l)
            s += (ta ? a[l * ld + i] : a[i * ld + l]) * (tb ? b[j * ld + l] : b[l * ld + j]);
          expected[i * ld + j] = 0.5 * s + 3 * 2.0;
        }
      gemm(ta, tb, m, n, k, 0.5, a.data(), ld, b.data(), ld, 3.0, c.data(), ld);
      for (std::size_t i = 0; i < c.size(); ++i) REQUIRE(c[i] == Approx(expected[i]).epsilon(1e-13));
    }
  float x = 0;
  CHECK_THROWS_WITH(gemm(false, false, std::int64_t{1} << 31, 1, 1, 1.0f, &x, 1, &x, 1, 0.0f, &x, 1),
                    "[gemm] expected sizes below 2^31; got 2147483648");
  CHECK(blas_info().find("one thread") != std::string::npos);
}

TEST_CASE("threads: the pool's are all there are once something was multiplied") {
  if (!std::filesystem::exists("/proc/self/task")) stein::test::skip("no /proc/self/task");
#if defined(__SANITIZE_THREAD__)
  stein::test::skip("ThreadSanitizer has a thread of its own");
#endif
  const RestoreThreads restore;
  set_num_threads(2);
  float x = 1, y = 0;
  gemm(false, false, 1, 1, 1, 1.0f, &x, 1, &x, 1, 0.0f, &y, 1);
  const auto tasks = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); };
  for (int i = 0; i < 1000 && tasks() != 2; ++i)  // one that was joined may be listed a little longer
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(tasks() == 2);
}

TEST_CASE("parallel_for: a grain as large as can be", "[pool]") {
  for (const std::int64_t grain : {INT64_MAX, INT64_MAX - 5}) {
    CHECK(parallel_sum(5, grain) == 10);
    CHECK(ranges_of(5, grain) == Ranges{{0, 5}});
  }
  const auto half = INT64_MAX / 2 + 1;
  CHECK(ranges_of(INT64_MAX, half) == Ranges{{0, half}, {half, INT64_MAX}});
}

TEST_CASE("parallel_for: bodies record as their caller does, and one range is inside as well", "[pool]") {
  const RestoreThreads restore;
  set_num_threads(3);
  for (const bool off : {true, false}) {
    const NoGrad guard(off);
    std::atomic<int> arrived{0}, recording{0};
    parallel_for(3, 1, [&](std::int64_t, std::int64_t) {
      recording += is_recording();
      ++arrived;
      while (arrived < 3) std::this_thread::yield();
    });
    CHECK(recording == (off ? 0 : 3));
  }
  CHECK_THROWS_WITH(parallel_for(1, 1, [](std::int64_t, std::int64_t) { set_num_threads(2); }),
                    Catch::Contains("got one from a body"));
  CHECK_THROWS_WITH(set_num_threads(1000), "[set_num_threads] expected at most 256 threads; got 1000");
}
