// SPDX-License-Identifier: MIT
#include "smld/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "autograd/finite.h"
#include "autograd/grad.h"
#include "nn/checkpoint.h"
#include "nn/ema.h"
#include "nn/optim.h"
#include "ops/ops.h"
#include "smld/data/batch.h"
#include "smld/data/dataset.h"
#include "smld/detail/streams.h"
#include "smld/gaussian_fit.h"
#include "smld/image.h"
#include "smld/ladder.h"
#include "smld/losses.h"
#include "smld/progress.h"
#include "smld/run_folder.h"
#include "smld/samplers.h"
#include "tensor/detail/atomic_file.h"
#include "tensor/npy.h"
#include "tensor/replay.h"

namespace stein::smld {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

DataSplits open_run_data(const TrainConfig& c) {
  DataOptions options;
  options.image_size = c.image_size;
  options.count = c.data_count;
  options.seed = c.seed;
  DataSplits data = open_data(c.data, options);
  const Shape& sample = data.train.sample_shape();
  if (!data.train.is_image() || (sample[0] != 1 && sample[0] != 3))
    fail("train", "images (1 or 3, H, W) for NCSN", "samples " + to_string(sample) + " of " + c.data,
         "fashion-mnist, shapes, or a path of images");
  if (c.image_size > 0 && (sample[1] != c.image_size || sample[2] != c.image_size))
    fail("train", "an image size for folders of PNG and JPEG and for shapes only",
         fmt::format("--image-size {} for {}, whose images are {}", c.image_size, c.data, to_string(sample)));
  return data;
}

// What the configuration says of its data, or must say when the run continues.
void describe_data(TrainConfig& c, const Dataset& train) {
  c.channels = train.sample_shape()[0];
  c.height = train.sample_shape()[1];
  c.width = train.sample_shape()[2];
  c.data_size = train.size();
  c.data_crc32 = train.checksum();
}

// Finds what the network refuses (sizes that cannot be halved, say) before anything is written.
void try_network(const TrainConfig& c) {
  NoGrad guard;
  make_network(c)(zeros({1, c.channels, c.height, c.width}), zeros({1}, i64));
}

GaussianFit gaussian_of(const std::string& path, const Dataset& train) {
  if (fs::exists(path)) return GaussianFit(load_npy(path).to_vector<double>());
  GaussianFit fit(train);
  save_npy(path, from_vector(fit.eigenvalues(), {static_cast<std::int64_t>(fit.eigenvalues().size())}));
  return fit;
}

}  // namespace

struct Trainer::State {
  std::string folder;
  TrainConfig config;
  Device device;
  DataSplits data;
  nn::NCSN network;
  nn::Adam optimizer;
  nn::Ema ema;
  Tensor ladder;
  std::unique_ptr<BatchLoader> loader;
  nn::CheckpointDir checkpoints;
  std::unique_ptr<MetricsFile> metrics;
  RunOptions options;
  std::optional<Replay> replay;
  std::int64_t step = 0, saved_step = -1;
  std::uint64_t data_position = 0;
  double seconds = 0, loss_average = 0, last_loss = 0;

  State(std::string f, const TrainConfig& c, DataSplits d, const Device& where)
      : folder(std::move(f)),
        config(c),
        device(where),
        data(std::move(d)),
        network(make_network(c, where)),
        optimizer(network, {.lr = c.learning_rate}),
        ema(network, c.ema_decay, c.ema_warmup),
        ladder(geometric_ladder(c.sigma_max, c.sigma_min, c.levels).to(where)),
        checkpoints(folder + "/checkpoints", static_cast<int>(c.keep_checkpoints)) {}

  std::string file(const std::string& name) const { return folder + "/" + name; }
  void stop_if_asked() const {
    if (options.stop && options.stop->load()) throw Interrupted("train");
  }

  void open_files() {
    loader = std::make_unique<BatchLoader>(
        data.train, config.batch, stream_of(config.seed, Stream::batches).state().seed, data_position, 2, device);
    const GaussianFit fit = gaussian_of(file("gaussian.npy"), data.train);
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
    c.random = stream_of(config.seed, Stream::steps, step).state();
    c.data_position = data_position;
    c.config = to_json(config);
    c.capture(network, &optimizer, &ema);
    checkpoints.save(c);
    saved_step = step;
    detail::write_atomically("train", file("loss.svg"), metrics->chart());
  }

  // Goes back to the newest whole checkpoint. A run has one from its start on, unless it was killed before its first step.
  void load() {
    std::string warnings;
    const auto c = nn::latest_checkpoint(checkpoints.path(), &warnings);
    if (!warnings.empty()) fmt::print(stderr, "{}", warnings);
    if (!c) {
      if (fs::exists(file("metrics.csv")) && MetricsFile::count_rows(file("metrics.csv")) > 0)
        fail("train", "a whole checkpoint in " + checkpoints.path(), warnings.empty() ? "none" : warnings,
             "the steps made are lost; start anew in another folder");
      return;
    }
    c->restore(network, &optimizer, &ema);
    step = saved_step = c->step;
    data_position = c->data_position;
  }

