// SPDX-License-Identifier: MIT
#include "smld/data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "smld/data/detail/bytes.h"

namespace stein::smld {
namespace {

/// "file" or "file.gz" in `folder`; "" when neither exists.
std::string find(const std::string& folder, const std::string& file) {
  for (const char* ending : {"", ".gz"}) {
    const auto path = std::filesystem::path(folder) / (file + ending);
    if (std::filesystem::is_regular_file(path)) return path.string();
  }
  return {};
}

}  // namespace

Tensor read_idx(const std::string& path) {
  detail::ByteReader in("idx", path);
  std::array<std::uint8_t, 4> magic{};
  in.read(magic.data(), magic.size(), "the IDX header");
  if (magic[0] || magic[1])
    fail("idx", "a file that begins with 00 00", fmt::format("{} in '{}'", detail::hex(magic.data(), 4), path),
         "is this an IDX file (the format of MNIST)?");
  if (magic[2] != 8) fail("idx", "values of type 8 (unsigned bytes)", fmt::format("type {} in '{}'", magic[2], path));
  if (magic[3] < 1 || magic[3] > 4) fail("idx", "rank 1 to 4", fmt::format("rank {} in '{}'", magic[3], path));
  Shape shape;
  const std::uint64_t limit = std::min(in.bound(), detail::kMaxFileBytes);
  std::uint64_t total = 1;
  for (int axis = 0; axis < magic[3]; ++axis) {
    std::array<std::uint8_t, 4> b{};
    in.read(b.data(), b.size(), "the IDX header");
    const std::uint32_t size = std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
    if (size == 0) fail("idx", "sizes of at least 1", fmt::format("0 on axis {} of '{}'", axis, path));
    shape.push_back(size);
    if (__builtin_mul_overflow(total, std::uint64_t{size}, &total) || total > limit)
      fail("idx", fmt::format("sizes that fit the file (at most {} values)", limit),
           fmt::format("{} in '{}'", to_string(shape), path), "the header is damaged, or the file is truncated");
  }
  Tensor out = empty(shape, u8);
  in.read(out.mutable_data<std::uint8_t>(), static_cast<std::size_t>(total), "IDX values");
  in.finish();
  return out;
}

Dataset read_idx_images(const std::string& name, const std::string& images, const std::string& labels) {
  Tensor x = read_idx(images);
  if (x.rank() != 3 && x.rank() != 4)
    fail("idx", "images (N, H, W) or (N, C, H, W)", fmt::format("shape {} in '{}'", to_string(x.shape()), images),
         x.rank() == 1 ? "is this a file of labels?" : "");
  if (x.rank() == 3)
    x = as_strided(x, {x.size(0), 1, x.size(1), x.size(2)}, row_major({x.size(0), 1, x.size(1), x.size(2)}), 0);
  if (labels.empty()) return Dataset(name, x);
  const Tensor bytes = read_idx(labels);
  if (bytes.shape() != Shape{x.size(0)})
    fail("idx", fmt::format("{} labels, one an image", x.size(0)),
         fmt::format("shape {} in '{}'", to_string(bytes.shape()), labels));
  Tensor y = empty(bytes.shape(), i64);
  std::copy_n(bytes.data<std::uint8_t>(), bytes.numel(), y.mutable_data<std::int64_t>());
  return Dataset(name, x, y);
}

bool is_idx_folder(const std::string& folder) { return !find(folder, "train-images-idx3-ubyte").empty(); }

DataSplits read_idx_folder(const std::string& name, const std::string& folder) {
  const auto images = find(folder, "train-images-idx3-ubyte"), held_out = find(folder, "t10k-images-idx3-ubyte");
  if (images.empty())
    fail("idx", "train-images-idx3-ubyte or train-images-idx3-ubyte.gz", fmt::format("neither in '{}'", folder));
  const Dataset train = read_idx_images(name, images, find(folder, "train-labels-idx1-ubyte"));
  if (held_out.empty()) return split_every_tenth(train);
  const Dataset test = read_idx_images(name + ", held out", held_out, find(folder, "t10k-labels-idx1-ubyte"));
  if (train.sample_shape() != test.sample_shape())
    fail("idx", fmt::format("images {} as in '{}'", to_string(train.sample_shape()), images),
         fmt::format("{} in '{}'", to_string(test.sample_shape()), held_out));
  return {train, test};
}

}  // namespace stein::smld
