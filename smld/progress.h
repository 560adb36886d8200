// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace stein::smld {

/// A line that tells how far long work has come: on a terminal it is redrawn in place, elsewhere it is printed every
/// ten seconds. Time left is estimated from the speed since the work began here (resumed work is not counted); the last line says how
/// long it took.
class Progress {
 public:
  /// `done` of `total` units are done already; `enabled` false: prints nothing. `part` is how much of the work is done where
  /// that is not done / total, for example because a time was given.
  Progress(std::string label, std::int64_t done, std::int64_t total, bool enabled = true,
           std::optional<double> part = {});
  ~Progress();

  /// `detail` stands at the end of the line.
  void update(std::int64_t done, const std::string& detail = {}, std::optional<double> part = {});
  /// Ends the line, so that something else can be printed; the time until the next update does not count.
  void finish();

  double seconds() const;  ///< since the work began here, pauses left out

 private:
  void draw();
  double share(std::int64_t done) const;

  std::string label_;
  std::int64_t total_, done_;
  double first_part_, part_ = 0;
  std::string detail_;
  bool enabled_, terminal_, open_ = false;
  std::chrono::steady_clock::time_point start_, drawn_;
  std::optional<std::chrono::steady_clock::time_point> paused_;
};

/// "1:02:03" or "2:03".
std::string clock_text(double seconds);

}  // namespace stein::smld
