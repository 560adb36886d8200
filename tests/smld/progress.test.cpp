// SPDX-License-Identifier: MIT
#include "smld/progress.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "tests/support/temp_dir.h"

using namespace stein::smld;
using namespace stein::test;

namespace {

// What `work` prints on standard error.
template <class F>
std::string printed(F work) {
  TempDir dir;
  std::fflush(stderr);
  const int before = dup(STDERR_FILENO), file = open((dir / "err").c_str(), O_WRONLY | O_CREAT, 0600);
  dup2(file, STDERR_FILENO);
  work();
  std::fflush(stderr);
  dup2(before, STDERR_FILENO);
  close(before);
  close(file);
  return read_file(dir / "err");
}

}  // namespace

TEST_CASE("a progress line tells the time left, and in the end the time taken") {
  const std::string text = printed([] {
    Progress p("work", 0, 4);
    p.update(1, "detail");
    usleep(1100000);
    p.update(4, "detail");
  });
  CHECK(text.find("work ██████░░░░░░░░░░░░░░░░░░  25% 1/4  detail left 0:0") == 0);
  CHECK(text.find("work ████████████████████████ 100% 4/4  detail in 0:01\n") != std::string::npos);
  CHECK(printed([] { Progress("quiet", 0, 4, false).update(4); }) == "");
}

TEST_CASE("times are told in hours, minutes and seconds") {
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(123.4) == "2:03");
  CHECK(clock_text(3723) == "1:02:03");
  CHECK(clock_text(-1) == "?");
}
