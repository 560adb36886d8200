// SPDX-License-Identifier: MIT
#include "smld/run_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "ops/ops.h"
#include "smld/chart.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/recording.h"

namespace stein::smld {
namespace {

std::string header(const std::vector<double>& sigmas) {
  std::string s = "step,seconds,loss,loss_average,images_per_second,held_out_mean,gaussian_mean";
  for (double sigma : sigmas) s += fmt::format(",held_out_sigma_{0:.4g},gaussian_sigma_{0:.4g}", sigma);
  return s + "\n";
}

std::string line(const MetricsRow& r, const std::vector<double>& gaussian) {
  std::string s =
      fmt::format("{},{:.3f},{:.9g},{:.9g},{:.4g}", r.step, r.seconds, r.loss, r.loss_average, r.images_per_second);
  if (r.held_out.empty()) return s + std::string(2 + 2 * gaussian.size(), ',') + "\n";
  s += fmt::format(",{:.9g},{:.9g}", mean_of(r.held_out), mean_of(gaussian));
  for (std::size_t i = 0; i < gaussian.size(); ++i) s += fmt::format(",{:.9g},{:.9g}", r.held_out[i], gaussian[i]);
  return s + "\n";
}

// The numbers of one line; empty fields become NaN.
std::vector<double> fields(const std::string& text) {
  std::vector<double> r;
  std::size_t at = 0;
  for (;;) {
    const auto comma = std::min(text.find(',', at), text.size());
    double v = std::nan("");
    std::from_chars(text.data() + at, text.data() + comma, v);
    r.push_back(v);
    if (comma == text.size()) return r;
    at = comma + 1;
  }
}

}  // namespace

double mean_of(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

MetricsFile::MetricsFile(std::string path, std::vector<double> sigmas, std::vector<double> gaussian, std::int64_t keep)
    : path_(std::move(path)), sigmas_(std::move(sigmas)), gaussian_(std::move(gaussian)) {
  if (std::ifstream old(path_); old) {
    std::string text;
    std::getline(old, text);
    if (text + "\n" != header(sigmas_)) fail("metrics", "the columns of this run in " + path_, text.substr(0, 80));
    while (std::getline(old, text)) {
      const auto f = fields(text);
      if (f.size() != 7 + 2 * sigmas_.size() || !(f[0] <= static_cast<double>(keep))) continue;
      MetricsRow r{static_cast<std::int64_t>(f[0]), f[1], f[2], f[3], f[4], {}};
      if (f[5] == f[5])
        for (std::size_t i = 0; i < sigmas_.size(); ++i) r.held_out.push_back(f[7 + 2 * i]);
      rows_.push_back(r);
    }
  }
  rewrite();
}

std::int64_t MetricsFile::count_rows(const std::string& path) {
  std::ifstream in(path);
  const auto lines = std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  return std::max<std::int64_t>(0, lines - 1);
}

void MetricsFile::rewrite() {
  std::string content = header(sigmas_);
  for (const auto& r : rows_) content += line(r, gaussian_);
  file_.reset();
  detail::write_atomically("metrics", path_, content);
  file_.reset(std::fopen(path_.c_str(), "a"));
  if (!file_) fail("metrics", "to open " + path_, std::strerror(errno));
}

void MetricsFile::evaluated(const std::vector<double>& held_out) {
  if (rows_.empty()) return;
  rows_.back().held_out = held_out;
  rewrite();
}

void MetricsFile::append(const MetricsRow& row) {
  rows_.push_back(row);
  const auto text = line(row, gaussian_);
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0)
    fail("metrics", "to write " + path_, std::strerror(errno));
}

std::string MetricsFile::chart() const {
  Curve loss{"training loss", "#c9d8ee", {}, {}, 1}, average{"moving average", "#1f5fb4", {}, {}, 2};
  Curve held{"held-out loss, mean over levels", "#d1495b", {}, {}, 2},
      gauss{"best linear score (Gaussian)", "#888888", {}, {}, 1.5};
  const std::size_t every = rows_.size() / 2000 + 1;  // more points than a screen shows only make the file long
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto& r = rows_[i];
    const auto x = static_cast<double>(r.step);
    if (i % every == 0) {
      loss.x.push_back(x);
      loss.y.push_back(r.loss);
      average.x.push_back(x);
      average.y.push_back(r.loss_average);
    }
    if (r.held_out.empty()) continue;
    held.x.push_back(x);
    held.y.push_back(mean_of(r.held_out));
    gauss.x.push_back(x);
    gauss.y.push_back(mean_of(gaussian_));
  }
  return line_chart("NCSN training", "step", "sigma-weighted denoising loss", {loss, average, held, gauss});
}

Tensor side_by_side(const std::vector<Tensor>& grids) {
  NoGrad guard;
  std::int64_t height = 0;
  for (const auto& g : grids) height = std::max(height, g.size(1));
  Tensors parts;
  for (const auto& g : grids) {
    if (!parts.empty()) parts.push_back(ones({g.size(0), height, 8}, g.dtype()));
    Tensor padded = ones({g.size(0), height, g.size(2)}, g.dtype());
    narrow(padded, 1, 0, g.size(1)).copy_(g);
    parts.push_back(padded);
  }
  return concat(parts, 2);
}

}  // namespace stein::smld
