// SPDX-License-Identifier: MIT
// `stein score` and `stein loss`: numbers to compare with any other framework.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "autograd/grad.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "smld/ladder.h"
#include "smld/trace.h"
#include "smld/trained.h"
#include "tensor/npy.h"
#include "tensor/recording.h"
#include "tools/model.h"

namespace stein::tools {
namespace {

using Json = nlohmann::ordered_json;

void print(const Json& j) { fmt::print("{}\n", j.dump()); }

// Loss of an MLP or an energy: x as it is, or perturbed by sigma z.
Tensor mlp_loss(const LossArgs& args, const Model& m, const Tensor& clean, const Tensor& z, const Tensor& v) {
  const smld::Score s = [&](const Tensor& x) { return m.score(x, {}); };
  if (z.defined() != args.sigma.has_value())
    fail("loss", "--noise together with --sigma", z.defined() ? "--noise alone" : "--sigma alone");
  if (args.name == "dsm") {
    if (!z.defined()) fail("loss", "--noise and --sigma for dsm", "none");
    return smld::dsm_loss(s, clean, z, *args.sigma);
  }
  const Tensor x = z.defined() ? clean + *args.sigma * z : clean;
  if (args.name == "implicit") return smld::implicit_loss(s, x);
  return args.name == "ssm" ? smld::ssm_loss(s, x, v) : smld::ssm_vr_loss(s, x, v);
}

// Loss of NCSN: x perturbed by sigma_y z, each sample weighted by sigma_y^2.
Tensor ncsn_loss(const LossArgs& args, const Model& m, const Tensor& clean, const Tensor& y, const Tensor& z,
                 const Tensor& v) {
  if (args.sigma) fail("loss", "--sigma-max and --sigma-min for ncsn", "--sigma");
  if (!z.defined()) fail("loss", "--noise z.npy for ncsn", "none");
  const Tensor ladder = smld::geometric_ladder(args.sigma_max, args.sigma_min, args.model.levels, m.dtype).to(m.device);
  if (args.name == "dsm") return smld::ncsn_loss(m.score, clean, y, z, ladder);
  if (args.name == "ssm-vr") return smld::ncsn_ssm_vr_loss(m.score, clean, y, z, v, ladder);
  const Tensor sigma = smld::sigma_of(ladder, y, clean.rank());
  const Tensor weight = square(reshape(sigma, {-1}));
  if (args.name == "implicit") {
    const auto [s, trace] = smld::value_and_trace([&](const Tensor& x) { return m.score(x, y); }, clean + sigma * z);
    return mean(weight * (0.5 * smld::per_sample(square(s)) + trace));
  }
  const Tensor x = (clean + sigma * z).requires_grad_(), s = m.score(x, y);
  return mean(weight * (0.5 * square(smld::per_sample(s * v)) + smld::hutchinson_trace(s, x, v)));
}

}  // namespace

int score(ScoreArgs args) {
  const ExactConvolution exact(!args.model.fast);
  const Model m = load_model(args.model);
  const Tensor x = read_array(args.input, m);
  if (x.rank() < 1) fail("score", "an input (B, ...)", describe(x));
  const Tensor y = read_levels(args.level, args.model, x.size(0));
  NoGrad guard;
  const Tensor s = m.score(x, y);
  save_npy(args.out, s);
  if (args.json)
    print({{"model", args.model.model},
           {"dtype", args.model.dtype},
           {"shape", std::vector<std::int64_t>(s.shape().begin(), s.shape().end())},
           {"out", args.out}});
  else
    fmt::print("{}: {}\n", args.out, describe(s));
  return 0;
}

int loss(LossArgs args) {
  const ExactConvolution exact(!args.model.fast);
  const Model m = load_model(args.model);
  if (!args.model.run.empty()) {
    const smld::TrainConfig c = smld::read_config(args.model.run);
    args.sigma_max = c.sigma_max;
    args.sigma_min = c.sigma_min;
  }
  const auto optional = [&](const std::string& path) { return path.empty() ? Tensor{} : read_array(path, m); };
  const Tensor x = read_array(args.input, m), z = optional(args.noise), v = optional(args.probe);
  if (x.rank() < 1) fail("loss", "an input (B, ...)", describe(x));
  if ((args.name == "ssm" || args.name == "ssm-vr") && !v.defined())
    fail("loss", "--probe v.npy for " + args.name, "none");
  const Tensor y = read_levels(args.level, args.model, x.size(0));
  const Tensor value = args.model.model == "ncsn" ? ncsn_loss(args, m, x, y, z, v) : mlp_loss(args, m, x, z, v);
  if (!args.grads.empty()) {
    const auto parameters = m.module->named_parameters();
    Tensors inputs;
    for (const auto& [name, p] : parameters) inputs.push_back(p);
    const Tensors g = grad({value}, inputs);
    NamedTensors file;
    for (std::size_t i = 0; i < g.size(); ++i) file[parameters[i].first] = g[i];
    save_safetensors(args.grads, file);
  }
  if (args.json)
    print({{"loss", value.item()}, {"name", args.name}, {"model", args.model.model}, {"dtype", args.model.dtype}});
  else
    fmt::print("{} loss {:.17g}\n", args.name, value.item());
  return 0;
}

}  // namespace stein::tools