  // The images of one step, as the run's configuration wants them.
  Tensor prepare(const Tensor& images, Generator& g) const {
    NoGrad guard;
    Tensor x = images;
    if (config.flip) {
      const Tensor mirror = uniform({x.size(0), 1, 1, 1}, g, 0, 1, f32, device) < 0.5;
      x = where(mirror, flip(x, {-1}), x);
    }
    if (config.dequantize) x = x * (255.0 / 256) + uniform(x.shape(), g, 0, 1.0 / 256, f32, device);
    return x;
  }

  LevelScore score() const {
    return [this](const Tensor& x, const Tensor& y) { return network(x, y); };
  }

  // What step `step` draws for `batch`: x, level, z; a function of the seed and the step.
  Tensors inputs(const Tensor& batch) const {
    Generator g = stream_of(config.seed, Stream::steps, step);
    const Tensor x = prepare(batch, g);
    return {x, integers(0, config.levels, {x.size(0)}, g).to(device), randn(x.shape(), g, f32, device)};
  }
  // Gradients of all parameters, and the loss.
  Tensors gradients_and_loss(const Tensors& in) const {
    const Tensor loss = ncsn_loss(score(), in[0], in[1], in[2], ladder);
    Tensors all = grad({loss}, network.parameters());
    all.push_back(loss.detach());
    return all;
  }

  void train_one() {
    const Batch batch = loader->next();
    const Tensors in = inputs(batch.samples);
    if (options.replay && !replay) replay.emplace([this](const Tensors& x) { return gradients_and_loss(x); }, in);
    Tensors gradients = replay ? (*replay)(in) : gradients_and_loss(in);
    const Tensor value = gradients.back();
    gradients.pop_back();
    const double limit = config.clip_norm > 0 ? config.clip_norm : INFINITY;
    const double norm = nn::clip_grad_norm_(gradients, limit);
    const double loss =
        value.item();  // after the norm: whoever reads first waits for a device, the second finds all done
    if (!std::isfinite(loss) || !std::isfinite(norm)) diverged(batch.samples, loss, norm);
    optimizer.step(gradients, ema);
    data_position = batch.position;
    ++step;
    loss_average =
        step == 1 ? loss : loss_average + std::max(0.02, 1.0 / static_cast<double>(step)) * (loss - loss_average);
    last_loss = loss;
  }

  // Repeats the step with every op checked, so that the first one to go wrong is named.
  [[noreturn]] void diverged(const Tensor& batch, double loss, double norm) const {
    std::string culprit = "no single op";
    try {
      CheckFinite check;
      gradients_and_loss(inputs(batch));
    } catch (const Error& e) {
      culprit = e.what();
    }
    fail("train", "a finite loss and gradient",
         fmt::format("loss {}, gradient norm {} at step {}: {}", loss, norm, step, culprit),
         saved_step >= 0 ? fmt::format("the checkpoint of step {} stands: stein train --resume {} --lr {:g}",
                                       saved_step, folder, config.learning_rate / 4)
                         : "try a smaller learning rate");
  }

  // Held-out loss of every level, with the averaged weights, on fixed images and fixed noise.
  std::vector<double> evaluate(std::int64_t count) {
    NoGrad guard;
    const auto averaged = ema.swapped();
    const Tensor images = data.held_out.first(count).to(device);
    std::vector<double> r;
    for (std::int64_t l = 0; l < config.levels; ++l) {
      Generator g = stream_of(config.seed, Stream::evaluation).fork(static_cast<std::uint64_t>(l));
      double total = 0;
      for (std::int64_t i = 0; i < images.size(0); i += config.batch) {
        stop_if_asked();
        const Tensor x = narrow(images, 0, i, std::min(config.batch, images.size(0) - i));
        const Tensor z = randn(x.shape(), g, f32, device),
                     level = full({x.size(0)}, static_cast<double>(l), i64, device);
        total += sum(ncsn_losses(score(), x, level, z, ladder)).item();
      }
      r.push_back(total / static_cast<double>(images.size(0)));
    }
    return r;
  }

