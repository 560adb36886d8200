// SPDX-License-Identifier: MIT
#include "smld/data/image_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "smld/data/detail/bytes.h"
#include "smld/data/detail/decode.h"

namespace stein::smld {
namespace fs = std::filesystem;

void detail::check_pixels(const char* op, std::uint64_t width, std::uint64_t height, const std::string& path) {
  std::uint64_t pixels = 0;
  if (__builtin_mul_overflow(width, height, &pixels) || pixels == 0 || pixels > static_cast<std::uint64_t>(kMaxPixels))
    fail(op, fmt::format("1 to {} pixels", kMaxPixels), fmt::format("{} x {} in '{}'", width, height, path));
}

Picture read_picture(const std::string& path) {
  const auto file = detail::read_file("picture", path, std::uint64_t{1} << 28);
  if (file.size() >= 4 && file[0] == 0x89 && file[1] == 'P' && file[2] == 'N' && file[3] == 'G')
    return detail::decode_png(file, path);
  if (file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff) return detail::decode_jpeg(file, path);
  fail("picture", "a PNG (89 50 4e 47) or JPEG (ff d8 ff) file",
       fmt::format("{} in '{}'", detail::hex(file.data(), std::min<std::size_t>(file.size(), 4)), path));
}

namespace {

/// Which inputs an output position is the mean of, and with which weights.
struct Taps {
  std::int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> triangle(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), width = std::max(scale, 1.0);
  std::vector<Taps> taps;
  for (std::int64_t o = 0; o < out; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - width + 0.5), 0);
    const auto last = std::min<std::int64_t>(static_cast<std::int64_t>(centre + width + 0.5), in);
    std::vector<double> w;
    double total = 0;
    for (std::int64_t i = first; i < last; ++i) {
      w.push_back(std::max(0.0, 1.0 - std::abs((static_cast<double>(i) + 0.5 - centre) / width)));
      total += w.back();
    }
    Taps t{first, {}};
    for (const double v : w) t.weights.push_back(static_cast<float>(v / total));
    taps.push_back(std::move(t));
  }
  return taps;
}

std::vector<fs::path> image_files(const std::string& folder, bool only_first) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) fail("images", "a folder", fmt::format("'{}'", folder));
  for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    auto ending = entry.path().extension().string();
    std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!entry.is_regular_file() || (ending != ".png" && ending != ".jpg" && ending != ".jpeg")) continue;
    files.push_back(entry.path());
    if (only_first) break;
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Picture square(const Picture& p, std::int64_t side) {
  if (side < 1 || side > 4096) fail("picture", "a side of 1 to 4096 pixels", std::to_string(side));
  const std::int64_t crop = std::min(p.height, p.width), top = (p.height - crop) / 2, left = (p.width - crop) / 2,
                     c = p.channels;
  const auto taps = triangle(crop, side);
  Picture out{side, side, c, p.deep, {}};
  std::vector<float> rows(static_cast<std::size_t>(crop * side * c));  // resized along the width: (crop, side, C)
  for (std::int64_t y = 0; y < crop; ++y)
    for (std::int64_t x = 0; x < side; ++x)
      for (std::int64_t k = 0; k < c; ++k) {
        const Taps& t = taps[static_cast<std::size_t>(x)];
        const float* from = p.values.data() + ((top + y) * p.width + left + t.first) * c + k;
        float sum = 0;
        for (std::size_t i = 0; i < t.weights.size(); ++i) sum += t.weights[i] * from[static_cast<std::int64_t>(i) * c];
        rows[static_cast<std::size_t>((y * side + x) * c + k)] = sum;
      }
  out.values.resize(static_cast<std::size_t>(side * side * c));
  for (std::int64_t y = 0; y < side; ++y) {
    const Taps& t = taps[static_cast<std::size_t>(y)];
    float* to = out.values.data() + y * side * c;
    for (std::size_t i = 0; i < t.weights.size(); ++i) {
      const float* from = rows.data() + (t.first + static_cast<std::int64_t>(i)) * side * c;
      for (std::int64_t k = 0; k < side * c; ++k) to[k] += t.weights[i] * from[k];
    }
  }
  for (float& v : out.values) v = std::clamp(v, 0.0f, 1.0f);  // weights that sum to 1 + 1e-7 may step outside
  return out;
}

Picture with_channels(const Picture& p, int channels) {
  if (channels != 1 && channels != 3) fail("picture", "1 or 3 channels", std::to_string(channels));
  if (channels == p.channels) return p;
  Picture out{p.height, p.width, channels, p.deep, {}};
  out.values.reserve(static_cast<std::size_t>(p.height * p.width * channels));
  for (std::size_t i = 0; i < p.values.size(); i += static_cast<std::size_t>(p.channels)) {
    if (channels == 3)
      out.values.insert(out.values.end(), 3, p.values[i]);
    else
      out.values.push_back(0.299f * p.values[i] + 0.587f * p.values[i + 1] + 0.114f * p.values[i + 2]);
  }
  return out;
}

bool is_image_folder(const std::string& folder) { return !image_files(folder, true).empty(); }

DataSplits read_image_folder(const std::string& folder, const DataOptions& options) {
  auto files = image_files(folder, false);
  if (files.empty()) fail("images", "a folder with .png, .jpg or .jpeg files", fmt::format("none in '{}'", folder));
  if (options.count > 0 && static_cast<std::int64_t>(files.size()) > options.count)
    files.resize(static_cast<std::size_t>(options.count));
  const Picture first = read_picture(files[0].string());
  const bool keep = first.height == first.width && first.width <= 64 && first.width % 2 == 0;
  const std::int64_t side = options.image_size ? options.image_size : keep ? first.width : 32;
  const int channels = options.channels ? options.channels : static_cast<int>(first.channels);
  const auto count = static_cast<std::int64_t>(files.size()), plane = side * side;

  Tensor shallow, deep;  // u8 until the first file with 16 bits turns up
  std::uint8_t* bytes = nullptr;
  float* floats = nullptr;
  for (std::int64_t n = 0; n < count; ++n) {
    const auto p =
        with_channels(square(n ? read_picture(files[static_cast<std::size_t>(n)].string()) : first, side), channels);
    if (n == 0) {
      shallow = empty({count, channels, side, side}, u8);
      bytes = shallow.mutable_data<std::uint8_t>();
    }
    if (p.deep && !floats) {
      deep = empty(shallow.shape());
      floats = deep.mutable_data<float>();
      for (std::int64_t i = 0; i < n * channels * plane; ++i) floats[i] = static_cast<float>(bytes[i]) / 255.0f;
    }
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t i = 0; i < plane; ++i) {
        const float v = p.values[static_cast<std::size_t>(i * channels + c)];
        const std::int64_t at = (n * channels + c) * plane + i;
        if (floats)
          floats[at] = v;
        else
          bytes[at] = static_cast<std::uint8_t>(std::lround(v * 255.0f));
      }
  }
  return split_every_tenth(Dataset(folder, deep.defined() ? deep : shallow));
}

}  // namespace stein::smld
