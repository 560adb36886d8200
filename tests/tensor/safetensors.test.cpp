// SPDX-License-Identifier: MIT
#include "tensor/safetensors.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "tensor/random.h"
#include "tests/support/temp_dir.h"

using namespace stein;
using test::read_file;
using test::TempDir;
using test::write_file;

namespace {

std::string little_endian(std::uint64_t v) { return std::string(reinterpret_cast<const char*>(&v), 8); }

// A file from its two parts, with the right length in front.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, '\0');
}

NamedTensors samples() {
  Generator g(1);
  const double inf = std::numeric_limits<double>::infinity();
  return {{"weight", randn({3, 4}, g)},
          {"special", tensor({0.0, -0.0, inf, -inf, std::nan(""), 5e-324}, f64)},
          {"steps", from_vector<std::int64_t>({INT64_MIN, -1, INT64_MAX}, {3})},
          {"bytes", from_vector<std::uint8_t>({0, 255}, {2, 1})},
          {"mask", tensor({{1, 0}, {0, 1}}, boolean)},
          {"scalar", scalar(2.5)},
          {"empty", zeros({2, 0, 3}, f64)},
          {"name with \"quotes\", \xc3\xa4 and \\", scalar(1, u8)}};
}

}  // namespace

TEST_CASE("safetensors: every dtype, special values, empty and rank-0 tensors come back") {
  TempDir dir;
  const auto path = dir / "a.safetensors";
  const auto tensors = samples();
  for (bool checksum : {true, false}) {
    save_safetensors(path, tensors, {{"step", "12"}, {"config", "{\"a\": 1}\n"}}, checksum);
    Metadata metadata;
    const auto back = load_safetensors(path, &metadata);
    REQUIRE(back.size() == tensors.size());
    for (const auto& [name, t] : tensors) {
      INFO(name);
      CHECK(equal(back.at(name), t));
      CHECK(std::memcmp(back.at(name).raw(), t.raw(), static_cast<std::size_t>(t.numel()) * size_of(t.dtype())) == 0);
    }
    CHECK(metadata.at("step") == "12");
    CHECK(metadata.at("config") == "{\"a\": 1}\n");
    CHECK(metadata.contains("stein.crc32") == checksum);
  }
  save_safetensors(path, {});
  CHECK(load_safetensors(path).empty());
}

TEST_CASE("safetensors: names, shapes and single tensors without reading the rest") {
  TempDir dir;
  const auto path = dir / "a.safetensors";
  save_safetensors(path, samples());
  const SafetensorsFile file(path);
  CHECK(file.entries().size() == 8);
  CHECK(file.contains("mask"));
  CHECK_FALSE(file.contains("Mask"));
  CHECK(file.entry("weight").shape == Shape{3, 4});
  CHECK(file.entry("steps").dtype == i64);
  CHECK(equal(file.read("bytes"), samples().at("bytes")));
  for (const auto& e : file.entries()) CHECK(e.offset % static_cast<std::int64_t>(size_of(e.dtype)) == 0);
  CHECK_THROWS_WITH(
      file.read("Mask"),
      "[safetensors] expected one of the file's 8 tensors; got no such name; tensor 'Mask' in '" + path + "'");
}

TEST_CASE("safetensors: tensors of any layout are written in logical order") {
  TempDir dir;
  Generator g(2);
  const Tensor rows = randn({2, 3, 4, 5}, g);
  Tensor last = empty_channels_last({2, 3, 4, 5}, f32);
  last.copy_(rows);
  const Tensor turned = as_strided(rows, {5, 4}, {1, 5}, 7), same = as_strided(rows, {3, 2}, {0, 1}, 4);
  save_safetensors(dir / "a", {{"x", rows}, {"t", turned.clone()}, {"e", same.clone()}});
  save_safetensors(dir / "b", {{"x", last}, {"t", turned}, {"e", same}});
  CHECK(read_file(dir / "a") == read_file(dir / "b"));
}

TEST_CASE("safetensors: the checksum finds a flipped bit anywhere in the elements") {
  TempDir dir;
  const auto path = dir / "a";
  save_safetensors(path, {{"x", ones({100})}, {"m", ones({3}, boolean)}});
  const auto good = read_file(path);
  const std::size_t data = good.size() - 403;
  for (std::size_t at : {data, data + 200, good.size() - 4}) {
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(path, bytes);
    CHECK_THROWS_WITH(load_safetensors(path), Catch::StartsWith("[safetensors] expected elements with the checksum ") &&
                                                  Catch::EndsWith("in '" + path + "'"));
  }
  auto bytes = good;
  bytes.back() = 2;
  write_file(path, bytes);
  CHECK_THROWS_WITH(
      load_safetensors(path),
      "[safetensors] expected 0 or 1 in every byte of a BOOL tensor; got another value at element 2; tensor 'm' in '" +
          path + "'");
}

