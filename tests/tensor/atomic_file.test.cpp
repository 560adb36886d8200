// SPDX-License-Identifier: MIT
#include "tensor/detail/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tensor/error.h"
#include "tests/support/temp_dir.h"

using stein::Error;
using stein::detail::AtomicFile;
using stein::detail::write_atomically;
using stein::test::read_file;
using stein::test::TempDir;

namespace {

std::size_t files_in(const TempDir& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

}  // namespace

TEST_CASE("atomic files replace the old content at commit, not before") {
  TempDir dir;
  const auto path = dir / "f";
  write_atomically("test", path, "old");
  {
    AtomicFile file("test", path);
    file.write("ne");
    file.write("w");
    CHECK(read_file(path) == "old");
    file.commit();
    CHECK(read_file(path) == "new");
  }
  CHECK(files_in(dir) == 1);
}

TEST_CASE("atomic files that are not committed leave the old content and no litter") {
  TempDir dir;
  const auto path = dir / "f";
  write_atomically("test", path, "old");
  try {
    AtomicFile file("test", path);
    file.write("half");
    CHECK(files_in(dir) == 2);
    throw 1;
  } catch (int) {}
  CHECK(read_file(path) == "old");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("atomic files: relative paths, permissions, binary content") {
  TempDir dir;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const std::string content("a\0b\n\xff", 5);
  write_atomically("test", "plain", content);
  std::filesystem::current_path(before);
  CHECK(read_file(dir / "plain") == content);
  struct stat s {};
  REQUIRE(::stat((dir / "plain").c_str(), &s) == 0);
  const auto mask = ::umask(0);
  ::umask(mask);
  CHECK((s.st_mode & 0777) == (0666 & ~mask));
}

TEST_CASE("atomic files: errors name the path and the reason") {
  TempDir dir;
  CHECK_THROWS_WITH(write_atomically("test", dir / "no/f", "x"),
                    "[test] expected to write '" + (dir / "no/f") + "'; got No such file or directory on create");
  std::filesystem::create_directory(dir / "folder");
  CHECK_THROWS_WITH(write_atomically("test", dir / "folder", "x"),
                    "[test] expected to write '" + (dir / "folder") + "'; got Is a directory on rename");
  CHECK(files_in(dir) == 1);
}
