// SPDX-License-Identifier: MIT
#include "smld/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autograd/finite.h"
#include "autograd/grad.h"
#include "nn/checkpoint.h"
#include "nn/ema.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/data/batch.h"
#include "smld/data/dataset.h"
#include "smld/gaussian_fit.h"
#include "smld/image.h"
#include "smld/ladder.h"
#include "smld/losses.h"
#include "smld/progress.h"
#include "smld/run_folder.h"
#include "smld/samplers.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/npy.h"

namespace stein::smld {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Independent random streams of a run, all functions of its seed.
enum Stream : std::uint64_t { kWeights = 1, kBatches = 2, kEvaluation = 3, kSamples = 4, kSteps = 1000 };

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("run", "a run folder with the file " + path, "no such file");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

DataSplits open_run_data(const TrainConfig& c) {
  DataOptions options;
  options.image_size = c.image_size;
  options.count = c.data_count;
  options.seed = c.seed;
  DataSplits data = open_data(c.data, options);
  if (!data.train.is_image())
    fail("train", "images (C, H, W) for NCSN", "samples " + to_string(data.train.sample_shape()) + " of " + c.data);
  return data;
}

nn::NCSN make_network(const TrainConfig& c, const Shape& sample) {
  Generator weights = Generator(c.seed).fork(kWeights);
  return nn::NCSN({.channels = sample[0], .ngf = c.ngf, .levels = c.levels}, weights);
}

}  // namespace

struct Trainer::State {
  std::string folder;
  TrainConfig config;
  DataSplits data;
  Shape sample;
  nn::NCSN network;
  nn::Adam optimizer;
  nn::Ema ema;
  Tensor ladder;
  std::unique_ptr<BatchLoader> loader;
  nn::CheckpointDir checkpoints;
  std::unique_ptr<MetricsFile> metrics;
  std::int64_t step = 0, saved_step = -1;
  std::uint64_t data_position = 0;
  double seconds = 0, loss_average = 0;

  State(std::string f, const TrainConfig& c, DataSplits d)
      : folder(std::move(f)),
        config(c),
        data(std::move(d)),
        sample(data.train.sample_shape()),
        network(make_network(c, sample)),
        optimizer(network, {.lr = c.learning_rate}),
        ema(network, c.ema_decay, c.ema_warmup),
        ladder(geometric_ladder(c.sigma_max, c.sigma_min, c.levels)),
        checkpoints(folder + "/checkpoints", static_cast<int>(c.keep_checkpoints)) {}

  std::string file(const std::string& name) const { return folder + "/" + name; }
  Generator stream(std::uint64_t which) const { return Generator(config.seed).fork(which); }

  void open_files() {
    loader = std::make_unique<BatchLoader>(data.train, config.batch, stream(kBatches).state().seed, data_position);
    const GaussianFit fit(data.train);
    std::vector<double> sigmas = ladder.to(f64).to_vector<double>(), gaussian;
    for (double s : sigmas) gaussian.push_back(fit.denoising_loss(s));
    metrics = std::make_unique<MetricsFile>(file("metrics.csv"), sigmas, gaussian, step);
    if (!metrics->rows().empty()) {
      seconds = metrics->rows().back().seconds;
      loss_average = metrics->rows().back().loss_average;
    }
  }

  void save() {
    if (saved_step == step) return;
    nn::Checkpoint c;
    c.step = step;
    c.random.seed = config.seed;
    c.data_position = data_position;
    c.config = to_json(config);
    c.capture(network, &optimizer, &ema);
    checkpoints.save(c);
    saved_step = step;
    detail::write_atomically("train", file("loss.svg"), metrics->chart());
  }

  // Goes back to the newest whole checkpoint; without one the run starts over.
  void load() {
    std::string warnings;
    const auto c = nn::latest_checkpoint(checkpoints.path(), &warnings);
    if (!warnings.empty()) fmt::print(stderr, "{}", warnings);
    if (!c) return;
    c->restore(network, &optimizer, &ema);
    step = saved_step = c->step;
    data_position = c->data_position;
  }

  // The images of one step, as the run's configuration wants them.
  Tensor prepare(const Tensor& images, Generator& g) const {
    NoGrad guard;
    Tensor x = images;
    if (config.flip) {
      const Tensor mirror = uniform({x.size(0), 1, 1, 1}, g) < 0.5;
      x = where(mirror, flip(x, {-1}), x);
    }
    if (config.dequantize) x = x * (255.0 / 256) + uniform(x.shape(), g, 0, 1.0 / 256);
    return x;
  }

  LevelScore score() const {
    return [this](const Tensor& x, const Tensor& y) { return network(x, y); };
  }