TEST_CASE("safetensors: files of the published format's own writer") {
  // What the Rust writer makes of {"b": f32 (2,), "a": u8 (3,)}: header padded with blanks, large elements first.
  TempDir dir;
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}  )";
  const float b[] = {1.5f, -2};
  write_file(dir / "x",
             little_endian(header.size()) + header + std::string(reinterpret_cast<const char*>(b), 8) + "\1\2\3");
  const auto t = load_safetensors(dir / "x");
  CHECK(t.at("b").to_vector<float>() == std::vector<float>{1.5f, -2});
  CHECK(t.at("a").to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 3});
}

TEST_CASE("safetensors: malformed files, each with its message") {
  TempDir dir;
  const auto path = dir / "bad";
  struct Case {
    std::string bytes, message;  // message without prefix and file name
  };
  const auto one = [](const std::string& body, std::size_t data) { return file_of("{\"w\":" + body + "}", data); };
  const std::string tensor = "; tensor 'w' in '", in = "; in '";
  const Case cases[] = {
      {"", "at least 8 bytes; got 0" + in},
      {"1234567", "at least 8 bytes; got 7" + in},
      {little_endian(0), "a header that starts with '{'; got an empty one" + in},
      {little_endian(16) + "{}", "a header of 16 bytes; got 2 bytes to the end of the file" + in},
      {little_endian(16777217) + "{}", "a header of at most 16777216 bytes; got 16777217" + in},
      {little_endian(~std::uint64_t{0}) + "{}", "a header of at most 16777216 bytes; got 18446744073709551615" + in},
      {file_of(" {}", 0), "a header that starts with '{'; got another character" + in},
      {file_of("[]", 0), "a header that starts with '{'; got another character" + in},
      {file_of("{", 0), "a header of well-formed JSON; got a mistake at its byte 2" + in},
      {file_of("{} x", 0), "a header of well-formed JSON; got a mistake at its byte 4" + in},
      {file_of("{\"\xff\":{}}", 0), "a header of well-formed JSON; got a mistake at its byte 3" + in},
      {one("3", 0), "an object with dtype, shape and data_offsets; got a number" + tensor},
      {one("null", 0), "an object with dtype, shape and data_offsets; got null" + tensor},
      {one("[{}]", 0), "an object with dtype, shape and data_offsets; got an array" + tensor},
      {one("{}", 0), "the keys dtype, shape and data_offsets, each once; got fewer" + tensor},
      {one(R"({"dtype":"F32","dtype":"F32"})", 0),
       "the keys dtype, shape and data_offsets, each once; got 'dtype'" + tensor},
      {one(R"({"color":1})", 0), "the keys dtype, shape and data_offsets, each once; got 'color'" + tensor},
      {one(R"({"dtype":"BF16","shape":[1],"data_offsets":[0,2]})", 2),
       "one of the dtypes F32, F64, I64, U8, BOOL; got 'BF16'" + tensor},
      {one(R"({"dtype":4})", 0), "a string for dtype; got a number" + tensor},
      {one(R"({"dtype":{}})", 0), "a string for dtype; got an object" + tensor},
      {one(R"({"shape":3})", 0), "an array for shape and data_offsets; got a number" + tensor},
      {one(R"({"shape":[[[[1]]]]})", 0), "whole numbers in shape and data_offsets; got an array" + tensor},
      {one(R"({"shape":["3"]})", 0), "whole numbers in shape and data_offsets; got a string" + tensor},
      {one(R"({"shape":[true]})", 0), "whole numbers in shape and data_offsets; got a boolean" + tensor},
      {one(R"({"shape":[-1]})", 0), "sizes and offsets of at least 0; got -1" + tensor},
      {one(R"({"shape":[1.5]})", 0), "whole numbers below 2^63; got 1.5" + tensor},
      {one(R"({"shape":[99999999999999999999]})", 0), "whole numbers below 2^63; got 99999999999999999999" + tensor},
      {one(R"({"shape":[9223372036854775808]})", 0), "numbers below 2^63; got 9223372036854775808" + tensor},
      {one(R"({"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1]})", 0), "at most 12 axes; got more" + tensor},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", 4), "two data_offsets; got 1" + tensor},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", 8), "two data_offsets; got 3" + tensor},
      {one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0),
       "a shape of fewer than 2^63 bytes; got f32 (4294967296, 4294967296)" + tensor},
      {one(R"({"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]})", 0),
       "a shape of fewer than 2^63 bytes; got f32 (0, 4611686018427387904, 4)" + tensor},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4),
       "data_offsets in order and within the 4 bytes after the header; got 4 to 0" + tensor},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7),
       "data_offsets in order and within the 7 bytes after the header; got 0 to 8" + tensor},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]})", 4),
       "data_offsets in order and within the 4 bytes after the header; got 0 to 9223372036854775807" + tensor},
      {one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8),
       "12 bytes for f32 (3,); got data_offsets 0 to 8" + tensor},
      {one(R"({"dtype":"U8","shape":[4],"data_offsets":[2,6]})", 6),
       "data_offsets that start at 0; got a gap: 2 to 6" + tensor},
      {one(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", 5), "4 bytes after the header; got 5" + in},
      {file_of(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
           6),
       "data_offsets that start at 4; got an overlap: 2 to 6" + tensor},
      {file_of(
           R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
           0),
       "each name once; got a second entry of this name" + tensor},
      {file_of(R"({"__metadata__":{"a":1}})", 0), "strings in __metadata__; got a number for 'a'" + in},
      {file_of(R"({"__metadata__":{"a":{}}})", 0), "strings in __metadata__; got an object for 'a'" + in},
      {file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "each key of __metadata__ once; got 'a' again" + in},
      {file_of(R"({"__metadata__":[]})", 0),
       "an object with dtype, shape and data_offsets; got an array; tensor '__metadata__' in '"},
  };
  for (const auto& c : cases) {
    write_file(path, c.bytes);
    CHECK_THROWS_WITH(load_safetensors(path), "[safetensors] expected " + c.message + path + "'");
  }
  CHECK_THROWS_WITH(load_safetensors(dir / "none"),
                    "[safetensors] expected to read '" + (dir / "none") + "'; got No such file or directory");
  CHECK_THROWS_WITH(load_safetensors(dir.path().string()),
                    "[safetensors] expected to read '" + dir.path().string() + "'; got a folder");
}

