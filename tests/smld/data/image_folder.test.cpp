// SPDX-License-Identifier: MIT
#include "smld/data/image_folder.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "smld/data/dataset.h"
#include "smld/image.h"
#include "tensor/safetensors.h"
#include "tests/smld/data/files.h"
#include "tests/support/skip.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::test;
using Catch::Matchers::Contains;

namespace {

const std::string kImages = STEIN_TEST_DATA "/images/";

// The formulas of tests/data/images/make_images.py.
int formula(int x, int y, int c, int bits) {
  return (bits <= 8 ? x * 37 + y * 91 + c * 53 + 11 : x * 9001 + y * 23017 + c * 4111 + 257) % (1 << bits);
}
int ramp(int x, int y, int c) { return 20 + 9 * x + 5 * y + 15 * c; }

/// Checks size and every value against value(x, y, c), within `tolerance`.
template <class F>
void check_picture(const Picture& p, int width, int height, int channels, F value, float tolerance = 1e-6f) {
  REQUIRE(p.width == width);
  REQUIRE(p.height == height);
  REQUIRE(p.channels == channels);
  REQUIRE(p.values.size() == static_cast<std::size_t>(width * height * channels));
  float worst = 0;
  std::size_t i = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        worst = std::max(worst, std::abs(p.values[i++] - static_cast<float>(value(x, y, c))));
  CHECK(worst <= tolerance);
}

void needs_png() {
#ifndef STEIN_HAVE_PNG
  skip("built without libpng");
#endif
}
void needs_jpeg() {
#ifndef STEIN_HAVE_JPEG
  skip("built without libjpeg");
#endif
}

}  // namespace

TEST_CASE("PNG files of every depth and colour type are decoded", "[data]") {
  needs_png();
  for (const int bits : {1, 2, 4, 8, 16}) {
    INFO("grey, bits " << bits);
    const Picture p = read_picture(kImages + "grey" + std::to_string(bits) + ".png");
    CHECK(p.deep == (bits == 16));
    check_picture(p, 5, 3, 1, [&](int x, int y, int c) { return formula(x, y, c, bits) / double((1 << bits) - 1); });
  }
  for (const int bits : {8, 16}) {
    INFO("bits " << bits);
    const double top = (1 << bits) - 1;
    const auto file = [&](const std::string& name) {
      return read_picture(kImages + name + std::to_string(bits) + ".png");
    };
    check_picture(file("rgb"), 4, 5, 3, [&](int x, int y, int c) { return formula(x, y, c, bits) / top; });
    // Alpha, the last channel, is composited on white.
    check_picture(file("grey_alpha"), 3, 4, 1, [&](int x, int y, int c) {
      const double a = formula(x, y, 1, bits) / top;
      return a * formula(x, y, c, bits) / top + 1 - a;
    });
    check_picture(file("rgba"), 5, 4, 3, [&](int x, int y, int c) {
      const double a = formula(x, y, 3, bits) / top;
      return a * formula(x, y, c, bits) / top + 1 - a;
    });
  }
  const auto palette = [](int x, int y, int c) {
    const int i = formula(x, y, 0, 4);
    return (c == 0 ? i * 16 : c == 1 ? 255 - i * 16 : i * 7) / 255.0;
  };
  check_picture(read_picture(kImages + "palette4.png"), 6, 3, 3, palette);
  check_picture(read_picture(kImages + "palette4_transparent.png"), 6, 3, 3, [&](int x, int y, int c) {
    const double a = (255 - 17 * formula(x, y, 0, 4)) / 255.0;
    return a * palette(x, y, c) + 1 - a;
  });
  check_picture(read_picture(kImages + "rgb8_interlaced.png"), 11, 9, 3,
                [](int x, int y, int c) { return formula(x, y, c, 8) / 255.0; });
}

TEST_CASE("JPEG files are decoded", "[data]") {
  needs_jpeg();
  const auto value = [](int x, int y, int c) { return ramp(x, y, c) / 255.0; };
  check_picture(read_picture(kImages + "grey.jpg"), 13, 9, 1, value, 3.0f / 255);
  check_picture(read_picture(kImages + "rgb.jpg"), 13, 9, 3, value, 4.0f / 255);
  check_picture(read_picture(kImages + "progressive.jpg"), 13, 9, 3, value, 4.0f / 255);
  CHECK_THAT(
      error_of([] { read_picture(kImages + "cmyk.jpg"); }),
      Contains("[jpeg] expected a grey or RGB picture; got 4 channels (CMYK?) in '") && Contains("convert it to RGB"));
}

