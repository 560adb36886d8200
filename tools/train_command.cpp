// SPDX-License-Identifier: MIT
// `stein train` and `stein sample`.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "smld/image.h"
#include "smld/run_folder.h"
#include "smld/samplers.h"
#include "smld/trainer.h"
#include "tensor/error.h"
#include "tensor/npy.h"
#include "tools/commands.h"
#include "tools/interrupt.h"
#include "tools/profile_report.h"

namespace stein::tools {

int train(const TrainArgs& args) {
  catch_signals();
  const Device device = parse_device(args.device);
  const std::string folder = !args.resume.empty() ? args.resume
                             : !args.out.empty()  ? args.out
                                                  : "runs/" + args.preset.value_or("quickstart");
  const auto trainer_of = [&] {
    if (!args.resume.empty()) {
      if (args.preset || args.seed || args.batch || args.ngf || args.levels || args.image_size || !args.set.empty() ||
          !args.data.empty())
        fail("train", "--resume with --steps, --minutes and --lr only", "options that belong to the start of a run");
      return smld::Trainer::resume(folder, {.steps = args.steps, .learning_rate = args.learning_rate}, device);
    }
    smld::TrainConfig c = smld::preset(args.preset.value_or("quickstart"));
    if (!args.data.empty()) {
      c.data = args.data;
      c.image_size = 0;  // the preset's belongs to the preset's data
    }
    if (args.steps) c.steps = *args.steps;
    if (args.seed) c.seed = *args.seed;
    if (args.batch) c.batch = *args.batch;
    if (args.ngf) c.ngf = *args.ngf;
    if (args.levels) c.levels = *args.levels;
    if (args.image_size) c.image_size = *args.image_size;
    if (args.learning_rate) c.learning_rate = *args.learning_rate;
    for (const auto& setting : args.set) {
      const auto at = setting.find('=');
      if (at == std::string::npos) fail("train", "--set FIELD=VALUE", setting);
      smld::set_field(c, setting.substr(0, at), setting.substr(at + 1));
    }
    return smld::Trainer::start(folder, c, device);
  };
  smld::Trainer trainer = trainer_of();
  const smld::TrainConfig& config = trainer.config();
  if (!args.quiet)
    fmt::print(stderr, "run folder {}, {} images {} x {} of {} channel{} from {}, step {} of {}\n", folder,
               config.data_size, config.height, config.width, config.channels, config.channels == 1 ? "" : "s",
               config.data, trainer.step(), config.steps);
  if (trainer.step() == trainer.config().steps && std::filesystem::exists(folder + "/samples.png")) {
    fmt::print("{} is finished ({} steps); give --steps with a larger total to go on\n", folder, trainer.step());
    return 0;
  }
  smld::RunOptions options;
  options.minutes = args.minutes;
  options.progress = !args.quiet;
  options.stop = &interrupted();
  options.replay = args.replay;
  std::optional<Profile> profile;
  if (args.profile) profile.emplace();
  const smld::RunResult result = trainer.run(options);
  if (profile) {
    profile->stop();
    fmt::print("{}\n", profile_table(*profile));
    write_trace(*profile, folder + "/trace.json");
    fmt::print("{}/trace.json opens in ui.perfetto.dev\n", folder);
  }
  if (result == smld::RunResult::interrupted) {
    fmt::print(stderr, "interrupted and saved at step {}; continue with: stein train --resume {}{}\n", trainer.step(),
               folder, device_options(args.device));
    return kInterrupted;
  }
  fmt::print("{0}/samples.png shows the samples, {0}/loss.svg the training, {0}/metrics.csv the numbers ({1} steps)\n",
             folder, trainer.step());
  return 0;
}

int sample(const SampleArgs& args) {
  const auto type = std::filesystem::path(args.out).extension();
  if (type != ".png" && type != ".npy") fail("sample", "--out with a name that ends in .png or .npy", args.out);
  if (const auto parent = std::filesystem::absolute(args.out).parent_path(); !std::filesystem::is_directory(parent))
    fail("sample", "--out in an existing folder", args.out);
  catch_signals();
  const smld::TrainedNetwork run = smld::load_run(args.folder, !args.raw_weights, parse_device(args.device));
  try {
    const Tensor images = smld::draw_samples(run.network, run.config, args.count,
                                             args.steps_per_level.value_or(run.config.steps_per_level), args.seed,
                                             !args.quiet, &interrupted());
    if (type == ".npy")
      save_npy(args.out, images);
    else
      smld::write_png(args.out, smld::enlarge(smld::make_grid(images)));
  } catch (const smld::Interrupted&) {
    fmt::print(stderr, "interrupted; nothing was written\n");
    return kInterrupted;
  }
  fmt::print("{}: {} images drawn with the weights of step {}\n", args.out, args.count, run.step);
  return 0;
}

}  // namespace stein::tools
