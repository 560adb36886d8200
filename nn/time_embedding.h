// SPDX-License-Identifier: MIT
// Time, noise level and class as vectors that a network adds to its hidden layers.
#pragma once

#include <cstdint>
#include <optional>

#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/module.h"
#include "tensor/random.h"

namespace stein::nn {

/// t (B) floating -> (B, width): sin(w_i t), then cos(w_i t), with w_i = max_period^(-i / (width/2 - 1)), i = 0 ... width/2 - 1, as
/// in the code of DDPM (Ho et al. 2020) and of the transformer. Made for steps up to about 1000: give 999 t for t in [0, 1].
/// Throws Error unless width is even and at least 2, and max_period > 0.
Tensor sinusoidal_embedding(const Tensor& t, std::int64_t width, double max_period = 10000);

/// Gaussian Fourier features (Tancik et al. 2020; Song et al. 2021): t (B) -> (B, width): sin(2 pi W t), then cos(2 pi W t), the
/// frequencies W ~ N(0, scale^2) being a buffer "W" (width/2) that is saved and not trained.
class GaussianFourier : public Module {
 public:
  /// Throws Error unless width is even and at least 2.
  explicit GaussianFourier(std::int64_t width, double scale = 16, Generator& generator = default_generator());
  Tensor operator()(const Tensor& t) const;  ///< t (B) -> (B, width)

  const Tensor W;  ///< frequencies (width / 2), a buffer
};

/// What a network sees of a time.
enum class TimeFeatures : std::uint8_t {
  none,        ///< the network has no time
  sinusoidal,  ///< of t: steps of a chain, or 999 t
  fourier,     ///< of t
  log_fourier  ///< of ln t, t > 0 being a noise deviation (Song et al. 2021, VE)
};

/// What a network is told besides x. All that is switched on is embedded, added up and passed through SiLU.
struct ConditionOptions {
  TimeFeatures time = TimeFeatures::none;  ///< of t
  std::int64_t levels = 0;                 ///< > 0: a table of noise levels, in place of features of t
  std::int64_t classes =
      0;  ///< > 0: class labels 0 ... classes-1; label `classes` is the null label of classifier-free guidance
  std::int64_t features = 0;  ///< numbers in the features of t; 0: the network's choice
  std::int64_t width = 0;     ///< numbers in the embedding; 0: the network's choice
  double fourier_scale =
      1;  ///< deviation of the Fourier frequencies: about 1 for points in the plane, 16 as published for images
};

/// The embedding of ConditionOptions. Parameters: time1, time2 (Linear: features -> width -> width, SiLU between), levels and
/// classes (Embedding), buffer fourier.W; those of what is switched on.
class Condition : public Module {
 public:
  /// Throws Error for both time and levels, negative counts, widths below 1 and features that are odd.
  explicit Condition(const ConditionOptions& options, Generator& generator = default_generator());

  /// t (B): floating or i64, with levels i64 in [0, levels); label (B) i64 in [0, classes], undefined: the null label. Returns
  /// (B, width) of `dtype`, or undefined when nothing is switched on. Errors, under the name `network`, for a t or label that is
  /// missing, not wanted, of another shape or dtype, or out of range.
  Tensor operator()(const char* network, const Tensor& t, const Tensor& label, std::int64_t batch, DType dtype) const;
  /// Nothing is switched on.
  bool empty() const { return !time1 && !levels && !classes; }
  const ConditionOptions& options() const { return options_; }  ///< as it was built

 private:
  ConditionOptions options_;

 public:
  const std::optional<GaussianFourier> fourier;  ///< with Fourier features
  const std::optional<Linear> time1;             ///< with features of t: features -> width
  const std::optional<Linear> time2;             ///< with features of t: width -> width
  const std::optional<Embedding> levels;         ///< with a table of noise levels
  const std::optional<Embedding> classes;        ///< with labels, the null label's row last
};

}  // namespace stein::nn