  // Loss and gradients of step `step` on `batch`: a function of the weights, the seed and the step.
  std::pair<double, Tensors> loss_and_gradients(const Tensor& batch) const {
    Generator g = stream(kSteps + static_cast<std::uint64_t>(step));
    const Tensor x = prepare(batch, g);
    const Tensor level = integers(0, config.levels, {x.size(0)}, g), z = randn(x.shape(), g);
    const Tensor loss = ncsn_loss(score(), x, level, z, ladder);
    return {loss.item(), grad({loss}, network.parameters())};
  }

  void train_one() {
    const Batch batch = loader->next();
    auto [loss, gradients] = loss_and_gradients(batch.samples);
    const double limit = config.clip_norm > 0 ? config.clip_norm : INFINITY;
    const double norm = nn::clip_grad_norm_(gradients, limit);
    if (!std::isfinite(loss) || !std::isfinite(norm)) diverged(batch.samples, loss, norm);
    optimizer.step(gradients);
    ema.update();
    data_position = batch.position;
    ++step;
    loss_average =
        step == 1 ? loss : loss_average + std::max(0.02, 1.0 / static_cast<double>(step)) * (loss - loss_average);
    last_loss = loss;
  }
  double last_loss = 0;

  // Repeats the step with every op checked, so that the first one to go wrong is named.
  [[noreturn]] void diverged(const Tensor& batch, double loss, double norm) const {
    std::string culprit = "no single op";
    try {
      CheckFinite check;
      loss_and_gradients(batch);
    } catch (const Error& e) {
      culprit = e.what();
    }
    fail("train", "a finite loss and gradient",
         fmt::format("loss {}, gradient norm {} at step {}: {}", loss, norm, step, culprit),
         saved_step >= 0
             ? fmt::format("the checkpoint of step {} stands; resume it with a smaller learning rate", saved_step)
             : "try a smaller learning rate");
  }

  // Held-out loss of every level, with the averaged weights, on fixed images and fixed noise.
  std::vector<double> evaluate(std::int64_t count) {
    NoGrad guard;
    const auto averaged = ema.swapped();
    const Tensor images = data.held_out.first(count);
    std::vector<double> r;
    for (std::int64_t l = 0; l < config.levels; ++l) {
      Generator g = stream(kEvaluation).fork(static_cast<std::uint64_t>(l));
      double total = 0;
      for (std::int64_t i = 0; i < images.size(0); i += config.batch) {
        const Tensor x = narrow(images, 0, i, std::min(config.batch, images.size(0) - i));
        const Tensor z = randn(x.shape(), g), level = full({x.size(0)}, static_cast<double>(l), i64);
        total += sum(ncsn_losses(score(), x, level, z, ladder)).item();
      }
      r.push_back(total / static_cast<double>(images.size(0)));
    }
    return r;
  }

  Tensor grid(std::int64_t rows, std::int64_t columns, bool progress, const std::atomic<bool>* stop) {
    const auto averaged = ema.swapped();
    const auto count = std::min(config.sample_count, rows * columns);
    return make_grid(draw_samples(network, config, sample, count, config.steps_per_level, stream(kSamples).state().seed,
                                  progress, stop),
                     columns);
  }
  // Rows (and, of the finished network, columns) of the grids.
  std::int64_t side() const {
    return static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(config.sample_count))));
  }

  // Two columns drawn by the half-trained network, kept in samples/.
  void snapshot(bool progress, const std::atomic<bool>* stop) {
    fs::create_directories(file("samples"));
    const Tensor g = grid(side(), 2, progress, stop);
    const auto name = file(fmt::format("samples/step_{:07}", step));
    save_npy(name + ".npy", g);
    write_png(name + ".png", enlarge(g, 200));
  }

  void finish(bool progress, const std::atomic<bool>* stop) {
    std::vector<fs::path> earlier;
    if (fs::exists(file("samples")))
      for (const auto& e : fs::directory_iterator(file("samples")))
        if (e.path().extension() == ".npy") earlier.push_back(e.path());
    std::sort(earlier.begin(), earlier.end());
    std::vector<Tensor> grids;
    for (const auto& p : earlier) grids.push_back(load_npy(p.string()));
    grids.push_back(grid(side(), side(), progress, stop));
    write_png(file("samples.png"), enlarge(side_by_side(grids)));
  }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;
std::int64_t Trainer::step() const { return state_->step; }
const TrainConfig& Trainer::config() const { return state_->config; }

