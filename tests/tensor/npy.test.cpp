// SPDX-License-Identifier: MIT
#include "tensor/npy.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tensor/random.h"
#include "tests/support/temp_dir.h"

using namespace stein;
using test::read_file;
using test::TempDir;
using test::write_file;

namespace {

std::string npy(const std::string& dictionary, const std::string& data, char major = 1) {
  std::string s = "\x93NUMPY";
  s += major;
  s += '\0';
  const auto n = dictionary.size();
  s += static_cast<char>(n & 0xff);
  s += static_cast<char>(n >> 8);
  if (major > 1) s += std::string(2, '\0');
  return s + dictionary + data;
}

template <class T>
std::string bytes_of(std::vector<T> v) {
  return {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T)};
}

}  // namespace

TEST_CASE("npy: every dtype, special values, empty and rank-0 arrays come back") {
  TempDir dir;
  Generator g(1);
  const double inf = std::numeric_limits<double>::infinity();
  for (const Tensor& t : {randn({3, 4}, g), tensor({0.0, -0.0, inf, -inf, std::nan(""), 5e-324}, f64),
                          from_vector<std::int64_t>({INT64_MIN, -1, INT64_MAX}, {3}),
                          from_vector<std::uint8_t>({0, 255}, {2, 1}), tensor({{1, 0}, {0, 1}}, boolean), scalar(2.5),
                          zeros({2, 0, 3}, f64), ones({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2})}) {
    save_npy(dir / "a.npy", t);
    CHECK(equal(load_npy(dir / "a.npy"), t));
    CHECK(read_file(dir / "a.npy").find('\n') % 64 == 63);  // the elements start aligned
  }
}

TEST_CASE("npy: the very bytes of numpy.save") {
  TempDir dir;
  save_npy(dir / "a.npy", tensor({{1, 2, 3}, {4, 5, 6}}));
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  const std::string padded = dictionary + std::string(117 - dictionary.size(), ' ') + "\n";
  CHECK(read_file(dir / "a.npy") == npy(padded, bytes_of<float>({1, 2, 3, 4, 5, 6})));
}

TEST_CASE("npy: any layout is written in logical order, and Fortran order is read") {
  TempDir dir;
  Generator g(2);
  const Tensor rows = randn({2, 3, 4, 5}, g);
  Tensor last = empty_channels_last({2, 3, 4, 5}, f32);
  last.copy_(rows);
  save_npy(dir / "a", rows);
  save_npy(dir / "b", last);
  CHECK(read_file(dir / "a") == read_file(dir / "b"));
  write_file(dir / "f", npy("{'descr': '<i8', 'fortran_order': True, 'shape': (2, 3), }",
                            bytes_of<std::int64_t>({1, 4, 2, 5, 3, 6})));
  const Tensor t = load_npy(dir / "f");
  CHECK(t.is_contiguous());
  CHECK(equal(t, tensor({{1, 2, 3}, {4, 5, 6}}, i64)));
}

TEST_CASE("npy: versions 2 and 3, keys in any order, blanks and quotes as Python allows") {
  TempDir dir;
  const auto data = bytes_of<double>({1.5, -2});
  for (char version : {1, 2, 3})
    for (const char* dictionary : {"{'descr':'<f8','fortran_order':False,'shape':(2,)}",
                                   "{ \"shape\" : ( 2 , ) , 'fortran_order': False, 'descr': \"<f8\" , } \n",
                                   "{'fortran_order': True, 'descr': '<f8', 'shape': (1, 2), }\n",
                                   "{'fortran_order': True, 'descr': '<f8', 'shape': (1, 2,), }\n"}) {
      write_file(dir / "a", npy(dictionary, data, version));
      INFO(dictionary);
      CHECK(load_npy(dir / "a").to_vector<double>() == std::vector<double>{1.5, -2});
    }
}

