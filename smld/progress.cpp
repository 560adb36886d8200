// SPDX-License-Identifier: MIT
#include "smld/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace stein::smld {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

}  // namespace

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

Progress::Progress(std::string label, std::int64_t done, std::int64_t total, bool enabled, std::optional<double> part)
    : label_(std::move(label)),
      total_(std::max<std::int64_t>(total, 1)),
      done_(done),
      first_part_(part.value_or(share(done))),
      enabled_(enabled),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      drawn_(start_ - std::chrono::hours(1)) {}

Progress::~Progress() { finish(); }

double Progress::seconds() const { return since(start_); }

double Progress::share(std::int64_t done) const { return static_cast<double>(done) / static_cast<double>(total_); }

void Progress::update(std::int64_t done, const std::string& detail, std::optional<double> part) {
  if (paused_) start_ += Clock::now() - *std::exchange(paused_, std::nullopt);
  done_ = done;
  detail_ = detail;
  part_ = std::clamp(part.value_or(share(done)), 0.0, 1.0);
  if (enabled_ && (since(drawn_) > (terminal_ ? 0.1 : 10) || part_ >= 1)) draw();
}

void Progress::draw() {
  drawn_ = Clock::now();
  const double left = part_ > first_part_ ? seconds() * (1 - part_) / (part_ - first_part_) : NAN;
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(part_ * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  const auto line = fmt::format("{} {} {:3.0f}% {}/{}  {} {} {}", label_, bar, 100 * part_, done_, total_, detail_,
                                part_ < 1 ? "left" : "in", clock_text(part_ < 1 ? left : seconds()));
  if (terminal_)
    fmt::print(stderr, "\r\x1b[2K{}", line);
  else
    fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
  open_ = terminal_;
}

void Progress::finish() {
  paused_ = Clock::now();
  if (!open_) return;
  draw();
  fmt::print(stderr, "\n");
  open_ = false;
}

}  // namespace stein::smld
