// SPDX-License-Identifier: MIT
// How long a GPU would take for the ops that a computation calls: their bytes and FLOPs, from shapes, against published peaks. A model
// on paper: nothing of it was measured, and no kernel reaches a peak. Not counted: fills, random numbers, copies from and to the host.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace stein::tools::bench {

/// Peaks as published, dense, of products and sums in f32 unless said otherwise.
struct Gpu {
  const char* product;
  double bytes_per_second, flops_per_second;
  double tf32_flops_per_second;  // tensor cores: products of 10 bits, sums of 24
  const char* source;
};
/// "a100", "h100", "h200" or "b200". Throws Error for another name.
const Gpu& gpu_of(const std::string& name);

/// What one call of an op must do on a device.
struct Work {
  std::string op;
  int launches;         // 0: a view, or an op that only calls others
  double bytes, flops;  // each input read once, each result written once; a product and a sum are two
  bool products;        // a convolution or a product of matrices: what tensor cores can do
};
/// Of every op that f calls in this thread, in the order of their ends. No Profile may count meanwhile.
std::vector<Work> work_of(const std::function<void()>& f);

enum class Bound { bandwidth, arithmetic, launch };
inline constexpr int kBounds = 3;
const char* name_of(Bound bound);

/// How a device is modelled.
struct RooflineOptions {
  Gpu gpu;
  bool tf32 = false;             // convolutions and products of matrices by tensor cores
  double launch_seconds = 2e-6;  // no launch takes less
};
/// Sums over calls.
struct Share {
  std::string op;
  int launches = 0;
  double bytes = 0, flops = 0, seconds = 0;
  double by_bound[kBounds] = {};  // seconds
  Bound bound() const;            // where most of the time goes
};
struct Roofline {
  std::vector<Share> kernels;  // the longest first
  Share total;
};
/// The time of each call is the longest of bytes / bandwidth, FLOPs / peak and launches * launch_seconds; they are summed.
Roofline roofline_of(const std::vector<Work>& calls, const RooflineOptions& options);

}  // namespace stein::tools::bench