TEST_CASE("safetensors: limits on header and entries") {
  TempDir dir;
  NamedTensors many;
  for (int i = 0; i < 20; ++i) many["t" + std::to_string(i)] = zeros({1});
  save_safetensors(dir / "a", many);
  CHECK(SafetensorsFile(dir / "a", {.entries = 20}).entries().size() == 20);
  CHECK_THROWS_WITH(SafetensorsFile(dir / "a", {.entries = 18}),
                    Catch::StartsWith("[safetensors] expected at most 18 tensors; got more"));
  CHECK_THROWS_WITH(SafetensorsFile(dir / "a", {.header_bytes = 100}),
                    Catch::StartsWith("[safetensors] expected a header of at most 100 bytes; got "));
  const std::string deep(1000000, '[');  // neither recursion nor memory
  write_file(dir / "b", file_of("{\"a\":" + deep, 0));
  CHECK_THROWS_WITH(load_safetensors(dir / "b"), Catch::Contains("got an array"));
}

TEST_CASE("safetensors: what cannot be written") {
  TempDir dir;
  CHECK_THROWS_WITH(save_safetensors(dir / "a", {{"__metadata__", ones({1})}}),
                    "[save_safetensors] expected tensor names other than __metadata__; got __metadata__");
  CHECK_THROWS_WITH(save_safetensors(dir / "a", {{"x", Tensor()}}),
                    "[save_safetensors] expected defined tensors; got an undefined one; tensor 'x'");
  CHECK_THROWS_WITH(save_safetensors(dir / "a", {{"\xff", ones({1})}}),
                    "[save_safetensors] expected names and metadata in UTF-8; got '\xff'");
  CHECK_THROWS_WITH(save_safetensors(dir / "no/a", {}), "[save_safetensors] expected to write '" + (dir / "no/a") +
                                                            "'; got No such file or directory on create");
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("safetensors: thousands of mutated files are read or refused, never more") {
  TempDir dir;
  const auto path = dir / "m";
  save_safetensors(path, samples(), {{"k", "v"}});
  const auto good = read_file(path);
  const auto header_end = good.find("]}}") + 3;
  Generator g(99);
  const auto random = [&](std::size_t below) {
    return static_cast<std::size_t>(integers(0, static_cast<std::int64_t>(below), {}, g).item<std::int64_t>());
  };
  const std::string pool = "{}[]\",:0123456789-.eE\\\0\xff\x80 FUIBOLdtypeshape";
  int read = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    auto bytes = good;
    for (std::size_t k = 0; k <= random(3); ++k) {
      const auto at = random(i % 4 ? std::min(header_end, bytes.size()) : bytes.size());
      switch (random(5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random(8)));
          break;
        case 1:
          bytes[at] = pool[random(pool.size())];
          break;
        case 2:
          bytes.insert(at, 1, pool[random(pool.size())]);
          break;
        case 3:
          bytes.erase(at, 1 + random(8));
          break;
        default:
          bytes.resize(random(4) ? bytes.size() - random(std::min<std::size_t>(bytes.size(), 20)) : at);
      }
      if (bytes.empty()) bytes = good;
    }
    if (random(2) && bytes.size() > 8) {  // keep the length true, so that the mutation is looked at
      const std::uint64_t length = header_end - 8 + bytes.size() - good.size();
      std::memcpy(bytes.data(), &length, 8);
    }
    write_file(path, bytes);
    try {
      load_safetensors(path);
      ++read;
    } catch (const Error& e) {
      ++refused;
      if (std::string(e.what()).find(path) == std::string::npos) FAIL("names no file: " << e.what());
    }
  }
  CHECK(refused > 3000);
  CHECK(read > 10);
}
