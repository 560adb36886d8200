// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string_view>

#include "smld/data/cifar10.h"
#include "smld/data/idx.h"
#include "smld/data/image_folder.h"
#include "smld/data/mixture.h"
#include "smld/data/npy_data.h"
#include "smld/data/shapes.h"
#include "tensor/detail/names.h"

namespace stein::smld {
namespace {

namespace fs = std::filesystem;

/// The folder of a data set known by name: $STEIN_DATA/name, else where Debian's packages put it.
std::string folder_of(const std::string& name) {
  if (const char* root = std::getenv("STEIN_DATA"); root && fs::is_directory(fs::path(root) / name))
    return (fs::path(root) / name).string();
  return "/usr/share/datasets/" + name;
}

Dataset at_most(const Dataset& data, std::int64_t count) {
  if (count <= 0 || count >= data.size()) return data;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return data.subset(data.name(), rows);
}

DataSplits open_folder(const std::string& path, const DataOptions& options) {
  if (is_idx_folder(path)) return read_idx_folder(path, path);
  if (is_cifar10_folder(path)) return read_cifar10_folder(path, path);
  if (is_image_folder(path)) return read_image_folder(path, options);
  fail("data", "a folder with train-images-idx3-ubyte[.gz], data_batch_1.bin, or PNG or JPEG files",
       fmt::format("none of them in '{}'", path));
}

DataSplits open_file(const std::string& path) {
  std::array<char, 6> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  if (std::string_view(magic.data(), magic.size()) == "\x93NUMPY") return split_every_tenth(read_npy_data(path));
  if ((magic[0] == '\x1f' && magic[1] == '\x8b') || (magic[0] == 0 && magic[1] == 0))
    return split_every_tenth(read_idx_images(path, path));
  fail("data", "an IDX file (gzipped or not) or an .npy file", fmt::format("'{}', which begins like neither", path),
       "a single picture is not a data set: name its folder");
}

}  // namespace

DataSplits open_data(const std::string& name, const DataOptions& options) {
  if (options.count < 0) fail("data", "a count of 0 (all) or more", std::to_string(options.count));
  if (name == "shapes") return make_shapes(options);
  if (GaussianMixture::is_name(name))
    return GaussianMixture::named(name).dataset(name, options.count ? options.count : 10000, options.seed);
  DataSplits out;
  if (name == "fashion-mnist") {
    const auto folder = folder_of(name);
    if (!is_idx_folder(folder))
      fail("data", "Fashion-MNIST's files", fmt::format("none in '{}'", folder),
           "on Debian: apt-get install dataset-fashion-mnist; elsewhere put them in $STEIN_DATA/fashion-mnist");
    out = read_idx_folder(name, folder);
  } else if (fs::is_directory(name)) {
    out = open_folder(name, options);
  } else if (fs::is_regular_file(name)) {
    out = open_file(name);
  } else {
    const auto meant =
        stein::detail::did_you_mean(name, {"fashion-mnist", "shapes", "two", "ring", "grid", "ellipses"});
    fail("data", "the name of a data set (fashion-mnist, shapes, two, ring, grid, ellipses) or a path",
         fmt::format("'{}'", name),
         name == "mnist" || name == "cifar10" ? "give the folder with its files"
         : meant.empty()                      ? "is the path right?"
                                              : meant);
  }
  return {at_most(out.train, options.count), at_most(out.held_out, options.count)};
}

}  // namespace stein::smld
