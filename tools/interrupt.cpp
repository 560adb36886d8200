// SPDX-License-Identifier: MIT
#include "tools/interrupt.h"

#include <csignal>

namespace stein::tools {
namespace {

std::atomic<bool> flag{false};

void on_signal(int number) {
  flag = true;
  std::signal(number, SIG_DFL);
}

}  // namespace

std::atomic<bool>& interrupted() { return flag; }

void catch_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

}  // namespace stein::tools
