// SPDX-License-Identifier: MIT
#include "autograd/profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <tuple>

#include "autograd/detail/observer.h"
#include "autograd/node.h"
#include "tensor/error.h"

namespace stein {
namespace {

using Clock = std::chrono::steady_clock;

// Names of modules by their number. They outlive every profile, because nodes do, too.
struct Modules {
  std::mutex mutex;
  std::vector<std::string> names{""};
  std::map<std::string, int, std::less<>> numbers{{"", 0}};
};
Modules& modules() {
  static Modules all;
  return all;
}

}  // namespace

struct Profile::Recorder {
  struct Open {
    const char* op;
    Clock::time_point begin;
    double inner = 0;  // seconds of the ops called by this one
    std::int64_t bytes = 0;
  };
  struct Sum {
    std::int64_t calls = 0, bytes = 0;
    double seconds = 0;
  };
  std::vector<Open> open;
  std::map<std::tuple<int, int, std::string_view>, Sum> sums;  // by module, order, op
  std::vector<Event> events;
  Clock::time_point begin = Clock::now(), stopped{};
  bool running = true;

  double since_begin(Clock::time_point t) const { return std::chrono::duration<double>(t - begin).count(); }
};

Profile::Profile() {
  if (detail::recorder) fail("profile", "one profile at a time in a thread", "a second one");
  recorder_ = std::make_unique<Recorder>();
  detail::recorder = recorder_.get();
}

Profile::~Profile() { stop(); }

void Profile::stop() {
  if (!recorder_->running) return;
  recorder_->running = false;
  recorder_->stopped = Clock::now();
  if (detail::recorder == recorder_.get()) detail::recorder = nullptr;
}

double Profile::seconds() const {
  return recorder_->since_begin(recorder_->running ? Clock::now() : recorder_->stopped);
}

std::vector<Profile::Row> Profile::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, sum] : recorder_->sums)
    rows.push_back({module_name(std::get<0>(key)), std::string(std::get<2>(key)), std::get<1>(key), sum.calls,
                    sum.bytes, sum.seconds});
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  return rows;
}

const std::vector<Profile::Event>& Profile::events() const { return recorder_->events; }

std::string Profile::module_name(int module) {
  const std::lock_guard lock(modules().mutex);
  return modules().names.at(static_cast<std::size_t>(module));
}

void detail::TimedOp::begin(const char* name) { recorder_->open.push_back({name, Clock::now()}); }

void detail::TimedOp::moved(std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  if (observer) observer->op_gave(recorder_->open.back().op, inputs, outputs);
  std::int64_t bytes = 0;
  const auto size = [](const Tensor& t) { return t.numel() * static_cast<std::int64_t>(size_of(t.dtype())); };
  for (const auto& out : outputs) {
    if (!out.defined()) continue;
    bytes += size(out);
    for (const auto& in : inputs)
      if (in.defined() && in.impl().storage == out.impl().storage && in.handle() != out.handle())
        return;  // a view moves nothing
  }
  for (const auto& in : inputs)
    if (in.defined()) bytes += size(in);
  recorder_->open.back().bytes += bytes;
}

void detail::TimedOp::end() {
  const auto now = Clock::now();
  const auto done = recorder_->open.back();
  recorder_->open.pop_back();
  const double seconds = std::chrono::duration<double>(now - done.begin).count();
  if (!recorder_->open.empty()) recorder_->open.back().inner += seconds;
  if (observer) observer->op_ran(done.op, seconds);
  auto& sum = recorder_->sums[{current_module, current_order, done.op}];
  sum.calls += 1;
  sum.bytes += done.bytes;
  sum.seconds += std::max(0.0, seconds - done.inner);
  if (recorder_->events.size() < Profile::kMaxEvents)
    recorder_->events.push_back(
        {done.op, current_module, current_order, recorder_->since_begin(done.begin), recorder_->since_begin(now)});
}

int ProfileScope::inside(std::string_view name) {
  auto& all = modules();
  const std::lock_guard lock(all.mutex);
  std::string path = all.names[static_cast<std::size_t>(detail::current_module)];
  (path += path.empty() ? "" : ".") += name;
  const auto [at, added] = all.numbers.emplace(path, static_cast<int>(all.names.size()));
  if (added) all.names.push_back(std::move(path));
  return at->second;
}

}  // namespace stein
