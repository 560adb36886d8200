// SPDX-License-Identifier: MIT
// The options of `stein bench`; what is measured stands in tools/bench/.
#include "tools/bench/bench.h"
#include "tools/options.h"

namespace stein::tools {
namespace {

const CLI::Validator count =
    number("a whole number of at least 1", [](double v) { return v >= 1 && v == std::floor(v); });
constexpr const char* kJson = "print one JSON object a line";

}  // namespace

void add_bench(CLI::App& app, const OnCommand& on) {
  auto* bench =
      app.add_subcommand("bench", "Time training and sampling steps, traces, ops and convolutions; or predict a GPU's");
  bench->require_subcommand(1);
  const auto integer = [](CLI::App* c, const char* name, std::int64_t& value, const char* text) {
    return c->add_option(name, value, text)->check(count);
  };
  const auto threads = [&](CLI::App* c, std::int64_t& value) {
    integer(c, "--threads", value, "threads (default: STEIN_THREADS, or all cores)")->default_str("");
  };

  const auto add_shape = [&](CLI::App* c, bench::NcsnArgs& args) {
    integer(c, "--ngf", args.ngf, "base number of feature maps");
    integer(c, "--batch", args.batch, "images a step");
    integer(c, "--size", args.size, "side of the images, even");
    integer(c, "--channels", args.channels, "channels of the images");
    integer(c, "--levels", args.levels, "noise levels");
    threads(c, args.threads);
    c->add_flag("--json", args.json, kJson);
  };

  const auto add_ncsn = [&](const char* name, const char* text) {
    auto* c = bench->add_subcommand(name, text);
    auto args = std::make_shared<bench::NcsnArgs>();
    args->what = name;
    add_shape(c, *args);
    integer(c, "--steps", args->steps, "steps that are timed, after two that are not");
    add_device(*c, args->device);
    c->add_flag("--replay", args->replay, "launch a step's kernels as one (tensor/replay.h)");
    on(c, [args] { return bench::ncsn(*args); });
  };
  add_ncsn("train", "A training step of NCSN: denoising loss, gradients, Adam");
  add_ncsn("sample", "A Langevin step of NCSN");
  add_ncsn("ssm", "A training step of NCSN by sliced score matching (SSM-VR): double backward through all of it");

  auto* c = bench->add_subcommand("trace", "Training steps of implicit score matching for an MLP, by method");
  auto trace = std::make_shared<bench::TraceArgs>();
  integer(c, "--dim", trace->dim, "dimension of the data");
  integer(c, "--hidden", trace->hidden, "width of the hidden layers");
  integer(c, "--layers", trace->layers, "hidden layers");
  integer(c, "--batch", trace->batch, "samples a step");
  c->add_option("--method", trace->methods, "dsm (denoising, no trace), or methods of stein trace")
      ->delimiter(',')
      ->check(CLI::IsMember({"dsm", "exact", "naive", "chunked", "structured", "collapsed", "cyclic", "hutchinson",
                             "hutch++", "xtrace", "fd"}));
  c->add_option("--probes", trace->probes, "estimates: probes (default: 1; hutch++ 3, xtrace 2, their fewest)")
      ->check(count);
  c->add_option("--seconds", trace->seconds, "time for each method, 400 steps at most")->check(above_zero);
  threads(c, trace->threads);
  c->add_flag("--json", trace->json, kJson);
  on(c, [trace] { return bench::trace(*trace); });

  c = bench->add_subcommand("ops", "Time per op of a chain of small ops, one thread: what the engine itself costs");
  auto ops = std::make_shared<bench::OpsArgs>();
  integer(c, "--steps", ops->steps, "runs of the chain");
  add_device(*c, ops->device);
  c->add_flag("--json", ops->json, kJson);
  on(c, [ops] { return bench::ops(*ops); });

  c = bench->add_subcommand("conv",
                            "The convolution kernels, on one thread and on all; without --channels a list of shapes");
  auto conv = std::make_shared<bench::ConvArgs>();
  integer(c, "--batch", conv->batch, "images");
  auto* channels = integer(c, "--channels", conv->channels, "channels of the input: one shape instead of the list");
  channels->default_str("");
  integer(c, "--out", conv->out, "channels of the result (default: as the input)")->needs(channels)->default_str("");
  integer(c, "--size", conv->size, "side of the images")->needs(channels);
  integer(c, "--kernel", conv->kernel, "side of the kernel")->needs(channels);
  integer(c, "--dilation", conv->dilation, "dilation")->needs(channels);
  integer(c, "--stride", conv->stride, "stride")->needs(channels);
  integer(c, "--steps", conv->steps, "runs that are timed, after 30 ms of them that are not");
  integer(c, "--threads", conv->threads, "this many threads only (default: one, and all)")->default_str("");
  c->add_flag("--accuracy", conv->accuracy, "errors against f64 instead of times");
  c->add_flag("--json", conv->json, kJson);
  on(c, [conv] { return conv->accuracy ? bench::conv_accuracy(*conv) : bench::conv(*conv); });

  c = bench->add_subcommand("peaks",
                            "What a device reaches: bytes and FLOPs a second of an addition, a product, a convolution");
  auto peaks = std::make_shared<bench::PeaksArgs>();
  add_device(*c, peaks->device);
  integer(c, "--mb", peaks->mb, "megabytes of each operand of the addition");
  integer(c, "--matrix", peaks->matrix, "side of the matrices");
  integer(c, "--batch", peaks->batch, "images of the convolution");
  integer(c, "--channels", peaks->channels, "channels of its images and results");
  integer(c, "--size", peaks->size, "side of its images");
  integer(c, "--steps", peaks->steps, "times that are taken, after one that is not");
  c->add_flag("--json", peaks->json, kJson);
  on(c, [peaks] { return bench::peaks(*peaks); });

  c = bench->add_subcommand("roofline",
                            "On paper: a training step of NCSN against a GPU's published peaks, and what bounds it");
  auto roofline = std::make_shared<bench::RooflineArgs>();
  c->add_option("--gpu", roofline->gpu, "a100, h100, h200 or b200");
  add_shape(c, roofline->step);
  c->add_flag("--tf32", roofline->tf32, "convolutions and products of matrices by tensor cores, in TF32");
  c->add_option("--launch-us", roofline->launch_us, "microseconds that a launch takes at least")->check(not_negative);
  on(c, [roofline] { return bench::roofline(*roofline); });
}

}  // namespace stein::tools
