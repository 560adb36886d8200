// SPDX-License-Identifier: MIT
// Files that Python's numpy and safetensors wrote are read; files that we write are read by them.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "tests/support/error_of.h"
#include "tests/support/skip.h"
#include "tests/support/temp_dir.h"

using namespace stein;
using Catch::Matchers::Contains;
using stein::test::error_of;

namespace {

const std::string kFolder = STEIN_TEST_DATA "/python/";

/// Element i of every array in row-major order, as make_python_files.py and read_ours.py have it.
Tensor values(DType dtype, const Shape& shape) {
  Tensor t = empty(shape, dtype);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    if (dtype == f32) t.mutable_data<float>()[i] = static_cast<float>(i) / 4 - 1.5f;
    if (dtype == f64) t.mutable_data<double>()[i] = static_cast<double>(i) / 4 - 1.5;
    if (dtype == i64) t.mutable_data<std::int64_t>()[i] = 1000 * i - 2000;
    if (dtype == u8) t.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(40 * i);
    if (dtype == boolean) t.mutable_data<bool>()[i] = i % 3 == 1;
  }
  return t;
}

const std::pair<const char*, DType> kTypes[] = {{"f4", f32}, {"f8", f64}, {"i8", i64}, {"u1", u8}, {"b1", boolean}};

}  // namespace

TEST_CASE("numpy's files are read: every dtype, both orders, rank 0, empty, all versions", "[python]") {
  for (const auto& [name, dtype] : kTypes) {
    INFO(name);
    const std::string file = kFolder + name;
    CHECK(equal(load_npy(file + ".npy"), values(dtype, {2, 3})));
    CHECK(equal(load_npy(file + "_fortran.npy"), values(dtype, {2, 3})));
    CHECK(equal(load_npy(file + "_scalar.npy"), values(dtype, {})));
    CHECK(equal(load_npy(file + "_empty.npy"), values(dtype, {0, 3})));
  }
  CHECK(equal(load_npy(kFolder + "f4_version2.npy"), values(f32, {2, 3})));
  CHECK(equal(load_npy(kFolder + "f4_version3.npy"), values(f32, {2, 3})));
  CHECK(equal(load_npy(kFolder + "f8_fortran_3d.npy"), values(f64, {2, 3, 4})));
  const auto special = load_npy(kFolder + "f4_special.npy").to_vector<float>();
  REQUIRE(special.size() == 5);
  CHECK(std::isnan(special[0]));
  CHECK(special[1] == HUGE_VALF);
  CHECK(special[2] == -HUGE_VALF);
  CHECK((special[3] == 0 && std::signbit(special[3])));
  CHECK(special[4] == std::nextafter(0.0f, 1.0f));
}

TEST_CASE("numpy's files of other dtypes are refused by name", "[python]") {
  const auto message = [](const std::string& name) { return error_of([&] { load_npy(kFolder + name + ".npy"); }); };
  CHECK_THAT(message("refused_big_endian"), Contains("[npy] expected") && Contains(">f4"));
  CHECK_THAT(message("refused_i4"), Contains("[npy] expected") && Contains("<i4"));
  CHECK_THAT(message("refused_f2"), Contains("[npy] expected") && Contains("<f2"));
  CHECK_THAT(message("refused_complex"), Contains("[npy] expected") && Contains("<c16"));
  CHECK_THAT(message("refused_text"), Contains("[npy] expected") && Contains("<U2"));
  CHECK_THAT(message("refused_record"), Contains("[npy] expected"));
  CHECK_THAT(message("refused_object"), Contains("[npy] expected") && Contains("|O"));
}

TEST_CASE("safetensors' files are read: every dtype, rank 0, empty, metadata", "[python]") {
  Metadata metadata;
  const NamedTensors all = load_safetensors(kFolder + "all.safetensors", &metadata);
  CHECK(all.size() == 8);
  for (const auto& [name, dtype] : kTypes) {
    INFO(name);
    CHECK(equal(all.at(std::string("layer.") + name), values(dtype, {2, 3})));
  }
  CHECK(equal(all.at("scalar"), values(f32, {})));
  CHECK(equal(all.at("empty"), values(f64, {0, 4})));
  CHECK(equal(all.at("axes.of.one"), values(f32, {1, 6, 1})));
  CHECK(metadata == Metadata{{"format", "np"}, {"note", "quotes \" and \u00fcml\u00e4uts \\"}});
  CHECK(load_safetensors(kFolder + "nothing.safetensors").empty());
  CHECK_THAT(error_of([] { load_safetensors(kFolder + "refused_f16.safetensors"); }),
             Contains("[safetensors] expected") && Contains("F16"));
  CHECK_THAT(error_of([] { load_safetensors(kFolder + "refused_i32.safetensors"); }),
             Contains("[safetensors] expected") && Contains("I32"));
}

TEST_CASE("our files are read by numpy and safetensors", "[python]") {
  test::TempDir dir;
  NamedTensors all;
  for (const DType dtype : {f32, f64, i64, u8, boolean}) {
    const Tensor flat = values(dtype, {24});
    // The same values in row-major order, stored transposed or channels-last: the files follow logical order.
    Tensor transposed = as_strided(empty({2, 3}, dtype), {3, 2}, {1, 3}, 0),
           last = empty_channels_last({2, 3, 2, 2}, dtype);
    transposed.copy_(as_strided(flat, {3, 2}, {2, 1}, 0));
    last.copy_(as_strided(flat, {2, 3, 2, 2}, row_major({2, 3, 2, 2}), 0));
    const std::pair<const char*, Tensor> cases[] = {{"matrix", values(dtype, {2, 3})},
                                                    {"transposed", transposed},
                                                    {"channels_last", last},
                                                    {"scalar", values(dtype, {})},
                                                    {"empty", values(dtype, {0, 3})}};
    for (const auto& [name, t] : cases) {
      const std::string key = std::string(name_of(dtype)) + "_" + name;
      save_npy(dir / (key + ".npy"), t);
      all[key] = t;
    }
  }
  save_safetensors(dir / "all.safetensors", all, {{"note", "quotes \" and \u00fcml\u00e4uts \\"}});
  const char* chosen = std::getenv("STEIN_PYTHON");
  const std::string python = chosen ? chosen : "python3";
  if (std::system(("command -v '" + python + "' >/dev/null 2>&1").c_str()) != 0) test::skip("no " + python + " here");
  const std::string folder = std::filesystem::path(dir / "all.safetensors").parent_path().string();
  const int status =
      std::system(("'" + python + "' '" STEIN_SOURCE_DIR "/tests/python/read_ours.py' '" + folder + "'").c_str());
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) test::skip(python + " lacks numpy or safetensors (STEIN_PYTHON may name another)");
  CHECK(WEXITSTATUS(status) == 0);
}
