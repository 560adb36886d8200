// SPDX-License-Identifier: MIT
#include "smld/image.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "smld/data/image_folder.h"
#include "tests/smld/data/files.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::test;
using Catch::Matchers::Contains;

namespace {

std::uint32_t big_endian(const Bytes& b, std::size_t at) {
  return std::uint32_t{b[at]} << 24 | std::uint32_t{b[at + 1]} << 16 | std::uint32_t{b[at + 2]} << 8 | b[at + 3];
}

/// Walks the chunks of a PNG, checks each checksum, and inflates the pixels: a reader of its own, which needs no libpng.
Bytes png_rows(const Bytes& b) {
  const Bytes magic{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  REQUIRE(Bytes(b.begin(), b.begin() + 8) == magic);
  Bytes packed;
  for (std::size_t at = 8; at < b.size();) {
    const std::uint32_t size = big_endian(b, at);
    const std::string type(b.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                           b.begin() + static_cast<std::ptrdiff_t>(at) + 8);
    CHECK(big_endian(b, at + 8 + size) == crc32(0, b.data() + at + 4, size + 4));
    if (type == "IDAT")
      packed.insert(packed.end(), b.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                    b.begin() + static_cast<std::ptrdiff_t>(at + 8 + size));
    at += 12 + size;
    if (type == "IEND") CHECK(at == b.size());
  }
  Bytes rows(100000);
  uLongf length = rows.size();
  REQUIRE(uncompress(rows.data(), &length, packed.data(), packed.size()) == Z_OK);
  rows.resize(length);
  return rows;
}

}  // namespace

TEST_CASE("a grid places images row by row on grey", "[image]") {
  const Tensor x = from_vector<float>({1, 2, 3, 4, 5, 6}, {3, 1, 1, 2});
  const Tensor g = make_grid(x, 2, 1);
  REQUIRE(g.shape() == Shape{1, 5, 7});
  const float o = 0.5f;
  CHECK(g.to_vector<float>() == std::vector<float>{o, o, o, o, o, o, o, o, 1, 2, o, 3, 4, o, o, o, o, o,
                                                   o, o, o, o, 5, 6, o, o, o, o, o, o, o, o, o, o, o});
  CHECK(make_grid(zeros({5, 3, 4, 4}, u8)).shape() == Shape{3, 14, 20});  // 3 columns, 2 rows, pad 2
  CHECK(make_grid(zeros({5, 3, 4, 4}, u8), 5, 0).shape() == Shape{3, 4, 20});
  CHECK(error_of([] {
          make_grid(zeros({3, 4, 4}));
        }) == "[make_grid] expected f32 or u8 images (N, C, H, W), N > 0; got f32 (3, 4, 4)");
  CHECK(error_of([] {
          make_grid(zeros({1, 1, 2, 2}), -1);
        }) == "[make_grid] expected 0 <= columns, pad <= 65536; got columns -1, pad 2");
}

TEST_CASE("write_png writes what every reader reads", "[image]") {
  const TempFolder folder;
  const auto path = folder / "x.png";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  write_png(path, from_vector<float>({0, 0.5f, 1, -3, 7, nan}, {1, 2, 3}));
  Bytes b = read_bytes(path);
  CHECK(big_endian(b, 16) == 3);  // width
  CHECK(big_endian(b, 20) == 2);
  CHECK(Bytes(b.begin() + 24, b.begin() + 29) == Bytes{8, 0, 0, 0, 0});
  CHECK(png_rows(b) == Bytes{0, 0, 128, 255, 0, 0, 255, 0});
  write_png(path, from_vector<std::uint8_t>({1, 2, 3, 4, 5, 6}, {3, 1, 2}));  // planes R, G, B
  b = read_bytes(path);
  CHECK(Bytes(b.begin() + 24, b.begin() + 29) == Bytes{8, 2, 0, 0, 0});
  CHECK(png_rows(b) == Bytes{0, 1, 3, 5, 2, 4, 6});
#ifdef STEIN_HAVE_PNG
  CHECK(read_picture(path).values[1] == 3 / 255.0f);
#endif
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);  // no temporary file stays

  CHECK(error_of([&] {
          write_png(path, zeros({2, 3, 3}));
        }) == "[write_png] expected an f32 or u8 image (1 or 3, H, W); got f32 (2, 3, 3)");
  CHECK(error_of([&] {
          write_png(path, zeros({1, 3, 3}, f64));
        }) == "[write_png] expected an f32 or u8 image (1 or 3, H, W); got f64 (1, 3, 3)");
  CHECK(error_of([&] {
          write_png(path, zeros({1, 0, 3}));
        }) == "[write_png] expected 1 to 2^28 pixels, at most 2^20 a side; got f32 (1, 0, 3)");
  CHECK_THAT(error_of([&] {
               write_png(folder / "none/x.png", zeros({1, 2, 2}));
             }),
             Contains("[write_png] expected to write '") && Contains("No such file or directory"));
}

TEST_CASE("enlarge repeats pixels a whole number of times") {
  const Tensor image = from_vector(std::vector<float>{0, 1, 0.5f, 0.25f}, {1, 2, 2});
  CHECK(enlarge(image, 4).to_vector<float>() ==
        std::vector<float>{0, 0, 1, 1, 0, 0, 1, 1, 0.5f, 0.5f, 0.25f, 0.25f, 0.5f, 0.5f, 0.25f, 0.25f});
  CHECK(enlarge(image, 3).shape() == Shape{1, 4, 4});
  CHECK(enlarge(image, 2).shape() == Shape{1, 2, 2});
  CHECK_THROWS_WITH(enlarge(ones({2, 2})), "[enlarge] expected an image (C, H, W); got f32 (2, 2)");
}
