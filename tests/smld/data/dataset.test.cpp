// SPDX-License-Identifier: MIT
#include "smld/data/dataset.h"

#include <catch2/catch.hpp>
#include <limits>

#include "smld/data/idx.h"
#include "smld/image.h"
#include "tensor/npy.h"
#include "tests/smld/data/files.h"
#include "tests/support/skip.h"

using namespace stein;
using namespace stein::smld;
using namespace stein::test;
using Catch::Matchers::Contains;

TEST_CASE("a data set hands out copies in f32", "[data]") {
  const Dataset images("toy", from_vector<std::uint8_t>({0, 51, 102, 255}, {2, 1, 1, 2}));
  CHECK(images.is_image());
  Tensor b = images.first(9);
  CHECK(b.to_vector<float>() == std::vector<float>{0, 51.0f / 255, 102.0f / 255, 1});
  b.fill_(7);
  CHECK(images.first(1).to_vector<float>()[1] == 51.0f / 255);
  const Dataset points("toy", from_vector<float>({1, -2, 3, 4, 5, 6}, {3, 2}),
                       from_vector<std::int64_t>({7, 8, 9}, {3}));
  CHECK_FALSE(points.is_image());
  const Dataset part = points.subset("part", {2, 0}).subset("part of it", {1});
  CHECK(part.size() == 1);
  CHECK(part.first(1).to_vector<float>() == std::vector<float>{1, -2});
  CHECK(part.labels(std::vector<std::int64_t>{0}).to_vector<std::int64_t>() == std::vector<std::int64_t>{7});
  CHECK(part.batch({}).shape() == Shape{0, 2});
  CHECK(error_of([&] { part.batch(std::vector<std::int64_t>{1}); }) == "[dataset] expected an index in [0, 1); got 1");
  CHECK(error_of([&] { points.subset("x", {-1}); }) == "[dataset] expected an index in [0, 3); got -1");
}

TEST_CASE("data sets refuse what they cannot hold", "[data]") {
  CHECK(error_of([] {
          Dataset("x", zeros({3, 2, 2}));
        }) == "[dataset] expected u8 or f32 samples (N, C, H, W) or (N, D); got f32 (3, 2, 2)");
  CHECK(error_of([] {
          Dataset("x", zeros({3, 2}, i64));
        }) == "[dataset] expected u8 or f32 samples (N, C, H, W) or (N, D); got i64 (3, 2)");
  CHECK(error_of([] {
          Dataset("x", zeros({0, 2}));
        }) == "[dataset] expected at least one sample with at least one value; got f32 (0, 2)");
  CHECK(error_of([] {
          Dataset("x", zeros({3, 2}), zeros({2}, i64));
        }) == "[dataset] expected i64 labels (3,); got i64 (2,)");
  Tensor bad = zeros({3, 2});
  bad.mutable_data<float>()[5] = std::numeric_limits<float>::infinity();
  CHECK(error_of([&] { Dataset("x", bad); }) == "[dataset] expected finite values; got inf in sample 2 of 'x'");
  bad.fill_(1.5);
  CHECK(error_of([&] {
          Dataset("x", as_strided(bad, {3, 1, 1, 2}, {2, 2, 2, 1}, 0));
        }) ==
        "[dataset] expected image values in [0, 1]; got 1.5 in sample 0 of 'x'; u8 values are divided by 255; scale "
        "others first");
  CHECK(error_of([] {
          split_every_tenth(Dataset("x", zeros({1, 2})));
        }) == "[data] expected at least 2 samples, one to train on and one to hold out; got 1 in 'x'");
}

