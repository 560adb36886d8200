// SPDX-License-Identifier: MIT
// Where the time goes: what every op took, by op and by module, forward and backward apart.
//
//   Profile profile;
//   ...                                     // ops of this thread are counted
//   for (const auto& row : profile.rows()) ...
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace stein {

/// Counts and times the ops of the thread that made it, from its making to stop() or its end. An op's time is its own: without
/// that of the ops it calls. What an op spreads over several threads counts from its begin to its end. To be ended in the thread that made it.
class Profile {
 public:
  /// Calls of one op in one module and order, summed.
  struct Row {
    std::string module;      ///< dotted path of the scopes, empty outside of all
    std::string op;          ///< its name
    int order = 0;           ///< 0 forward, 1 backward, 2 double backward, ...
    std::int64_t calls = 0;  ///< how often
    std::int64_t bytes = 0;  ///< of the elements that went in and came out; 0 for views
    double seconds = 0;      ///< of its own, summed
  };
  /// One call, in seconds since the profile began.
  struct Event {
    const char* op;  ///< its name
    int module;      ///< see module_name
    int order;       ///< 0 forward, 1 backward, 2 double backward, ...
    double begin;    ///< seconds
    double end;      ///< seconds
  };

  /// Throws Error when another profile counts in this thread.
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Counts no further. May be called twice.
  void stop();
  /// From the making to stop(), or to now.
  double seconds() const;
  /// One for each op in each module and order, the longest first.
  std::vector<Row> rows() const;
  /// The first calls, in the order in which they ended; later ones are only summed up.
  const std::vector<Event>& events() const;
  static constexpr std::size_t kMaxEvents = 200000;  ///< as many are kept
  static std::string module_name(int module);        ///< dotted path; "" for 0, outside of all

  /// What ops write to.
  struct Recorder;

 private:
  std::unique_ptr<Recorder> recorder_;
};

namespace detail {

inline thread_local Profile::Recorder* recorder = nullptr;
/// Of the ops that run in this thread; 0 outside of all. Nodes keep it, so that their rules run under it.
inline thread_local int current_module = 0;

class ModuleGuard {
 public:
  explicit ModuleGuard(int module) : before_(current_module) { current_module = module; }
  ~ModuleGuard() { current_module = before_; }
  ModuleGuard(const ModuleGuard&) = delete;
  ModuleGuard& operator=(const ModuleGuard&) = delete;

 private:
  int before_;
};

/// Times what stands between its making and its end as op `name`; without a profile, one test of a pointer.
class TimedOp {
 public:
  explicit TimedOp(const char* name) : recorder_(recorder) {
    if (recorder_) [[unlikely]]
      begin(name);
  }
  ~TimedOp() {
    if (recorder_) [[unlikely]]
      end();
  }
  TimedOp(const TimedOp&) = delete;
  TimedOp& operator=(const TimedOp&) = delete;
  bool on() const { return recorder_ != nullptr; }
  void moved(std::span<const Tensor> inputs, std::span<const Tensor> outputs);

 private:
  void begin(const char* name);
  void end();
  Profile::Recorder* recorder_;
};

}  // namespace detail

/// While alive, ops of this thread belong to module `name` inside the module around it: `ProfileScope scope("res1.0");`.
class ProfileScope {
 public:
  /// Inside the one around it.
  explicit ProfileScope(std::string_view name) : guard_(detail::recorder ? inside(name) : detail::current_module) {}

 private:
  static int inside(std::string_view name);
  detail::ModuleGuard guard_;
};

/// True while a Profile counts in this thread.
inline bool is_profiling() { return detail::recorder != nullptr; }

}  // namespace stein
