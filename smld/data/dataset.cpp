// SPDX-License-Identifier: MIT
#include "smld/data/dataset.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

namespace stein::smld {

Dataset::Dataset(std::string name, Tensor samples, Tensor labels)
    : name_(std::move(name)), samples_(std::move(samples)), labels_(std::move(labels)) {
  if ((samples_.rank() != 4 && samples_.rank() != 2) || (samples_.dtype() != u8 && samples_.dtype() != f32))
    fail("dataset", "u8 or f32 samples (N, C, H, W) or (N, D)", describe(samples_));
  if (samples_.numel() == 0) fail("dataset", "at least one sample with at least one value", describe(samples_));
  samples_ = samples_.is_contiguous() ? samples_.detach() : samples_.detach().clone();
  if (labels_.defined() && (labels_.dtype() != i64 || labels_.shape() != Shape{samples_.size(0)}))
    fail("dataset", fmt::format("i64 labels ({},)", samples_.size(0)), describe(labels_));
  if (samples_.dtype() == f32) {
    const float* v = samples_.data<float>();
    const bool image = samples_.rank() == 4;
    const auto bad = std::find_if_not(v, v + samples_.numel(),
                                      [=](float x) { return std::isfinite(x) && (!image || (x >= 0 && x <= 1)); });
    if (bad != v + samples_.numel())
      fail("dataset", image ? "image values in [0, 1]" : "finite values",
           fmt::format("{} in sample {} of '{}'", *bad, (bad - v) / (samples_.numel() / samples_.size(0)), name_),
           image && std::isfinite(*bad) ? "u8 values are divided by 255; scale others first" : "");
  }
  sample_shape_ = samples_.shape().slice(1, samples_.rank());
}

std::int64_t Dataset::row(std::int64_t index) const {
  if (index < 0 || index >= size()) fail("dataset", fmt::format("an index in [0, {})", size()), std::to_string(index));
  return rows_ ? (*rows_)[static_cast<std::size_t>(index)] : index;
}

Tensor Dataset::batch(std::span<const std::int64_t> indices) const {
  const auto count = static_cast<std::int64_t>(indices.size()), width = numel(sample_shape_);
  Tensor out = empty(Shape{count} + sample_shape_);
  float* to = out.mutable_data<float>();
  if (samples_.defined() && samples_.dtype() == u8) {
    static const auto table = [] {
      std::array<float, 256> t{};
      for (std::size_t i = 0; i < 256; ++i) t[i] = static_cast<float>(i) / 255.0f;
      return t;
    }();
    const std::uint8_t* from = samples_.data<std::uint8_t>();
    for (const std::int64_t i : indices) {
      const std::uint8_t* source = from + row(i) * width;
      to = std::transform(source, source + width, to, [](std::uint8_t v) { return table[v]; });
    }
  } else {
    for (const std::int64_t i : indices) {
      const float* source = samples_.data<float>() + row(i) * width;
      to = std::copy(source, source + width, to);
    }
  }
  return out;
}

Tensor Dataset::first(std::int64_t count) const {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, size())));
  std::iota(rows.begin(), rows.end(), 0);
  return batch(rows);
}

Tensor Dataset::labels(std::span<const std::int64_t> indices) const {
  if (!has_labels()) fail("dataset", "data with labels", fmt::format("'{}', which has none", name_));
  Tensor out = empty({static_cast<std::int64_t>(indices.size())}, i64);
  std::transform(indices.begin(), indices.end(), out.mutable_data<std::int64_t>(),
                 [&](std::int64_t i) { return labels_.data<std::int64_t>()[row(i)]; });
  return out;
}

std::uint32_t Dataset::checksum() const {
  const auto bytes = static_cast<std::size_t>(numel(sample_shape_)) * size_of(samples_.dtype());
  const std::string shape = to_string(sample_shape_);
  auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(shape.data()), shape.size());
  const auto* from = static_cast<const Bytef*>(samples_.raw());
  for (std::int64_t i = 0; i < size(); ++i) crc = crc32_z(crc, from + static_cast<std::size_t>(row(i)) * bytes, bytes);
  return static_cast<std::uint32_t>(crc);
}

Dataset Dataset::subset(std::string name, const std::vector<std::int64_t>& rows) const {
  auto own = std::make_shared<std::vector<std::int64_t>>();
  own->reserve(rows.size());
  for (const std::int64_t i : rows) own->push_back(row(i));
  Dataset out = *this;
  out.name_ = std::move(name);
  out.rows_ = std::move(own);
  return out;
}

DataSplits split_every_tenth(const Dataset& data) {
  const std::int64_t n = data.size();
  if (n < 2)
    fail("data", "at least 2 samples, one to train on and one to hold out", fmt::format("{} in '{}'", n, data.name()));
  std::vector<std::int64_t> train, held_out;
  for (std::int64_t i = 0; i < n; ++i) ((n < 10 ? i == n - 1 : i % 10 == 9) ? held_out : train).push_back(i);
  return {data.subset(data.name(), train), data.subset(data.name() + ", held out", held_out)};
}

}  // namespace stein::smld
