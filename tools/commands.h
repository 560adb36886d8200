// SPDX-License-Identifier: MIT
// The commands of the program `stein`: each takes what its options say and returns the exit code. Errors are thrown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/device_math.h"

namespace stein::tools {

struct TrainArgs {
  std::string data, out, resume, device = "cpu";
  std::optional<std::string> preset;
  std::vector<std::string> set;  // FIELD=VALUE
  std::optional<std::int64_t> steps, batch, ngf, levels, image_size;
  std::optional<double> minutes, learning_rate;
  std::optional<std::uint64_t> seed;
  bool quiet = false, profile = false, replay = false;
};
int train(const TrainArgs& args);

struct SampleArgs {
  std::string folder, out = "grid.png", device = "cpu";
  std::int64_t count = 25;
  std::optional<std::int64_t> steps_per_level;
  std::uint64_t seed = 1;
  bool raw_weights = false, quiet = false;
};
int sample(const SampleArgs& args);

/// A network for comparison with other frameworks, and its weights.
struct ModelArgs {
  std::string run;  // a run folder instead of all the rest
  std::string model = "ncsn", weights, dtype = "f32", device = "cpu";
  std::int64_t channels = 1, ngf = 8, levels = 10;
  std::vector<std::int64_t> sizes;
  std::string activation = "softplus";
  bool fast = false;  // convolutions in f32 may take winograd, as in training
};

struct ScoreArgs {
  ModelArgs model;
  std::string input, level, out;
  bool json = false;
};
int score(ScoreArgs args);

struct LossArgs {
  ModelArgs model;
  std::string name, input, level, noise, probe, grads;
  double sigma_max = 1, sigma_min = 0.01;
  std::optional<double> sigma;
  bool json = false;
};
int loss(LossArgs args);

struct LabArgs {
  std::vector<std::string> names;  // of experiments, or "list" or "all"
  std::string out = "runs/lab", device = "cpu";
  std::uint64_t seed = 0;
  bool quick = false, force = false, json = false, quiet = false;
};
int lab(const LabArgs& args);
/// What `names` may hold.
std::vector<std::string> lab_names();

struct TraceArgs {
  ModelArgs model;
  std::string input, level, out, method = "exact", law = "rademacher";
  std::int64_t probes = 1, memory_mb = 1024;
  std::uint64_t seed = 0;
  double step = 0.1;
  bool explain = false, json = false;
};
int trace(TraceArgs args);

struct GraphArgs {
  ModelArgs model;
  std::string what, out;
  std::vector<std::string> shapes;  // NAME=SIZES
  int order = 1;
  std::uint64_t seed = 0;
  bool measure = false, fold = false;
};
int graph(GraphArgs args);

/// What a command line needs to compute on `device` as this thread does: " --device cuda --math tf32", without what is usual.
inline std::string device_options(const std::string& device) {
  const auto factors = stein::detail::device_math.factors;
  return (device == "cpu" ? "" : " --device " + device) +
         (factors == stein::detail::Factors::f32 ? "" : " --math " + std::string(name_of(factors)));
}

int info(bool json);
int gradcheck(const std::string& op, int order, bool json);
int inspect(const std::string& path, bool json);

}  // namespace stein::tools
