// SPDX-License-Identifier: MIT
// The program: options, help and exit codes. What the commands do stands in tools/*_command.cpp.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>

#include "tensor/detail/names.h"
#include "tools/commands.h"
#include "tools/options.h"

namespace {

using namespace stein::tools;

// "no command trian; one of train, ...; did you mean train?"
std::string unknown(const char* what, const std::string& name, const std::vector<std::string>& names) {
  std::string all;
  for (const auto& known : names) all += (all.empty() ? "" : ", ") + known;
  const auto meant = stein::detail::did_you_mean(name, names);
  return std::string("no ") + what + " " + name + "; one of " + all + (meant.empty() ? "" : "; " + meant);
}

// For the first of the arguments that looks like an option of `command` and is none: "" when no name is near.
std::string meant_option(const CLI::App& command, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::Option* o : command.get_options())
    for (const auto& name : o->get_lnames()) names.push_back("--" + name);
  for (int i = 1; i < argc; ++i) {
    const std::string name = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
    if (name.starts_with("--") && std::find(names.begin(), names.end(), name) == names.end())
      return stein::detail::did_you_mean(name, names);
  }
  return "";
}

const CLI::Validator experiment(
    [](std::string& text) {
      const auto names = lab_names();
      return std::find(names.begin(), names.end(), text) == names.end() ? unknown("experiment", text, names) : "";
    },
    "");

