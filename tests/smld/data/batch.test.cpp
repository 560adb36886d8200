// SPDX-License-Identifier: MIT
#include "smld/data/batch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using stein::test::error_of;

TEST_CASE("a cursor visits every sample once an epoch, in a new order each time", "[data]") {
  BatchCursor cursor(10, 4, 3);
  std::vector<std::int64_t> all;
  for (int i = 0; i < 5; ++i) {
    const auto b = cursor.next();
    CHECK(b.size() == 4);
    all.insert(all.end(), b.begin(), b.end());
  }
  CHECK(cursor.position() == 20);
  CHECK(cursor.epoch() == 2);
  const std::vector<std::int64_t> first(all.begin(), all.begin() + 10), second(all.begin() + 10, all.end());
  CHECK(std::set<std::int64_t>(first.begin(), first.end()).size() == 10);
  CHECK(std::set<std::int64_t>(second.begin(), second.end()).size() == 10);
  CHECK(first != second);
  CHECK(*std::max_element(all.begin(), all.end()) == 9);
  BatchCursor other(10, 4, 4);
  CHECK(other.next() != std::vector<std::int64_t>(all.begin(), all.begin() + 4));
}

TEST_CASE("a cursor continues exactly from its position", "[data]") {
  BatchCursor one(1000, 7, 11), two(1000, 7, 11);
  for (int i = 0; i < 400; ++i) one.next();
  two.seek(one.position());
  for (int i = 0; i < 400; ++i) CHECK(one.next() == two.next());
  BatchCursor small(3, 8, 0);  // a batch larger than the data spans several epochs
  const auto b = small.next();
  CHECK(std::count(b.begin(), b.end(), 0) >= 2);
  CHECK(error_of([] { BatchCursor(0, 1, 0); }) ==
        "[batches] expected at least 1 sample and a batch of at least 1; got 0 and 1");
  CHECK(error_of([] { BatchCursor(1, 0, 0); }) ==
        "[batches] expected at least 1 sample and a batch of at least 1; got 1 and 0");
}

TEST_CASE("the loader's thread delivers the cursor's sequence", "[data][loader]") {
  Tensor x = empty({50, 3});
  for (int i = 0; i < 150; ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
  const Dataset data("toy", x);
  BatchCursor cursor(50, 8, 5);
  for (int i = 0; i < 3; ++i) cursor.next();
  BatchLoader loader(data, 8, 5, cursor.position(), 3);
  for (int i = 0; i < 40; ++i) {
    const Batch b = loader.next();
    CHECK(b.indices == cursor.next());
    CHECK(b.position == cursor.position());
    CHECK(equal(b.samples, data.batch(b.indices)));
  }
  BatchLoader unused(data, 8, 5);  // destroyed while its thread is at work or waits
  CHECK(error_of([&] { BatchLoader(data, 0, 5); }) ==
        "[batches] expected at least 1 sample and a batch of at least 1; got 50 and 0");
  CHECK(error_of([&] { BatchLoader(data, 1, 5, 0, 65); }) == "[batches] expected 1 to 64 batches ahead; got 65");
}
