// SPDX-License-Identifier: MIT
#include "smld/data/idx.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::test;
using Catch::Matchers::Contains;

namespace {

/// An IDX file of unsigned bytes 0, 1, 2, ... with the sizes given.
Bytes idx(const std::vector<std::uint32_t>& sizes, std::size_t values, std::uint8_t type = 8) {
  Bytes b{0, 0, type, static_cast<std::uint8_t>(sizes.size())};
  for (const std::uint32_t s : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) b.push_back(static_cast<std::uint8_t>(s >> shift));
  for (std::size_t i = 0; i < values; ++i) b.push_back(static_cast<std::uint8_t>(i));
  return b;
}

}  // namespace

TEST_CASE("an IDX file is read, plain and gzipped", "[data]") {
  const TempFolder folder;
  const Bytes raw = idx({2, 3, 4}, 24);
  for (const auto& path : {folder.write("plain", raw), folder.write("packed.gz", gzip(raw))}) {
    const Tensor x = read_idx(path);
    CHECK(x.shape() == Shape{2, 3, 4});
    CHECK(x.dtype() == u8);
    std::vector<std::uint8_t> expected(24);
    std::iota(expected.begin(), expected.end(), std::uint8_t{0});
    CHECK(x.to_vector<std::uint8_t>() == expected);
  }
}

