// SPDX-License-Identifier: MIT
#include "smld/image.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "ops/ops.h"
#include "tensor/detail/atomic_file.h"

namespace stein::smld {
namespace {

template <class T>
Tensor grid(const Tensor& images, std::int64_t columns, std::int64_t pad, T grey) {
  const std::int64_t n = images.size(0), c = images.size(1), h = images.size(2), w = images.size(3);
  const std::int64_t rows = (n + columns - 1) / columns;
  const std::int64_t height = rows * (h + pad) + pad, width = columns * (w + pad) + pad;
  Tensor out = empty({c, height, width}, dtype_of<T>());
  T* to = out.mutable_data<T>();
  std::fill_n(to, out.numel(), grey);
  const T* from = images.data<T>();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < c; ++k)
      for (std::int64_t y = 0; y < h; ++y, from += w)
        std::copy_n(from, w,
                    to + (k * height + pad + i / columns * (h + pad) + y) * width + pad + i % columns * (w + pad));
  return out;
}

void put32(std::vector<std::uint8_t>& to, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(v >> shift));
}

void put_chunk(std::vector<std::uint8_t>& to, std::string_view type, const std::vector<std::uint8_t>& data) {
  put32(to, static_cast<std::uint32_t>(data.size()));
  const std::size_t start = to.size();
  to.insert(to.end(), type.begin(), type.end());
  to.insert(to.end(), data.begin(), data.end());
  put32(to, static_cast<std::uint32_t>(crc32_z(0, to.data() + start, to.size() - start)));
}

std::uint8_t to_byte(float v) {
  return v > 0 ? static_cast<std::uint8_t>(std::lround(std::min(v, 1.0f) * 255.0f)) : std::uint8_t{0};
}

}  // namespace

Tensor make_grid(const Tensor& images, std::int64_t columns, std::int64_t pad) {
  if (images.rank() != 4 || images.numel() == 0 || (images.dtype() != f32 && images.dtype() != u8))
    fail("make_grid", "f32 or u8 images (N, C, H, W), N > 0", describe(images));
  if (columns < 0 || pad < 0 || columns > 65536 || pad > 65536)
    fail("make_grid", "0 <= columns, pad <= 65536", fmt::format("columns {}, pad {}", columns, pad));
  if (columns == 0) columns = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(images.size(0)))));
  const Tensor x = images.is_contiguous() ? images : images.detach().clone();
  return x.dtype() == u8 ? grid<std::uint8_t>(x, columns, pad, 128) : grid<float>(x, columns, pad, 0.5f);
}

Tensor enlarge(const Tensor& image, std::int64_t width) {
  if (image.rank() != 3) fail("enlarge", "an image (C, H, W)", describe(image));
  const std::int64_t c = image.size(0), h = image.size(1), w = image.size(2);
  const std::int64_t times = std::max<std::int64_t>(1, (width + w - 1) / std::max<std::int64_t>(w, 1));
  return reshape(expand(reshape(image, {c, h, 1, w, 1}), {c, h, times, w, times}), {c, h * times, w * times});
}

std::string encode_png(const Tensor& image) {
  if (image.rank() != 3 || (image.size(0) != 1 && image.size(0) != 3) || (image.dtype() != f32 && image.dtype() != u8))
    fail("write_png", "an f32 or u8 image (1 or 3, H, W)", describe(image));
  const std::int64_t c = image.size(0), h = image.size(1), w = image.size(2);
  if (h < 1 || w < 1 || h > 1 << 20 || w > 1 << 20 || h * w > std::int64_t{1} << 28)
    fail("write_png", "1 to 2^28 pixels, at most 2^20 a side", describe(image));
  const Tensor x = image.is_contiguous() ? image : image.detach().clone();
  std::vector<std::uint8_t> raw;  // per row: filter 0 (none), then the pixels
  raw.reserve(static_cast<std::size_t>(h * (w * c + 1)));
  for (std::int64_t y = 0; y < h; ++y) {
    raw.push_back(0);
    for (std::int64_t i = 0; i < w; ++i)
      for (std::int64_t k = 0; k < c; ++k) {
        const std::int64_t at = (k * h + y) * w + i;
        raw.push_back(x.dtype() == u8 ? x.data<std::uint8_t>()[at] : to_byte(x.data<float>()[at]));
      }
  }
  uLongf size = compressBound(raw.size());
  std::vector<std::uint8_t> packed(size);
  if (compress2(packed.data(), &size, raw.data(), raw.size(), 6) != Z_OK)
    fail("write_png", "zlib to compress", "an error");
  packed.resize(size);
  std::vector<std::uint8_t> file{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  put32(header, static_cast<std::uint32_t>(w));
  put32(header, static_cast<std::uint32_t>(h));
  for (const int v : {8, c == 3 ? 2 : 0, 0, 0, 0})
    header.push_back(static_cast<std::uint8_t>(v));  // depth, colour type, ...
  put_chunk(file, "IHDR", header);
  put_chunk(file, "IDAT", packed);
  put_chunk(file, "IEND", {});
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

void write_png(const std::string& path, const Tensor& image) {
  stein::detail::write_atomically("write_png", path, encode_png(image));
}

}  // namespace stein::smld