TEST_CASE("data is opened by name and by path", "[data]") {
  const TempFolder folder;
  CHECK(open_data("shapes", {.count = 20}).train.size() == 18);
  CHECK(open_data("ring", {.count = 30}).train.sample_shape() == Shape{2});
  Bytes idx{0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2};
  idx.resize(16 + 80, 9);
  CHECK(open_data(folder.write("images", idx)).train.size() == 18);
  CHECK(open_data(folder.write("images.gz", gzip(idx)), {.count = 5}).train.size() == 5);
  CHECK(
      open_data(folder.write("idx/train-images-idx3-ubyte", idx).substr(0, (folder / "idx").size())).held_out.size() ==
      2);
  Bytes record(3073 * 2, 1);
  folder.write("cifar/data_batch_1.bin", record);
  CHECK(open_data(folder / "cifar").train.sample_shape() == Shape{3, 32, 32});
  save_npy(folder / "points.npy", ones({10, 3}, f64));
  CHECK(open_data(folder / "points.npy").train.sample_shape() == Shape{3});
  save_npy(folder / "images.npy", full({10, 4, 6}, 51, u8));
  const DataSplits npy = open_data(folder / "images.npy");
  CHECK(npy.train.sample_shape() == Shape{1, 4, 6});
  CHECK(npy.train.first(1).to_vector<float>()[0] == 51.0f / 255);
#ifdef STEIN_HAVE_PNG
  std::filesystem::create_directories(folder / "pictures");
  for (const char* name : {"pictures/a.png", "pictures/b.png"}) write_png(folder / name, zeros({3, 8, 8}));
  CHECK(open_data(folder / "pictures").train.sample_shape() == Shape{3, 8, 8});
#endif
}

TEST_CASE("data that cannot be opened says what was looked for", "[data]") {
  const TempFolder folder;
  CHECK(error_of([] { open_data("fashion"); }) ==
        "[data] expected the name of a data set (fashion-mnist, shapes, two, ring, grid, ellipses) or a path; got "
        "'fashion'; did you mean fashion-mnist?");
  CHECK_THAT(error_of([&] { open_data(folder.path()); }),
             Contains("[data] expected a folder with train-images-idx3-ubyte[.gz], data_batch_1.bin, or PNG or JPEG "
                      "files; got none of them in '"));
  CHECK_THAT(error_of([&] {
               open_data(folder.write("x.png", {0x89, 'P', 'N', 'G', 1, 2, 3}));
             }),
             Contains("[data] expected an IDX file (gzipped or not) or an .npy file; got '") &&
                 Contains("which begins like neither"));
  CHECK_THAT(error_of([&] { open_data(folder.write("empty", {})); }),
             Contains("[data] expected") || Contains("[idx] expected"));
  save_npy(folder / "i64.npy", zeros({10, 3}, i64));
  CHECK_THAT(error_of([&] { open_data(folder / "i64.npy"); }),
             Contains("[npy data] expected u8, f32 or f64 images (N, C, H, W) or (N, H, W), or vectors (N, D); got i64 "
                      "(10, 3) in '"));
  save_npy(folder / "huge.npy", full({10, 3}, 1e300, f64));
  CHECK_THAT(error_of([&] { open_data(folder / "huge.npy"); }),
             Contains("[dataset] expected finite values; got inf in sample 0 of '"));
  CHECK(error_of([] { open_data("shapes", {.count = -1}); }) == "[data] expected a count of 0 (all) or more; got -1");
}

TEST_CASE("Fashion-MNIST is found where Debian puts it", "[data]") {
  if (!is_idx_folder("/usr/share/datasets/fashion-mnist"))
    skip("Debian's package dataset-fashion-mnist is not installed");
  const DataSplits data = open_data("fashion-mnist");
  CHECK(data.train.size() == 60000);
  CHECK(data.held_out.size() == 10000);
  CHECK(data.train.sample_shape() == Shape{1, 28, 28});
  CHECK(data.train.labels(std::vector<std::int64_t>{0, 1, 2, 3}).to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{9, 0, 0, 3});
  double sum = 0;
  for (const float v : data.train.first(60000).to_vector<float>()) sum += v;
  CHECK(sum / (60000.0 * 784) == Approx(0.28604).margin(1e-5));  // the published mean of the training set
}