TEST_CASE("damaged IDX files are refused with their reason", "[data]") {
  const TempFolder folder;
  const auto message = [&](const Bytes& bytes) {
    const auto path = folder.write("file", bytes);
    auto text = error_of([&] { read_idx(path); });
    if (const auto at = text.find(path); at != std::string::npos)
      text = text.substr(0, at) + "F" + text.substr(at + path.size());
    return text;
  };
  const Bytes good = idx({2, 3, 4}, 24);
  const auto cut = [](Bytes b, std::size_t n) { return Bytes(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(n)); };

  CHECK(message({}) == "[idx] expected 4 bytes of the IDX header; got 0 before the end of 'F'; the file is truncated");
  CHECK(message({0x89, 'P', 'N', 'G', 0, 0}) ==
        "[idx] expected a file that begins with 00 00; got 89 50 4e 47 in 'F'; is this an IDX file (the format of "
        "MNIST)?");
  CHECK(message(idx({2}, 2, 13)) == "[idx] expected values of type 8 (unsigned bytes); got type 13 in 'F'");
  CHECK(message({0, 0, 8, 0}) == "[idx] expected rank 1 to 4; got rank 0 in 'F'");
  CHECK(message(idx({1, 1, 1, 1, 1}, 1)) == "[idx] expected rank 1 to 4; got rank 5 in 'F'");
  CHECK(message(idx({2, 0, 4}, 0)) == "[idx] expected sizes of at least 1; got 0 on axis 1 of 'F'");
  CHECK(message(cut(good, 9)) ==
        "[idx] expected 4 bytes of the IDX header; got 1 before the end of 'F'; the file is truncated");
  CHECK(message(cut(good, 39)) ==
        "[idx] expected 24 bytes of IDX values; got 23 before the end of 'F'; the file is truncated");
  CHECK(message(idx({2, 3, 4}, 25)) ==
        "[idx] expected 40 bytes as its header says; got more in 'F'; the file is damaged or of another format");
  CHECK(message(idx({1000, 28, 28}, 100)) ==
        "[idx] expected sizes that fit the file (at most 116 values); got (1000,) in 'F'; the header is damaged, or "
        "the file is "
        "truncated");
  // 2^32 - 1 values an axis: the product of four wraps in 64 bits.
  CHECK_THAT(message(idx({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 100)), Contains("at most 120 values"));
  CHECK_THAT(message(idx({1, 1, 0x80000000, 2}, 100)), Contains("sizes that fit the file"));
  // Gzipped: no stream of n bytes holds more than 1032 n, however large the header's numbers.
  CHECK_THAT(message(gzip(idx({0x7fffffff, 0x7fffffff}, 100))), Contains("sizes that fit the file"));
}

TEST_CASE("damaged gzip data is refused", "[data]") {
  const TempFolder folder;
  const Bytes raw = idx({40, 10}, 400), packed = gzip(raw);
  const auto message = [&](const Bytes& bytes) { return error_of([&] { read_idx(folder.write("file.gz", bytes)); }); };
  Bytes b = packed;
  b.resize(b.size() - 9);  // into the data
  CHECK_THAT(message(b), Contains("[idx] expected") && Contains("truncated"));
  b = packed;
  b.resize(b.size() - 4);  // into the checksum and length
  CHECK_THAT(message(b), Contains("[idx] expected the end of the gzip data; got a truncated file"));
  b = packed;
  b[b.size() - 6] ^= 1;  // the checksum
  CHECK_THAT(message(b), Contains("[idx] expected intact gzip data; got 'incorrect data check'"));
  b = packed;
  b[12] ^= 0xff;
  CHECK_THAT(message(b), Contains("[idx] expected"));
  b = packed;
  b.insert(b.end(), {1, 2, 3});
  CHECK_THAT(message(b), Contains("[idx] expected nothing after the gzip data; got 3 bytes more"));
  CHECK_THAT(message({0x1f, 0x8b}), Contains("[idx] expected 4 bytes of the IDX header; got 0"));
  CHECK_THAT(message({0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}),
             Contains("[idx] expected intact gzip data; got 'unknown compression method'"));
  CHECK_THAT(error_of([&] { read_idx(folder / "none"); }), Contains("[idx] expected a file that exists; got '"));
  CHECK_THAT(error_of([&] { read_idx(folder.path()); }), Contains("[idx] expected a regular file; got '"));
}

TEST_CASE("a folder of IDX files gives a training and a held-out part", "[data]") {
  const TempFolder folder;
  folder.write("train-images-idx3-ubyte.gz", gzip(idx({12, 4, 6}, 12 * 24)));
  folder.write("train-labels-idx1-ubyte", idx({12}, 12));
  {
    const DataSplits alone = read_idx_folder("toy", folder.path());  // without t10k: every tenth held out
    CHECK(alone.train.size() == 11);
    CHECK(alone.held_out.size() == 1);
    CHECK(alone.held_out.labels(std::vector<std::int64_t>{0}).to_vector<std::int64_t>() ==
          std::vector<std::int64_t>{9});
  }
  folder.write("t10k-images-idx3-ubyte", idx({3, 4, 6}, 3 * 24));
  const DataSplits data = read_idx_folder("toy", folder.path());
  CHECK(data.train.size() == 12);
  CHECK(data.train.sample_shape() == Shape{1, 4, 6});
  CHECK(data.train.has_labels());
  CHECK(data.held_out.size() == 3);
  CHECK_FALSE(data.held_out.has_labels());
  const Tensor b = data.train.batch(std::vector<std::int64_t>{10, 0});
  CHECK(b.shape() == Shape{2, 1, 4, 6});
  CHECK(b.dtype() == f32);
  CHECK(b.to_vector<float>()[0] == 240.0f / 255.0f);
  CHECK(b.to_vector<float>()[24 + 5] == 5.0f / 255.0f);
  CHECK(error_of([&] { data.train.batch(std::vector<std::int64_t>{12}); }) ==
        "[dataset] expected an index in [0, 12); got 12");
  CHECK(error_of([&] { data.held_out.labels(std::vector<std::int64_t>{0}); }) ==
        "[dataset] expected data with labels; got 'toy, held out', which has none");

  folder.write("train-labels-idx1-ubyte", idx({11}, 11));
  CHECK_THAT(error_of([&] { read_idx_folder("toy", folder.path()); }),
             Contains("[idx] expected 12 labels, one an image; got shape (11,) in '"));
  folder.write("train-labels-idx1-ubyte", idx({12}, 12));
  folder.write("t10k-images-idx3-ubyte", idx({3, 6, 4}, 3 * 24));
  CHECK_THAT(error_of([&] { read_idx_folder("toy", folder.path()); }),
             Contains("[idx] expected images (1, 4, 6) as in '") && Contains("got (1, 6, 4) in '"));
  CHECK_THAT(error_of([&] { read_idx_images("toy", folder / "train-labels-idx1-ubyte"); }),
             Contains("[idx] expected images (N, H, W) or (N, C, H, W); got shape (12,) in '") &&
                 Contains("a file of labels?"));
}