TEST_CASE("npy: malformed files, each with its message") {
  TempDir dir;
  const auto path = dir / "bad.npy";
  const auto plain = [](const std::string& descr, const std::string& shape, std::size_t data) {
    return npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }", std::string(data, '\0'));
  };
  const std::string dtypes = "one of the dtypes <f4, <f8, <i8, |u1, |b1; got ",
                    keys = "the keys descr, fortran_order and shape, each once; got ";
  struct Case {
    std::string bytes, message, hint = "";
  };
  const Case cases[] = {
      {"", "a file that starts with \\x93NUMPY and a version; got a shorter file"},
      {"\x93NUMPY\1", "a file that starts with \\x93NUMPY and a version; got a shorter file"},
      {"PK\3\4 a zip file", "a file that starts with \\x93NUMPY and a version; got other bytes"},
      {npy("{}", "", 4), "format version 1.0, 2.0 or 3.0; got 4.0"},
      {npy("{}", "", 0), "format version 1.0, 2.0 or 3.0; got 0.0"},
      {std::string("\x93NUMPY\2\0\1\0", 10), "the length of the header; got the end of the file"},
      {std::string("\x93NUMPY\1\0\x80\0{}", 12), "a header of 128 bytes; got 2 bytes to the end of the file"},
      {std::string("\x93NUMPY\2\0\1\0\1\0{}", 14), "a header of at most 65536 bytes; got 65537"},
      {std::string("\x93NUMPY\3\0\xff\xff\xff\xff{}", 14), "a header of at most 65536 bytes; got 4294967295"},
      {npy("", ""), "'{' in the header; got its end"},
      {npy("[]", ""), "'{' in the header; got \"[]\""},
      {npy("{}", ""), keys + "fewer"},
      {npy("{'descr': '<f4', 'shape': (1,)}", "1234"), keys + "fewer"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), keys + "\"descr\""},
      {npy("{'color': 1}", ""), keys + "\"color\""},
      {npy("{'descr", ""), "a quoted word in the header; got \"'descr\""},
      {npy("{'descr' '<f4'}", ""), "':' in the header; got \"'<f4'}\""},
      {npy("{'shape': (1,) 'descr'", ""), "'}' in the header; got \"'descr'\""},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "1234"),
       "nothing after the header's dictionary; got \"x\""},
      {npy("{'fortran_order': 0}", ""), "fortran_order True or False; got \"0}\""},
      {plain("'>f4'", "(1,)", 4), dtypes + "\">f4\"", "; the bytes are big-endian: save x.astype('<f4')"},
      {plain("'|O'", "(1,)", 4), dtypes + "\"|O\"", "; objects are stored as pickles, which are never read"},
      {plain("'<f2'", "(1,)", 2), dtypes + "\"<f2\""},
      {plain("'<c8'", "(1,)", 8), dtypes + "\"<c8\""},
      {plain("[('a', '<f4')]", "(1,)", 4), dtypes + "a structured dtype"},
      {plain("'" + std::string(50, 'x') + "'", "(1,)", 4), dtypes + "\"" + std::string(40, 'x') + "...\""},
      {plain("'<f4'", "(3)", 12), "a shape such as (3, 4) or (3,); got a number in brackets"},
      {plain("'<f4'", "3", 12), "'(' in the header; got \"3, }\""},
      {plain("'<f4'", "(1 2)", 12), "a shape such as (3, 4) or (3,); got \"2), }\""},
      {plain("'<f4'", "(-1,)", 4), "sizes from 0 to 2^63 - 1 in the shape; got \"-1,), }\""},
      {plain("'<f4'", "(99999999999999999999,)", 4),
       "sizes from 0 to 2^63 - 1 in the shape; got \"99999999999999999999,), }\""},
      {plain("'<f4'", "(1,1,1,1,1,1,1,1,1,1,1,1,1)", 4), "at most 12 axes; got more"},
      {plain("'<f4'", "(4611686018427387904, 2)", 0),
       "a shape of fewer than 2^63 bytes; got f32 (4611686018427387904, 2)"},
      {plain("'<f4'", "(0, 4611686018427387904, 2)", 0),
       "a shape of fewer than 2^63 bytes; got f32 (0, 4611686018427387904, 2)"},
      {plain("'<f4'", "(1000000000, 1000)", 4), "4000000000000 bytes of elements for f32 (1000000000, 1000); got 4"},
      {plain("'<f4'", "(2,)", 7), "8 bytes of elements for f32 (2,); got 7"},
      {plain("'<f4'", "(2,)", 9), "8 bytes of elements for f32 (2,); got 9"},
      {npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\1\2\1"),
       "0 or 1 in every byte of a bool array; got another value at element 1"},
  };
  for (const auto& c : cases) {
    write_file(path, c.bytes);
    CHECK_THROWS_WITH(load_npy(path), "[npy] expected " + c.message + "; in '" + path + "'" + c.hint);
  }
  CHECK_THROWS_WITH(load_npy(dir / "none"),
                    "[npy] expected to read '" + (dir / "none") + "'; got No such file or directory");
}

TEST_CASE("npy: thousands of mutated files are read or refused, never more") {
  TempDir dir;
  const auto path = dir / "m";
  Generator g(98);
  const auto random = [&](std::size_t below) {
    return static_cast<std::size_t>(integers(0, static_cast<std::int64_t>(below), {}, g).item<std::int64_t>());
  };
  const std::string good = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", std::string(24, '\1'));
  const std::string pool = "{}()[]'\",:0123456789<>|=fiub?OTrue False\\\0\xff\x80\n";
  int read = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    auto bytes = good;
    for (std::size_t k = 0; k <= random(3) && bytes.size() > 30; ++k) {
      const auto at = random(bytes.size());
      switch (random(4)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random(8)));
          break;
        case 1:
          bytes[at] = pool[random(pool.size())];
          break;
        case 2:
          bytes.insert(at, 1, pool[random(pool.size())]);
          break;
        default:
          bytes.erase(at, 1 + random(8));
      }
    }
    if (random(2)) bytes[8] = static_cast<char>(static_cast<std::size_t>(bytes[8]) + bytes.size() - good.size());
    write_file(path, bytes);
    try {
      load_npy(path);
      ++read;
    } catch (const Error& e) {
      ++refused;
      if (std::string(e.what()).find(path) == std::string::npos) FAIL("names no file: " << e.what());
    }
  }
  CHECK(refused > 2000);
  CHECK(read > 10);
}
