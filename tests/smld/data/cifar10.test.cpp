// SPDX-License-Identifier: MIT
#include "smld/data/cifar10.h"

#include <catch2/catch.hpp>

#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::test;
using Catch::Matchers::Contains;

namespace {

/// `count` records: label = (first + r) % 10, pixel i = (first + r + i) % 251.
Bytes records(int first, int count) {
  Bytes b;
  for (int r = 0; r < count; ++r) {
    b.push_back(static_cast<std::uint8_t>((first + r) % 10));
    for (int i = 0; i < 3072; ++i) b.push_back(static_cast<std::uint8_t>((first + r + i) % 251));
  }
  return b;
}

}  // namespace

TEST_CASE("CIFAR-10's binary batches are read in sequence", "[data]") {
  const TempFolder folder;
  folder.write("data_batch_1.bin", records(0, 3));
  folder.write("data_batch_2.bin", records(3, 2));
  folder.write("test_batch.bin", records(7, 4));
  CHECK(is_cifar10_folder(folder.path()));
  const DataSplits data = read_cifar10_folder("toy", folder.path());
  CHECK(data.train.size() == 5);
  CHECK(data.held_out.size() == 4);
  CHECK(data.train.sample_shape() == Shape{3, 32, 32});
  const std::vector<std::int64_t> four{4};
  CHECK(data.train.labels(four).to_vector<std::int64_t>() == std::vector<std::int64_t>{4});
  const auto v = data.train.batch(four).to_vector<float>();
  for (const int i : {0, 1, 1023, 1024, 3071})
    CHECK(v[static_cast<std::size_t>(i)] == static_cast<float>((4 + i) % 251) / 255.0f);
}

TEST_CASE("damaged CIFAR-10 files are refused with their reason", "[data]") {
  const TempFolder folder;
  const auto message = [&](const Bytes& bytes) {
    return error_of([&] { read_cifar10_batch("toy", folder.write("b.bin", bytes)); });
  };
  Bytes b = records(0, 2);
  b.pop_back();
  CHECK_THAT(
      message(b),
      Contains(
          "[cifar10] expected a positive multiple of 3073 bytes (label, 3 x 32 x 32 pixels); got 6145 bytes in '") &&
          Contains("the file is truncated, or not CIFAR-10's binary version"));
  CHECK_THAT(message({}), Contains("got 0 bytes in '"));
  b = records(0, 2);
  b[3073] = 10;
  CHECK_THAT(message(b), Contains("[cifar10] expected labels 0 to 9; got 10 in record 1 of '"));
  CHECK_THAT(error_of([&] { read_cifar10_folder("toy", folder.path()); }),
             Contains("[cifar10] expected data_batch_1.bin; got no such file in '"));
}
