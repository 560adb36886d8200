// SPDX-License-Identifier: MIT
#include "tensor/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/blas.h"
#include "tensor/error.h"
#include "tensor/recording.h"

namespace stein {
namespace {

using Body = std::function<void(std::int64_t, std::int64_t)>;

constexpr int kMostThreads = 256;

// True while this thread runs a body; for the pool's own threads always.
thread_local bool inside_pool = false;
class Inside {
 public:
  Inside() : before(std::exchange(inside_pool, true)) {}
  ~Inside() { inside_pool = before; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  const bool before;
};

// One parallel_for call. Threads take range numbers from `next` until none is left.
struct Job {
  const Body* body;
  std::int64_t n, grain, ranges;
  bool recording;  // of the caller
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;

  void work() {
    const NoGrad as_caller(!recording);
    for (std::int64_t r; (r = next.fetch_add(1, std::memory_order_relaxed)) < ranges;) {
      try {
        const auto begin = r * grain;
        (*body)(begin, begin + std::min(grain, n - begin));
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(ranges);
      }
    }
  }
};

class Pool {
 public:
  Pool() { start(default_threads()); }
  ~Pool() { stop(); }

  int threads() const { return threads_; }

  void resize(int n) {
    std::lock_guard caller(callers_);
    stop();
    start(n);
  }

  void run(Job& job) {
    std::unique_lock caller(callers_, std::try_to_lock);
    if (!caller || workers_.empty()) {  // the pool serves another thread: do the work here
      job.work();
      return;
    }
    {
      const auto lock = locked();
      job_ = &job;
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    job.work();
    {
      // Nothing is left to begin: a worker that wakes from now on finds no job, and nobody waits for it. So a small job costs
      // little more than on one thread when the others sleep or the system runs something else.
      const auto lock = locked();
      job_ = nullptr;
    }
    // Workers end within one range of each other, usually microseconds: spin a little before sleeping.
    for (int i = 0; i < kSpin && busy_.load(std::memory_order_acquire) != 0; ++i) relax();
    if (busy_.load(std::memory_order_acquire) != 0) {
      auto lock = locked();
      done_.wait(lock, [&] { return busy_.load() == 0; });
    }
  }

 private:
  static constexpr int kSpin = 4000, kTries = 100;

  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  // The mutex is held for some dozen instructions: to sleep until it is free takes longer than to wait.
  std::unique_lock<std::mutex> locked() {
    std::unique_lock lock(mutex_, std::defer_lock);
    for (int i = 0; i < kTries; ++i, relax())
      if (lock.try_lock()) return lock;
    lock.lock();
    return lock;
  }

  static int default_threads() {
    if (const char* s = std::getenv("STEIN_THREADS")) {
      const int n = std::atoi(s);
      if (n >= 1) return std::min(n, kMostThreads);
    }
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads);
  }

  void start(int n) {
    stopping_ = false;
    const auto seen = generation_.load();
    try {
      for (int i = 1; i < n; ++i) workers_.emplace_back([this, seen] { loop(seen); });
    } catch (const std::system_error&) {}  // no more threads: work with those there are
    threads_ = static_cast<int>(workers_.size()) + 1;
  }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& w : workers_) w.join();
    workers_.clear();
  }

  void loop(std::uint64_t seen) {
    inside_pool = true;
    detail::blas_thread_started();
    for (;;) {
      for (int i = 0; i < kSpin && generation_.load(std::memory_order_acquire) == seen; ++i) relax();
      Job* job;
      {
        auto lock = locked();
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        seen = generation_.load();
        if (stopping_) return;
        job = job_;
        if (!job) continue;
        busy_.fetch_add(1, std::memory_order_relaxed);
      }
      job->work();
      if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const auto lock = locked();
        done_.notify_one();
      }
    }
  }

  std::mutex callers_;  // held by the one thread whose job the pool works on
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> busy_{0};  // workers inside the job
  Job* job_ = nullptr;        // while it has work to begin
  bool stopping_ = false;
  std::vector<std::thread> workers_;
  std::atomic<int> threads_{1};  // workers and the caller
};

Pool& pool() {
  static Pool p;
  return p;
}

}  // namespace

int num_threads() { return pool().threads(); }

void set_num_threads(int n) {
  if (n < 1) fail("set_num_threads", "at least 1 thread", std::to_string(n));
  if (n > kMostThreads)
    fail("set_num_threads", "at most " + std::to_string(kMostThreads) + " threads", std::to_string(n));
  if (inside_pool) fail("set_num_threads", "a call from outside parallel_for", "one from a body");
  pool().resize(n);
}

void parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  const Inside inside;
  if (n <= grain) return body(0, n);
  Job job{&body, n, grain, n / grain + (n % grain != 0), is_recording(), {}, {}, {}};
  if (inside.before)
    job.work();
  else
    pool().run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace stein
