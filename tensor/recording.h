// SPDX-License-Identifier: MIT
#pragma once

namespace stein {

namespace detail {
inline thread_local bool recording = true;
}  // namespace detail

/// True when ops on tensors that require a gradient are recorded in this thread.
inline bool is_recording() { return detail::recording; }

/// While alive, nothing is recorded in this thread: `NoGrad guard;`. NoGrad(false) switches recording on.
class NoGrad {
 public:
  /// Until destroyed; guards may be nested.
  explicit NoGrad(bool off = true) : before_(detail::recording) { detail::recording = !off; }
  ~NoGrad() { detail::recording = before_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

}  // namespace stein
