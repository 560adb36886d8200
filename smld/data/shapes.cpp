// SPDX-License-Identifier: MIT
#include "smld/data/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "tensor/random.h"

namespace stein::smld {
namespace {

enum Kind { kDisc, kRing, kSquare, kTriangle, kCross };
constexpr int kKinds = 5;

double box(double x, double y, double half_width, double half_height) {
  const double dx = std::abs(x) - half_width, dy = std::abs(y) - half_height;
  return std::hypot(std::max(dx, 0.0), std::max(dy, 0.0)) + std::min(std::max(dx, dy), 0.0);
}

/// Distance to the edge of a shape of radius r around 0, negative inside.
double distance(Kind kind, double x, double y, double r) {
  switch (kind) {
    case kDisc:
      return std::hypot(x, y) - r;
    case kRing:
      return std::abs(std::hypot(x, y) - 0.75 * r) - 0.25 * r;
    case kSquare:
      return box(x, y, 0.7 * r, 0.7 * r);
    case kTriangle: {  // equilateral, as the intersection of three half planes: exact but at the corners outside
      double d = -r;
      for (int k = 0; k < 3; ++k) {
        const double angle = 2 * std::numbers::pi * k / 3;
        d = std::max(d, x * std::sin(angle) + y * std::cos(angle) - 0.5 * r);
      }
      return d;
    }
    default:
      return std::min(box(x, y, 0.95 * r, 0.3 * r), box(x, y, 0.3 * r, 0.95 * r));
  }
}

}  // namespace

DataSplits make_shapes(const DataOptions& options) {
  const std::int64_t side = options.image_size ? options.image_size : 28,
                     channels = options.channels ? options.channels : 1;
  const std::int64_t count = options.count ? options.count : 10000;
  if (side < 8 || side > 512) fail("shapes", "an image size of 8 to 512", std::to_string(side));
  if (channels != 1 && channels != 3) fail("shapes", "1 or 3 channels", std::to_string(channels));
  if (count < 2) fail("shapes", "a count of at least 2", std::to_string(count));
  Tensor images = empty({count, channels, side, side}, u8), labels = empty({count}, i64);
  std::uint8_t* to = images.mutable_data<std::uint8_t>();
  std::int64_t* label = labels.mutable_data<std::int64_t>();
  const Generator root(options.seed);
  const double size = static_cast<double>(side);
  for (std::int64_t n = 0; n < count; ++n) {
    Generator generator = root.fork(static_cast<std::uint64_t>(n));
    const auto u = uniform({8}, generator, 0, 1, f64).to_vector<double>();
    const auto kind = static_cast<Kind>(std::min(static_cast<int>(u[0] * kKinds), kKinds - 1));
    const double r = size * (0.18 + 0.18 * u[1]), angle = 2 * std::numbers::pi * u[2];
    const double room = size - 2 * r - 2;  // all of a shape lies within r of its centre: one pixel of border stays free
    const double cx = r + 1 + room * u[3], cy = r + 1 + room * u[4], c = std::cos(angle), s = std::sin(angle);
    const std::array<double, 3> colour{0.5 + 0.5 * u[5], 0.5 + 0.5 * u[6], 0.5 + 0.5 * u[7]};
    label[n] = kind;
    for (std::int64_t channel = 0; channel < channels; ++channel)
      for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x) {
          const double dx = static_cast<double>(x) + 0.5 - cx, dy = static_cast<double>(y) + 0.5 - cy;
          const double cover = std::clamp(0.5 - distance(kind, c * dx + s * dy, c * dy - s * dx, r), 0.0, 1.0);
          *to++ = static_cast<std::uint8_t>(std::lround(255 * cover * colour[static_cast<std::size_t>(channel)]));
        }
  }
  return split_every_tenth(Dataset("shapes", images, labels));
}

}  // namespace stein::smld