  Tensor grid(std::int64_t rows, std::int64_t columns) {
    const auto averaged = ema.swapped();
    const auto count = std::min(config.sample_count, rows * columns);
    const auto seed = stream_of(config.seed, Stream::samples).state().seed;
    return make_grid(draw_samples(network, config, count, config.steps_per_level, seed, options.progress, options.stop),
                     columns);
  }
  // Rows (and, of the finished network, columns) of the grids.
  std::int64_t side() const {
    return static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(config.sample_count))));
  }

  // Grids of the half-trained network that are there, oldest first.
  std::vector<std::string> snapshots() const {
    std::vector<std::string> r;
    if (fs::is_directory(file("samples")))
      for (const auto& e : fs::directory_iterator(file("samples")))
        if (e.path().extension() == ".npy" && e.path().stem().string().starts_with("step_"))
          r.push_back(e.path().string());
    std::sort(r.begin(), r.end());
    return r;
  }

  // A picture is worth no training time: one that cannot be written is a warning.
  void snapshot() {
    save();
    try {
      fs::create_directories(file("samples"));
      const Tensor g = grid(side(), 2);
      const auto name = file(fmt::format("samples/step_{:07}", step));
      save_npy(name + ".npy", g);
      write_png(name + ".png", enlarge(g, 200));
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& e) {
      fmt::print(stderr, "warning: no picture of step {}: {}\n", step, e.what());
    }
  }

  void train() {
    auto began = Clock::now(), saved = began;
    // How much of the run is done, by steps or by the time given, in which drawing the snapshots does not count.
    const auto part = [&] {
      const double by_steps = static_cast<double>(step) / static_cast<double>(config.steps);
      return options.minutes ? std::max(by_steps, seconds_since(began) / 60 / *options.minutes) : by_steps;
    };
    const double snapshot_at[] = {0.1, 0.35};
    std::size_t snapshots_made = snapshots().size();

    Progress bar("train", step, config.steps, options.progress, part());
    while (part() < 1) {
      stop_if_asked();
      const auto t = Clock::now();
      train_one();
      const double took = seconds_since(t);
      seconds += took;
      const MetricsRow row{step, seconds, last_loss, loss_average, static_cast<double>(config.batch) / took, {}};
      metrics->append(row);
      if (step % config.evaluate_every == 0) metrics->evaluated(evaluate(config.evaluate_count));
      bar.update(step,
                 fmt::format("loss {:.1f} (average {:.1f})  {:.0f} images/s ", row.loss, row.loss_average,
                             row.images_per_second),
                 part());
      if (step % config.checkpoint_every == 0 || seconds_since(saved) > 60 * config.checkpoint_minutes) {
        save();
        saved = Clock::now();
      }
      if (snapshots_made < std::size(snapshot_at) && part() >= snapshot_at[snapshots_made] && part() < 1) {
        const auto pause = Clock::now();
        bar.finish();
        snapshot();
        ++snapshots_made;
        began += Clock::now() - pause;
      }
    }
    save();
  }

  // The final evaluation, and the grid of samples beside those of the half-trained network.
  void finish() {
    metrics->evaluated(evaluate(config.final_evaluate_count));
    detail::write_atomically("train", file("loss.svg"), metrics->chart());
    std::vector<Tensor> grids;
    for (const auto& path : snapshots()) grids.push_back(load_npy(path));
    grids.push_back(grid(side(), side()));
    write_png(file("samples.png"), enlarge(side_by_side(grids)));
  }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;
std::int64_t Trainer::step() const { return state_->step; }
const TrainConfig& Trainer::config() const { return state_->config; }

Trainer Trainer::start(const std::string& folder, const TrainConfig& config, const Device& device) {
  check_config(config);
  if (fs::exists(folder) && (!fs::is_directory(folder) || !fs::is_empty(folder)))
    fail("train", "a new or empty run folder", folder + ", which holds something",
         "continue it with --resume " + folder + ", or choose another folder with --out");
  TrainConfig complete = config;
  if (fs::exists(config.data)) complete.data = fs::absolute(config.data).lexically_normal().string();
  DataSplits data = open_run_data(complete);
  describe_data(complete, data.train);
  try_network(complete);
  const std::string text = to_json(complete);
  fs::create_directories(folder);
  detail::write_atomically("train", folder + "/config.json", text);
  auto state = std::make_unique<State>(folder, complete, std::move(data), device);
  state->open_files();
  state->save();
  return Trainer(std::move(state));
}

Trainer Trainer::resume(const std::string& folder, const Changes& changes, const Device& device) {
  TrainConfig config = read_config(folder);
  DataSplits data = open_run_data(config);
  TrainConfig found = config;
  describe_data(found, data.train);
  const auto text = [](const TrainConfig& c) {
    return fmt::format("{} images {}, checksum {:08x}", c.data_size, to_string(Shape{c.channels, c.height, c.width}),
                       c.data_crc32);
  };
  if (text(found) != text(config))
    fail("train", "the data this run began with, " + text(config), text(found) + " in " + config.data);
  if (changes.steps) config.steps = *changes.steps;
  if (changes.learning_rate) config.learning_rate = *changes.learning_rate;
  check_config(config);
  auto state = std::make_unique<State>(folder, config, std::move(data), device);
  state->load();
  if (config.steps < state->step)
    fail("train", "steps of at least " + std::to_string(state->step) + ", which were made",
         std::to_string(config.steps));
  if (changes.steps || changes.learning_rate)
    detail::write_atomically("train", folder + "/config.json", to_json(config));
  state->open_files();
  return Trainer(std::move(state));
}

RunResult Trainer::run(const RunOptions& options) {
  State& s = *state_;
  s.options = options;
  try {
    s.train();
    s.finish();
    return RunResult::finished;
  } catch (const Interrupted&) {
    s.save();
    return RunResult::interrupted;
  }
}

}  // namespace stein::smld
