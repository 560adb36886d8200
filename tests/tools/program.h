// SPDX-License-Identifier: MIT
// Runs the program `stein` as a user does, in a process of its own.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace stein::test {

struct Finished {
  int code;  // exit code, or 128 + signal
  std::string out, err;
};

/// A running `stein ARGS`, its output going to files of `folder`.
class Program {
 public:
  Program(const std::string& folder, const std::vector<std::string>& args)
      : out_(folder + "/stdout"), err_(folder + "/stderr") {
    pid_ = fork();
    if (pid_ == 0) {
      if (!std::freopen(out_.c_str(), "w", stdout) || !std::freopen(err_.c_str(), "w", stderr)) _exit(126);
      std::vector<char*> argv{const_cast<char*>(STEIN_PROGRAM)};
      for (const auto& a : args) argv.push_back(const_cast<char*>(a.c_str()));
      argv.push_back(nullptr);
      execv(STEIN_PROGRAM, argv.data());
      _exit(127);
    }
  }
  void send(int signal) const { kill(pid_, signal); }
  /// True when it has ended; does not wait.
  bool ended() {
    if (!done_ && waitpid(pid_, &status_, WNOHANG) == pid_) done_ = true;
    return done_;
  }
  Finished wait() {
    if (!done_) waitpid(pid_, &status_, 0);
    done_ = true;
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), read_file(out_), read_file(err_)};
  }
  std::string err() const { return read_file(err_); }

 private:
  std::string out_, err_;
  pid_t pid_;
  int status_ = 0;
  bool done_ = false;
};

inline Finished run(const TempDir& folder, const std::vector<std::string>& args) {
  return Program(folder.path().string(), args).wait();
}

}  // namespace stein::test