TEST_CASE("damaged PNG files are refused with libpng's reason", "[data]") {
  needs_png();
  const TempFolder folder;
  const Bytes good = read_bytes(kImages + "rgb8_interlaced.png");
  const auto message = [&](const Bytes& b) { return error_of([&] { read_picture(folder.write("x.png", b)); }); };
  for (std::size_t n = 4; n < good.size(); ++n) {  // every truncation
    Bytes b = good;
    b.resize(n);
    INFO(n);
    CHECK_THAT(message(b), Contains("[png] expected an intact PNG file; got '"));
  }
  for (std::size_t n = 8; n < good.size(); ++n) {  // every byte flipped, whichever error it is
    Bytes b = good;
    b[n] ^= 0xff;
    INFO(n);
    CHECK_THAT(message(b), Contains("[png] expected"));
  }
  Bytes b = good;
  b[45] ^= 1;  // in the first IDAT
  CHECK_THAT(message(b), Contains("CRC error"));
  CHECK_THAT(message({0xff, 0xd8, 0xfe}),
             Contains("[picture] expected a PNG (89 50 4e 47) or JPEG (ff d8 ff) file; got ff d8 fe in '"));
  CHECK_THAT(message({}), Contains("got an empty file in '"));
  // A header that claims 2^20 x 2^20 pixels, with a right checksum.
  b = good;
  for (const std::size_t at : {16, 20}) b[at] = 0, b[at + 1] = 0x10, b[at + 2] = 0, b[at + 3] = 0;
  const auto crc = crc32(0, b.data() + 12, 17);
  for (int i = 0; i < 4; ++i) b[static_cast<std::size_t>(29 + i)] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  CHECK_THAT(message(b), Contains("[png] expected 1 to 67108864 pixels; got 1048576 x 1048576 in '"));
  // 8192 x 8192 would be allowed, but not from 248 bytes.
  for (const std::size_t at : {16, 20}) b[at] = 0, b[at + 1] = 0, b[at + 2] = 0x20, b[at + 3] = 0;
  const auto second = crc32(0, b.data() + 12, 17);
  for (int i = 0; i < 4; ++i) b[static_cast<std::size_t>(29 + i)] = static_cast<std::uint8_t>(second >> (24 - 8 * i));
  CHECK_THAT(message(b), Contains("[png] expected as many pixels as the file can hold; got 8192 x 8192 in '"));
}

TEST_CASE("damaged JPEG files are refused with libjpeg's reason", "[data]") {
  needs_jpeg();
  const TempFolder folder;
  for (const char* name : {"rgb.jpg", "progressive.jpg"}) {
    const Bytes good = read_bytes(kImages + name);
    const auto message = [&](const Bytes& b) { return error_of([&] { read_picture(folder.write("x.jpg", b)); }); };
    for (std::size_t n = 3; n + 2 < good.size(); ++n) {  // every truncation, except of the end marker alone
      Bytes b = good;
      b.resize(n);
      INFO(name << " " << n);
      CHECK_THAT(message(b), Contains("[jpeg] expected an intact JPEG file; got '"));
    }
    for (std::size_t n = 3; n < good.size(); ++n) {  // bytes flipped: an error or another picture, never a crash
      Bytes b = good;
      b[n] ^= 0xff;
      const auto text = message(b);
      INFO(name << " " << n << " " << text);
      CHECK((text == "no error" || text.rfind("[jpeg] expected", 0) == 0));
    }
  }
}

