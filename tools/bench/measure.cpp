// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sstream>

#include "tensor/thread_pool.h"
#include "tools/bench/bench.h"

namespace stein::tools::bench {
namespace {

const Clock::time_point loaded = Clock::now();

}  // namespace

double seconds_since_start() {
  const double since_loaded = since(loaded);
  // proc(5): the 22nd field is when the process began, in ticks (10 ms) after the boot; the second, the name, may hold blanks.
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) continue;
  timespec now{};
  if (!fields || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return since_loaded;
  const double begin = std::atof(field.c_str()) / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double seconds = static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - begin;
  // Where /proc counts from another moment than the clock (some sandboxes) only what followed the loading is known.
  return seconds >= since_loaded && seconds < since_loaded + 5 ? seconds : since_loaded;
}

double peak_rss_mb() {
  // VmHWM, in kB. getrusage's ru_maxrss would count the process that forked this one.
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  return 0;
}

Times summary(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2]};
}

std::string readable(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3g} ms", seconds * 1e3);
  return fmt::format("{:.3g} us", seconds * 1e6);
}

int use_threads(std::int64_t threads) {
  if (threads > 0) set_num_threads(static_cast<int>(threads));
  return num_threads();
}

}  // namespace stein::tools::bench