void add_model_options(CLI::App& c, ModelArgs& m, const std::vector<std::string>& models = {"ncsn", "mlp", "energy"}) {
  c.add_option("--model", m.model, "network; the score of an energy is minus the gradient of an MLP")
      ->check(CLI::IsMember(models))
      ->capture_default_str();
  auto* run = c.add_option("--run", m.run, "run folder of stein train: its network, averaged weights and noise ladder")
                  ->check(CLI::ExistingDirectory);
  c.add_option("--weights", m.weights, "safetensors file with the parameters under PyTorch's names")
      ->check(CLI::ExistingFile)
      ->excludes(run);
  c.add_option("--dtype", m.dtype, "dtype of the computation; files are converted")
      ->check(CLI::IsMember({"f32", "f64"}))
      ->capture_default_str();
  add_device(c, m.device);
  c.add_flag("--fast", m.fast,
             "f32: convolutions by Winograd where it is faster, as in training (docs/convolutions.md)");
  c.add_option("--channels", m.channels, "ncsn: channels of the images")->capture_default_str();
  c.add_option("--ngf", m.ngf, "ncsn: base number of feature maps")->capture_default_str();
  c.add_option("--levels", m.levels, "ncsn: noise levels")->capture_default_str();
  c.add_option("--sizes", m.sizes, "mlp, energy: layer sizes, for example 2,128,128,2; of an energy the last is 1")
      ->delimiter(',');
  c.add_option("--activation", m.activation, "mlp, energy: tanh, softplus, silu, elu, gelu, gelu-tanh or relu")
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("stein: score-based generative models, trained and sampled without any other framework", "stein");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  std::function<int()> command;
  const auto on = [&](CLI::App* c, auto f) { c->callback([&command, f] { command = f; }); };

  TrainArgs ta;
  auto* c = app.add_subcommand("train", "Train NCSN on a data set; leaves a run folder with samples.png");
  c->add_option(
      "--data", ta.data,
      "fashion-mnist, shapes, or a path: IDX, CIFAR-10, a folder of PNG and JPEG, .npy (default: the preset's)");
  c->add_option("--preset", ta.preset,
                "tiny (seconds), quickstart (minutes), mnist or cifar10 (as published; with --data)");
  auto* out = c->add_option("--out", ta.out, "run folder to make (default: runs/PRESET)");
  c->add_option("--resume", ta.resume, "run folder to continue")->excludes(out);
  c->add_option("--steps", ta.steps, "total number of training steps (default: the preset's, or the run's)")
      ->check(above_zero);
  c->add_option("--minutes", ta.minutes, "end the training after so many minutes")->check(above_zero);
  c->add_option("--seed", ta.seed, "seed of weights, batches and noise (default: 0)")->check(not_negative);
  c->add_option("--batch", ta.batch, "images a step (default: the preset's)");
  c->add_option("--ngf", ta.ngf, "base number of feature maps (default: the preset's)");
  c->add_option("--levels", ta.levels, "noise levels (default: the preset's)");
  c->add_option("--image-size", ta.image_size,
                "side of the images of a folder, and of shapes (default: the first file's if it is square, even and at "
                "most 64, else 32; time and memory grow with its square)");
  c->add_option("--lr", ta.learning_rate, "learning rate of Adam (default: the preset's, or the run's)");
  c->add_option("--set", ta.set,
                "FIELD=VALUE, any other field of config.json, for example sigma_max=5; may be repeated");
  add_device(*c, ta.device);
  c->add_flag("--replay", ta.replay, "with --device cuda: a step's kernels launched as one CUDA graph; same numbers");
  c->add_flag("--quiet", ta.quiet, "no progress bar");
  c->add_flag("--profile", ta.profile,
              "at the end, time and bytes by op and module, and trace.json in the run folder for ui.perfetto.dev");
  on(c, [&] { return train(ta); });

  SampleArgs sa;
  c = app.add_subcommand("sample", "Draw images with a trained network");
  c->add_option("run", sa.folder, "run folder")->required();
  c->add_option("--count", sa.count, "number of images")->check(above_zero);
  c->add_option("--steps-per-level", sa.steps_per_level, "Langevin steps at each noise level (default: the run's)")
      ->check(above_zero);
  c->add_option("--out", sa.out, "file to write: a grid as .png, or the images (N, C, H, W) in [0, 1] as .npy");
  c->add_option("--seed", sa.seed, "seed of the sampling")->check(not_negative);
  add_device(*c, sa.device);
  c->add_flag("--raw-weights", sa.raw_weights, "the last weights instead of their moving average");
  c->add_flag("--quiet", sa.quiet, "no progress bar");
  on(c, [&] { return sample(sa); });

  ScoreArgs sc;
  c = app.add_subcommand("score", "Evaluate a score network on given inputs");
  add_model_options(*c, sc.model);
  c->add_option("--input", sc.input, "x, .npy: (B, C, H, W) or (B, D)")->required()->check(CLI::ExistingFile);
  c->add_option("--level", sc.level, "ncsn: y, .npy: (B) integers, 0 = largest sigma")->check(CLI::ExistingFile);
  c->add_option("--out", sc.out, ".npy file for the score")->required();
  c->add_flag("--json", sc.json, "print one JSON object");
  on(c, [&] { return score(sc); });

  LossArgs la;
  c = app.add_subcommand("loss", "Evaluate a loss and its gradients for every parameter");
  c->add_option("name", la.name, "dsm, ssm, ssm-vr or implicit")
      ->required()
      ->check(CLI::IsMember({"dsm", "ssm", "ssm-vr", "implicit"}));
  add_model_options(*c, la.model);
  c->add_option("--input", la.input, "clean x, .npy")->required()->check(CLI::ExistingFile);
  c->add_option("--level", la.level, "ncsn: y, .npy")->check(CLI::ExistingFile);
  c->add_option("--noise", la.noise, "z, .npy of the shape of x: x is perturbed by sigma z")->check(CLI::ExistingFile);
  c->add_option("--probe", la.probe, "v, .npy of the shape of x, for ssm and ssm-vr")->check(CLI::ExistingFile);
  c->add_option("--sigma-max", la.sigma_max, "ncsn: largest sigma of the geometric ladder");
  c->add_option("--sigma-min", la.sigma_min, "ncsn: smallest sigma");
  c->add_option("--sigma", la.sigma, "mlp, energy: level of the noise")->check(above_zero);
  c->add_option("--grads", la.grads, "safetensors file for d loss / d parameter");
  c->add_flag("--json", la.json, "print one JSON object");
  on(c, [&] { return loss(la); });

  TraceArgs tr;
  c = app.add_subcommand("trace", "Traces of a score network's Jacobian at given inputs, exact or estimated");
  add_model_options(*c, tr.model);
  c->add_option("--input", tr.input, "x, .npy: (B, D) or (B, C, H, W)")->required()->check(CLI::ExistingFile);
  c->add_option("--level", tr.level, "ncsn: y, .npy: (B) integers, 0 = largest sigma")->check(CLI::ExistingFile);
  c->add_option("--method", tr.method,
                "exact (planned), or naive, chunked, structured, collapsed, cyclic; estimates: "
                "hutchinson, hutch++, xtrace, fd")
      ->check(CLI::IsMember(
          {"exact", "naive", "chunked", "structured", "collapsed", "cyclic", "hutchinson", "hutch++", "xtrace", "fd"}));
  c->add_option("--law", tr.law, "estimates: law of the probes, all with covariance I")
      ->check(CLI::IsMember({"gaussian", "rademacher", "sphere", "orthogonal"}));
  c->add_option("--probes", tr.probes, "estimates: products with the Jacobian for each sample")->check(above_zero);
  c->add_option("--seed", tr.seed, "estimates: seed of the probes")->check(not_negative);
  c->add_option("--step", tr.step, "fd: length of the displacement of x")->check(above_zero);
  c->add_option("--memory", tr.memory_mb, "exact methods: megabytes that the results of a chunk may take")
      ->check(above_zero);
  c->add_option("--out", tr.out, ".npy file for the traces, (B)");
  c->add_flag("--explain", tr.explain, "print the plan with multiply-adds and bytes");
  c->add_flag("--json", tr.json, "print one JSON object");
  on(c, [&] { return trace(tr); });

  GraphArgs ga;
  ga.model.model = "mlp";  // small ones, to be looked at
  ga.model.dtype = "f64";
  ga.model.ngf = 4;
  ga.model.activation = "tanh";
  c = app.add_subcommand("graph", "Draw what is recorded when something is computed and differentiated");
  c->add_option(
       "what", ga.what,
       "an expression, for example \"tanh(x)*sin(y)\"; a network: mlp, energy, ncsn or unet; a loss of --model: "
       "loss:dsm, loss:ssm, loss:ssm-vr, loss:implicit and more; or trace:mlp: how its exact trace is contracted")
      ->required();
  c->add_option("--order", ga.order,
                "derivatives to take: of an expression by its variables; of a network by x, the last of several by the "
                "parameters; of a loss by the parameters")
      ->check(CLI::Range(0, 6));
  c->add_option("--out", ga.out, "file to write: .html, a page to explore; .svg, .dot, .json or .txt (default: text)");
  c->add_option("--shape", ga.shapes, "NAME=SIZES of a variable, for example x=3,2; may be repeated (default: 2)");
  c->add_option("--seed", ga.seed, "seed of weights and inputs")->check(not_negative);
  c->add_flag("--fold", ga.fold, "one node for each visit to a module of the network (the page folds by itself)");
  c->add_flag("--measure", ga.measure, "also the time of each op, of a second run");
  add_model_options(*c, ga.model, {"ncsn", "mlp", "energy", "unet"});
  on(c, [&] { return graph(ga); });

  LabArgs lab_args;
  c = app.add_subcommand("lab", "Experiments on score matching: tables, pictures and a page of text each");
  c->add_option("names", lab_args.names,
                "experiments; or list, which says what there is; or all, which also binds a report")
      ->required()
      ->check(experiment);
  c->add_option("--out", lab_args.out, "folder of the lab: each experiment leaves a folder in it");
  c->add_option("--seed", lab_args.seed, "seed of all random numbers")->check(not_negative);
  add_device(*c, lab_args.device);
  c->add_flag("--quick", lab_args.quick, "small numbers of everything, in seconds: to see that it works");
  c->add_flag("--force", lab_args.force, "also run what was finished before with the same settings");
  c->add_flag("--json", lab_args.json, "print one JSON object");
  c->add_flag("--quiet", lab_args.quiet, "no progress bar");
  on(c, [&] { return lab(lab_args); });

  add_bench(app, on);

  bool info_json = false, check_json = false, inspect_json = false;
  c = app.add_subcommand("info", "What this machine and this build offer");
  c->add_flag("--json", info_json, "print one JSON object");
  on(c, [&] { return info(info_json); });

  std::string op;
  int order = 3;
  c = app.add_subcommand("gradcheck", "Check the derivatives of every op, or of one, against finite differences");
  c->add_option("op", op, "an op's name (default: all)");
  c->add_option("--order", order, "highest order of derivative")->check(CLI::Range(1, 3));
  c->add_flag("--json", check_json, "print one JSON object");
  on(c, [&] { return gradcheck(op, order, check_json); });

  std::string path;
  c = app.add_subcommand("inspect", "Show what a run folder, a checkpoint, a safetensors or an npy file holds");
  c->add_option("path", path, "file, checkpoint folder or run folder")->required();
  c->add_flag("--json", inspect_json, "print one JSON object");
  on(c, [&] { return inspect(path, inspect_json); });

  constexpr int kUsage = 2;
  const CLI::App* of = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    std::vector<std::string> names;
    const CLI::App* named = nullptr;
    for (const CLI::App* one : of->get_subcommands([](const CLI::App*) { return true; })) {
      if (one->get_name() == argv[i]) named = one;
      names.push_back(one->get_name());
    }
    if (names.empty()) break;  // a command without commands of its own
    if (!named) {
      std::fprintf(stderr, "stein: %s\n", unknown("command", argv[i], names).c_str());
      return kUsage;
    }
    of = named;
  }
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (app.exit(e) == 0) return 0;
    if (dynamic_cast<const CLI::ExtrasError*>(&e))
      if (const auto meant = meant_option(*of, argc, argv); !meant.empty()) std::fprintf(stderr, "%s\n", meant.c_str());
    return kUsage;
  }
  try {
    return command();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stein: %s\n", e.what());
    return 1;
  }
}
