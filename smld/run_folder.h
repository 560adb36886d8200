// SPDX-License-Identifier: MIT
// The files of a training run, beside its checkpoints.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace stein::smld {

/// One row of metrics.csv: a step's training loss and, after an evaluation, the held-out loss of every level.
struct MetricsRow {
  std::int64_t step = 0;         ///< updates made
  double seconds = 0;            ///< of training so far, over all sessions
  double loss = 0;               ///< of the last batch
  double loss_average = 0;       ///< moving average
  double images_per_second = 0;  ///< in this step
  std::vector<double> held_out;  ///< per level; empty: not evaluated at this step
};

/// metrics.csv: step, seconds, loss, loss_average, images_per_second, held_out_mean, gaussian_mean, then for every level held_out and
/// gaussian, the sigma-weighted denoising loss beside what the Gaussian fitted to the training set reaches at best.
class MetricsFile {
 public:
  /// Opens or makes the file. Rows of steps after `keep` (of a session that ended after its last checkpoint) are dropped.
  MetricsFile(std::string path, std::vector<double> sigmas, std::vector<double> gaussian, std::int64_t keep);
  void append(const MetricsRow& row);  ///< writes it at once
  /// Adds the held-out losses to the newest row, if there is one.
  void evaluated(const std::vector<double>& held_out);
  /// Rows of a file, 0 when it does not exist.
  static std::int64_t count_rows(const std::string& path);
  const std::vector<MetricsRow>& rows() const { return rows_; }  ///< in the order of the steps
  /// The curves of loss.svg.
  std::string chart() const;

 private:
  void rewrite();

  std::string path_;
  std::vector<double> sigmas_, gaussian_;
  std::vector<MetricsRow> rows_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

double mean_of(const std::vector<double>& values);  ///< not of an empty list

/// Grids of images (N, C, H, W) side by side, with a white gap between.
Tensor side_by_side(const std::vector<Tensor>& grids);

}  // namespace stein::smld