Trainer Trainer::start(const std::string& folder, const TrainConfig& config) {
  check_config(config);
  if (fs::exists(folder) && (!fs::is_directory(folder) || !fs::is_empty(folder)))
    fail("train", "a new or empty run folder", folder + ", which holds something",
         "continue it with --resume " + folder + ", or choose another folder with --out");
  DataSplits data = open_run_data(config);
  TrainConfig complete = config;
  const Shape sample = data.train.sample_shape();
  complete.channels = sample[0];
  complete.height = sample[1];
  complete.width = sample[2];
  fs::create_directories(folder);
  auto state = std::make_unique<State>(folder, complete, std::move(data));
  detail::write_atomically("train", state->file("config.json"), to_json(complete));
  state->open_files();
  return Trainer(std::move(state));
}

Trainer Trainer::resume(const std::string& folder) {
  const TrainConfig config = config_from_json(read_text(folder + "/config.json"));
  auto state = std::make_unique<State>(folder, config, open_run_data(config));
  state->load();
  state->open_files();
  return Trainer(std::move(state));
}

RunResult Trainer::run(const RunOptions& options) {
  State& s = *state_;
  const auto total = options.steps > 0 ? options.steps : s.config.steps;
  const auto stopped = [&] { return options.stop && options.stop->load(); };
  auto began = Clock::now();
  const auto minutes = [&](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count() / 60;
  };
  // How much of the run is done, by steps or by the time given, in which drawing the snapshots does not count.
  const auto part = [&] {
    const double by_steps = static_cast<double>(s.step) / static_cast<double>(total);
    return options.minutes ? std::max(by_steps, minutes(began) / *options.minutes) : by_steps;
  };
  const double snapshots[] = {0.1, 0.35};

  Progress bar("train", s.step, total, options.progress, part());
  auto saved = Clock::now();
  while (s.step < total && part() < 1 && !stopped()) {
    const double before = part();
    const auto t = Clock::now();
    s.train_one();
    const double seconds = std::chrono::duration<double>(Clock::now() - t).count();
    s.seconds += seconds;
    MetricsRow row{s.step, s.seconds, s.last_loss, s.loss_average, static_cast<double>(s.config.batch) / seconds, {}};
    const bool last = s.step >= total || part() >= 1;
    if (last || s.step % s.config.evaluate_every == 0)
      row.held_out = s.evaluate(last ? s.config.final_evaluate_count : s.config.evaluate_count);
    s.metrics->append(row);
    bar.update(s.step,
               fmt::format("loss {:.1f} (average {:.1f})  {:.0f} images/s ", row.loss, row.loss_average,
                           row.images_per_second),
               part());
    if (s.step % s.config.checkpoint_every == 0 || minutes(saved) > s.config.checkpoint_minutes) {
      s.save();
      saved = Clock::now();
    }
    for (double at : snapshots)
      if (before < at && part() >= at && part() < 1 && !stopped()) {
        const auto pause = Clock::now();
        bar.finish();
        s.snapshot(options.progress, options.stop);
        began += Clock::now() - pause;
      }
  }
  bar.finish();
  s.save();
  if (stopped()) return RunResult::interrupted;
  try {
    s.finish(options.progress, options.stop);
  } catch (const Error&) {
    if (stopped()) return RunResult::interrupted;
    throw;
  }
  return RunResult::finished;
}

TrainedNetwork load_run(const std::string& folder, bool averaged) {
  const TrainConfig config = config_from_json(read_text(folder + "/config.json"));
  const auto c = nn::latest_checkpoint(folder + "/checkpoints");
  if (!c) fail("run", "a run with at least one checkpoint", folder, "continue it with stein train --resume");
  const Shape sample{config.channels, config.height, config.width};
  nn::NCSN network = make_network(config, sample);
  nn::Ema ema(network, config.ema_decay, config.ema_warmup);
  c->restore(network, nullptr, &ema);
  if (averaged) ema.swap();
  network.eval();
  return {config, network, sample, c->step};
}

Tensor draw_samples(const nn::NCSN& network, const TrainConfig& c, const Shape& sample, std::int64_t count,
                    std::int64_t steps_per_level, std::uint64_t seed, bool progress, const std::atomic<bool>* stop) {
  Generator g(seed);
  Progress bar("sample", 0, c.levels * steps_per_level, progress);
  AnnealedOptions options;
  options.steps_per_level = steps_per_level;
  options.epsilon = c.epsilon;
  options.progress = [&](std::int64_t done, std::int64_t) {
    bar.update(done, fmt::format("{} images ", count));
    return !(stop && stop->load());
  };
  const Tensor x = annealed_langevin([&](const Tensor& t, const Tensor& y) { return network(t, y); },
                                     geometric_ladder(c.sigma_max, c.sigma_min, c.levels),
                                     uniform(Shape{count} + sample, g), g, options);
  return clamp(x, 0, 1);
}

}  // namespace stein::smld