TEST_CASE("pictures are cropped to the centre and resized without aliasing", "[data]") {
  Picture p{3, 6, 1, false, {}};
  for (int i = 0; i < 18; ++i) p.values.push_back(static_cast<float>(i) / 20);
  check_picture(square(p, 3), 3, 3, 1,
                [](int x, int y, int) { return (y * 6 + x + 1) / 20.0; });  // columns 1, 2, 3 of 0..5
  // Stripes of one pixel shrunk by four: their mean, not one of them.
  Picture stripes{32, 32, 1, false, {}};
  for (int i = 0; i < 32 * 32; ++i) stripes.values.push_back(static_cast<float>(i % 2));
  const Picture small = square(stripes, 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 1; x < 7; ++x) CHECK(small.values[static_cast<std::size_t>(y * 8 + x)] == Approx(0.5).margin(1e-6));
  CHECK(error_of([&] { square(p, 0); }) == "[picture] expected a side of 1 to 4096 pixels; got 0");
  CHECK(with_channels(p, 3).values.size() == 54);
  Picture colour{1, 1, 3, false, {0.5f, 0.25f, 1.0f}};
  CHECK(with_channels(colour, 1).values[0] == Approx(0.299 * 0.5 + 0.587 * 0.25 + 0.114));
  CHECK(error_of([&] { with_channels(p, 4); }) == "[picture] expected 1 or 3 channels; got 4");
}

TEST_CASE("resizing agrees with PyTorch's antialiased interpolation", "[data]") {
  const NamedTensors golden = load_safetensors(STEIN_TEST_DATA "/golden/resize.safetensors");
  for (const auto& [size, side] : {std::pair{8, 8}, {33, 8}, {31, 16}, {100, 32}, {7, 16}, {3, 28}, {64, 1}, {5, 4}}) {
    const std::string key = std::to_string(size) + "_to_" + std::to_string(side);
    INFO(key);
    const Picture p{size, size, 3, false, golden.at(key + ".input").to_vector<float>()};
    const auto expected = golden.at(key + ".output").to_vector<float>();
    std::size_t i = 0;
    check_picture(
        square(p, side), side, side, 3, [&](int, int, int) { return expected[i++]; }, 1e-5f);
  }
}

TEST_CASE("a folder of pictures becomes a data set", "[data]") {
  needs_png();
  const TempFolder folder;
  std::filesystem::create_directories(folder / "sub");
  for (int i = 0; i < 12; ++i)
    write_png(folder / ((i % 2 ? "sub/" : "") + std::string("image") + char('a' + i) + (i % 3 ? ".png" : ".PNG")),
              full({1, 10, 10}, i / 20.0));
  folder.write("notes.txt", {'x'});
  CHECK(is_image_folder(folder.path()));
  DataSplits data = read_image_folder(folder.path());  // 10 x 10 is square, even and small: kept
  CHECK(data.train.sample_shape() == Shape{1, 10, 10});
  CHECK(data.train.size() == 11);
  CHECK(data.held_out.size() == 1);
  // Paths in order: imagea, imagec, ..., imagek, sub/imageb, ...
  CHECK(data.train.first(2).to_vector<float>()[100] == static_cast<float>(std::lround(2 / 20.0 * 255)) / 255.0f);
  CHECK(data.held_out.first(1).to_vector<float>()[0] == static_cast<float>(std::lround(7 / 20.0 * 255)) / 255.0f);
  data = read_image_folder(folder.path(), {.image_size = 16, .channels = 3, .count = 5});
  CHECK(data.train.sample_shape() == Shape{3, 16, 16});
  CHECK(data.train.size() + data.held_out.size() == 5);

  std::filesystem::copy_file(kImages + "grey16.png", folder / "sub/zz.png");  // 16 bits: from then on f32
  data = read_image_folder(folder.path(), {.image_size = 2});
  const auto values = data.train.batch(std::vector<std::int64_t>{11}).to_vector<float>();
  CHECK(std::abs(values[0] * 255 - std::round(values[0] * 255)) > 1e-3);
  CHECK(data.train.first(2).to_vector<float>()[4] == static_cast<float>(std::lround(2 / 20.0 * 255)) / 255.0f);

  folder.write("sub/bad.png", {0x89, 'P', 'N', 'G'});
  CHECK_THAT(error_of([&] { read_image_folder(folder.path()); }),
             Contains("[png] expected") && Contains("sub/bad.png"));
  const TempFolder empty;
  CHECK_FALSE(is_image_folder(empty.path()));
  CHECK_THAT(error_of([&] { read_image_folder(empty.path()); }),
             Contains("[images] expected a folder with .png, .jpg or .jpeg files; got none in '"));
  CHECK_THAT(error_of([&] { read_image_folder(empty / "none"); }), Contains("[images] expected a folder; got '"));
}
