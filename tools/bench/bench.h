// SPDX-License-Identifier: MIT
// The kinds of `stein bench`. Each prints what it measured, as a table or as one JSON object a line, and returns the exit code.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stein::tools::bench {

/// One training step by the multi-level denoising ("train") or sliced ("ssm") loss, or one Langevin step ("sample"), of NCSN.
struct NcsnArgs {
  std::string what, device = "cpu";
  std::int64_t ngf = 64, batch = 16, size = 28, channels = 1, levels = 10, steps = 6, threads = 0;
  bool replay = false, json = false;
};
int ncsn(const NcsnArgs& args);
/// That step, on a network made for it. When it returns its device has finished.
std::function<void()> ncsn_step(const NcsnArgs& args);

/// A training step of NCSN on paper: what its kernels move and compute against the published peaks of a GPU.
struct RooflineArgs {
  NcsnArgs step{.what = "train"};  // json, too
  std::string gpu = "h100";
  double launch_us = 2;
  bool tf32 = false;
};
int roofline(const RooflineArgs& args);

/// One training step of implicit score matching, mean(1/2 |s|^2 + tr ds/dx), for a softplus MLP, by method; and of denoising.
struct TraceArgs {
  std::int64_t dim = 64, hidden = 512, layers = 2, batch = 128, threads = 0;
  std::optional<std::int64_t> probes{};  // none: the fewest that the method can do with
  std::vector<std::string> methods{"dsm", "hutchinson", "exact"};
  double seconds = 4;
  bool json = false;
};
int trace(const TraceArgs& args);

/// What the engine itself costs: time per op of a chain of tanh(y * x) on 16 floats, one thread.
struct OpsArgs {
  std::string device = "cpu";
  std::int64_t steps = 500;
  bool json = false;
};
int ops(const OpsArgs& args);

/// The convolution kernels in f32, by shape, pass, algorithm and number of threads.
struct ConvArgs {
  std::int64_t batch = 16, channels = 0 /* 0: a list of shapes */, out = 0 /* 0: as channels */, size = 28, kernel = 3,
               dilation = 1, stride = 1, steps = 51, threads = 0 /* 0: one, and all */;
  bool json = false, accuracy = false;
};
int conv(const ConvArgs& args);
/// Errors of both algorithms against f64, instead of times.
int conv_accuracy(const ConvArgs& args);

/// What a device reaches in f32: bytes a second of an addition, FLOP/s of a product of matrices and of a convolution as in NCSN.
struct PeaksArgs {
  std::string device = "cpu";
  std::int64_t mb = 256 /* of an operand */, matrix = 4096, batch = 16, channels = 64, size = 28, steps = 20;
  bool json = false;
};
int peaks(const PeaksArgs& args);

// ---- measuring ----

using Clock = std::chrono::steady_clock;
inline double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }
/// Since the process was started, libraries loaded before main included.
double seconds_since_start();
/// Largest resident memory of this process so far.
double peak_rss_mb();

struct Times {
  double min, median;
};
/// Not for an empty list.
Times summary(std::vector<double> seconds);
/// "1.25 s", "3.40 ms", "0.152 us"
std::string readable(double seconds);
/// Sets the number of threads; 0: as it is. Returns the number that counts.
int use_threads(std::int64_t threads);

}  // namespace stein::tools::bench
