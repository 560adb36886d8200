// SPDX-License-Identifier: MIT
#include "smld/data/cifar10.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "smld/data/detail/bytes.h"

namespace stein::smld {
namespace {

constexpr std::size_t kPixels = 3 * 32 * 32, kRecord = kPixels + 1;

std::string inside(const std::string& folder, const std::string& file) {
  return (std::filesystem::path(folder) / file).string();
}

/// The records of several files as one data set.
Dataset read_records(const std::string& name, const std::vector<std::string>& paths) {
  std::vector<std::vector<std::uint8_t>> files;
  std::size_t count = 0;
  for (const auto& path : paths) {
    files.push_back(detail::read_file("cifar10", path));
    if (files.back().empty() || files.back().size() % kRecord)
      fail("cifar10", "a positive multiple of 3073 bytes (label, 3 x 32 x 32 pixels)",
           fmt::format("{} bytes in '{}'", files.back().size(), path),
           "the file is truncated, or not CIFAR-10's binary version");
    count += files.back().size() / kRecord;
  }
  Tensor x = empty({static_cast<std::int64_t>(count), 3, 32, 32}, u8),
         y = empty({static_cast<std::int64_t>(count)}, i64);
  std::uint8_t* pixels = x.mutable_data<std::uint8_t>();
  std::int64_t* labels = y.mutable_data<std::int64_t>();
  for (std::size_t f = 0; f < files.size(); ++f)
    for (std::size_t at = 0; at < files[f].size(); at += kRecord) {
      const std::uint8_t* record = files[f].data() + at;
      if (record[0] > 9)
        fail("cifar10", "labels 0 to 9", fmt::format("{} in record {} of '{}'", record[0], at / kRecord, paths[f]),
             "is this CIFAR-100 or another format?");
      *labels++ = record[0];
      pixels = std::copy_n(record + 1, kPixels, pixels);
    }
  return Dataset(name, x, y);
}

}  // namespace

Dataset read_cifar10_batch(const std::string& name, const std::string& path) { return read_records(name, {path}); }

bool is_cifar10_folder(const std::string& folder) {
  return std::filesystem::is_regular_file(inside(folder, "data_batch_1.bin"));
}

DataSplits read_cifar10_folder(const std::string& name, const std::string& folder) {
  std::vector<std::string> paths;
  for (int i = 1; i <= 5; ++i) {
    const auto path = inside(folder, fmt::format("data_batch_{}.bin", i));
    if (!std::filesystem::is_regular_file(path)) break;
    paths.push_back(path);
  }
  if (paths.empty()) fail("cifar10", "data_batch_1.bin", fmt::format("no such file in '{}'", folder));
  const Dataset train = read_records(name, paths);
  const auto test = inside(folder, "test_batch.bin");
  if (!std::filesystem::is_regular_file(test)) return split_every_tenth(train);
  return {train, read_cifar10_batch(name + ", held out", test)};
}

}  // namespace stein::smld
