// SPDX-License-Identifier: MIT
// Networks, losses, optimisers, samplers and traces on a device, beside the cpu.
#include <catch2/catch.hpp>
#include <cmath>
#include <utility>

#include "autograd/grad.h"
#include "nn/ema.h"
#include "nn/energy_mlp.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/ncsn.h"
#include "nn/optim.h"
#include "nn/unet.h"
#include "ops/ops.h"
#include "smld/chart.h"
#include "smld/conversions.h"
#include "smld/data/batch.h"
#include "smld/data/toys.h"
#include "smld/diffusion_samplers.h"
#include "smld/guidance.h"
#include "smld/ladder.h"
#include "smld/likelihood.h"
#include "smld/losses.h"
#include "smld/metrics.h"
#include "smld/mixture_score.h"
#include "smld/noise.h"
#include "smld/objectives.h"
#include "smld/samplers.h"
#include "smld/trace.h"
#include "tensor/detail/device_memory.h"
#include "tensor/device_math.h"
#include "tests/support/device.h"

using namespace stein;
using namespace stein::smld;
using stein::test::test_device;

namespace {

void same(const Tensor& there, const Tensor& here, double tolerance) {
  CHECK(there.device() == test_device());
  CHECK(there.shape() == here.shape());
  CHECK(allclose(there.detach().to(cpu), here.detach(), tolerance, tolerance));
}

}  // namespace

TEST_CASE("NCSN trains and samples on " STEIN_TEST_DEVICE " as on the cpu", "[device][ncsn]") {
  const auto run = [](const Device& device) {
    Generator seed(1);
    nn::NCSN net({.channels = 1, .ngf = 4, .levels = 3}, seed);
    net.to(f64);
    net.to(device);
    const Tensor ladder = geometric_ladder(1, 0.1, 3, f64).to(device);
    const LevelScore score = [&](const Tensor& x, const Tensor& level) { return net(x, level); };
    nn::Adam adam(net, {.lr = 1e-3});
    nn::Ema ema(net, 0.9);
    Generator g(2);
    Tensors results;
    for (const auto& objective : {objective::ncsn(ladder), objective::ncsn_ssm_vr(ladder)}) {
      const Tensor x = uniform({2, 1, 8, 8}, g, 0, 1, f64).to(device);
      const Tensor loss = objective(score, x, g).value;
      results.push_back(loss);
      adam.step(grad({loss}, net.parameters()), ema);
    }
    for (const auto& p : net.parameters()) results.push_back(p.detach());
    for (const auto& [name, average] : ema.averages()) results.push_back(average);
    AnnealedOptions options;
    options.steps_per_level = 2;
    const Tensor start = uniform({1, 1, 8, 8}, g, 0, 1, f64).to(device);
    results.push_back(annealed_langevin(score, ladder, start, g, options));
    return results;
  };
  const Tensors here = run(cpu), there = run(test_device());
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) same(there[i], here[i], 1e-8);
}

TEST_CASE("NCSN trains on " STEIN_TEST_DEVICE " with factors in bf16: parameters in f32 keep every small step",
          "[device][ncsn]") {
  const auto run = [](bool bf16) {
    const AllowBF16 guard(bf16);
    Generator seed(1), g(2);
    nn::NCSN net({.channels = 1, .ngf = 8, .levels = 3}, seed);
    net.to(test_device());
    const Tensor ladder = geometric_ladder(1, 0.1, 3).to(test_device());
    nn::Adam adam(net, {.lr = 1e-5});  // bf16 has no number between 1 and 1.0078
    std::vector<double> losses;
    const Tensor start = net.parameters().front().detach().to(cpu);
    for (const auto& objective : {objective::ncsn(ladder), objective::ncsn_ssm_vr(ladder)}) {
      const Tensor x = uniform({4, 1, 8, 8}, g).to(test_device());
      const Tensor loss = objective([&](const Tensor& s, const Tensor& l) { return net(s, l); }, x, g).value;
      losses.push_back(loss.item());
      adam.step(grad({loss}, net.parameters()));
    }
    for (const auto& p : net.parameters()) CHECK(p.dtype() == f32);
    const Tensor moved = max(abs(net.parameters().front().detach().to(cpu) - start));
    CHECK(moved.item() > 1e-5);
    CHECK(moved.item() < 3e-5);
    return losses;
  };
  const auto exact = run(false), rounded = run(true);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    INFO("objective " << i << ": " << exact[i] << " in f32, " << rounded[i] << " in bf16");
    CHECK(rounded[i] != exact[i]);
    CHECK(std::abs(rounded[i] - exact[i]) < 0.05 * std::abs(exact[i]));
  }
}

// Each wait leaves a GPU idle while the host launches the next kernels. Two are needed, and both come when the whole step is
// launched: loss and norm are looked at before the weights change.
TEST_CASE("a train step on " STEIN_TEST_DEVICE
          " waits for the device twice: when it reads the loss, and the norm of the gradient",
          "[device][ncsn]") {
  const Device there = test_device();
  Generator seed(1), g(2);
  const Dataset data("toy", uniform({8, 1, 8, 8}, seed));
  nn::NCSN net({.channels = 1, .ngf = 4, .levels = 3}, seed);
  net.to(there);
  const Tensor ladder = geometric_ladder(1, 0.1, 3).to(there);
  nn::Adam adam(net, {.lr = 1e-3});
  nn::Ema ema(net, 0.9);
  BatchLoader loader(data, 2, 1, 0, 2, there);
  std::int64_t seen = stein::detail::device_synchronisations();
  const auto waits = [&] {
    return stein::detail::device_synchronisations() - std::exchange(seen, stein::detail::device_synchronisations());
  };
  for (int step = 0; step < 2; ++step) {
    const Batch batch = loader.next();
    const Tensor level = integers(0, 3, {2}, g).to(there), z = randn(batch.samples.shape(), g, f32, there);
    CHECK(waits() == 0);
    const Tensor loss =
        ncsn_loss([&](const Tensor& x, const Tensor& y) { return net(x, y); }, batch.samples, level, z, ladder);
    Tensors gradients = grad({loss}, net.parameters());
    CHECK(waits() == 0);
    CHECK(std::isfinite(loss.item()));
    CHECK(waits() == 1);
    CHECK(nn::clip_grad_norm_(gradients, 1e-3) > 1e-3);
    CHECK(waits() == 1);
    adam.step(gradients, ema);
    CHECK(waits() == 0);
  }
}

TEST_CASE("the loader hands out batches on " STEIN_TEST_DEVICE ", copied ahead without a wait", "[device][loader]") {
  const Device device = test_device();
  Tensor x = empty({50, 3});
  for (int i = 0; i < 150; ++i) x.mutable_data<float>()[i] = static_cast<float>(i);
  const Dataset data("toy", x);
  const auto live = memory_stats(device).live_bytes;
  {
    BatchLoader here(data, 8, 5, 16, 3), there(data, 8, 5, 16, 3, device);
    const auto before = stein::detail::device_synchronisations();
    std::vector<Tensor> sums;
    for (int i = 0; i < 20; ++i)
      sums.push_back(sum(there.next().samples * 2));  // the batch goes, its kernel perhaps has not begun
    CHECK(stein::detail::device_synchronisations() == before);
    for (const auto& s : sums) CHECK(s.item() == Approx(sum(here.next().samples).item() * 2));
    const Batch a = here.next(), b = there.next();
    CHECK(b.samples.device() == device);
    CHECK(equal(b.samples.to(cpu), a.samples));
    CHECK(b.position == a.position);
    CHECK(b.indices == a.indices);
  }
  CHECK(memory_stats(device).live_bytes == live);
}

TEST_CASE("the U-Net's loss and gradients on " STEIN_TEST_DEVICE " are those of the cpu", "[device][unet]") {
  const auto run = [](const Device& device) {
    Generator seed(1);
    nn::UNet net({.width = 8, .multipliers = {1, 2}, .attention = true, .groups = 4}, seed);
    net.to(f64);
    net.to(device);
    Generator g(3);
    const Tensor x = randn({2, 1, 8, 8}, g, f64).to(device), t = uniform({2}, g, 0, 1, f64).to(device);
    const Tensor loss = sum(square(net(x, t) - x));
    Tensors r = grad({loss}, net.parameters());
    r.push_back(loss);
    return r;
  };
  const Tensors here = run(cpu), there = run(test_device());
  for (std::size_t i = 0; i < here.size(); ++i) same(there[i], here[i], 1e-9);
}

TEST_CASE("exact and estimated traces on " STEIN_TEST_DEVICE " are those of the cpu", "[device][trace]") {
  const auto run = [](const Device& device) {
    Generator seed(1);
    nn::MLP net({5, 9, 9, 5}, "softplus", seed);
    net.to(f64);
    net.to(device);
    Generator g(4);
    const Tensor x = randn({3, 5}, g, f64).to(device);
    Tensors r;
    for (const auto method :
         {TraceMethod::exact, TraceMethod::naive, TraceMethod::chunked, TraceMethod::structured, TraceMethod::collapsed,
          TraceMethod::hutchinson, TraceMethod::hutchpp, TraceMethod::xtrace}) {
      Generator probes(5);
      TraceOptions o;
      o.method = method;
      o.probes = 3;
      o.generator = &probes;
      const Tensor t = trace([&](const Tensor& y) { return net(y); }, x, o);
      r.push_back(t);
      for (const auto& d : grad({sum(t)}, net.parameters())) r.push_back(d);
    }
    // A Jacobian of rank 1: XTrace draws anew, which the cpu does only because it looks.
    Generator probes(6);
    const Tensor up = randn({5, 1}, g, f64).to(device).requires_grad_(), down = randn({1, 5}, g, f64).to(device);
    const Tensor t = trace([&](const Tensor& y) { return matmul(matmul(y, up), down); }, x,
                           {.method = TraceMethod::xtrace, .probes = 6, .generator = &probes});
    r.push_back(t);
    r.push_back(grad(sum(t), up));
    r.push_back(randn({2}, probes, f64, device));
    return r;
  };
  const Tensors here = run(cpu), there = run(test_device());
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) same(there[i], here[i], 1e-9);
}

TEST_CASE("every objective on " STEIN_TEST_DEVICE " has the loss and gradients of the cpu", "[device][objectives]") {
  const auto run = [](const Device& device) {
    Generator seed(1);
    nn::MLP scores({3, 8, 8, 3}, "softplus", seed);
    nn::EnergyMLP energies(3, {8, 8}, "softplus", seed);
    nn::Linear in(3, 8, true, seed), out(8, 3, true, seed), times(1, 8, true, seed);
    const Tensor ladder = geometric_ladder(1, 0.1, 4, f64).to(device);
    const std::vector<nn::Module*> modules{&scores, &energies, &in, &out, &times};
    Tensors parameters, r;
    for (auto* m : modules) {
      m->to(f64), m->to(device);
      for (const auto& p : m->parameters()) parameters.push_back(p);
    }
    const LevelScore score = unconditional([&](const Tensor& x) { return scores(x); });
    const LevelScore energy = [&](const Tensor& x, const Tensor&) { return energies(x); };
    const LevelScore timed = [&](const Tensor& x, const Tensor& t) {
      return out(softplus(in(x) + times(reshape(t.to(f64), {-1, 1}))));
    };
    namespace o = objective;
    const std::vector<std::pair<LevelScore, Objective>> all{
        {score, o::explicit_score_matching([](const Tensor& x) { return -x; })},
        {score, o::implicit()},
        {score, o::hutchinson(ProbeLaw::gaussian)},
        {score, o::hutchinson(ProbeLaw::orthogonal, 2)},
        {score, o::ssm()},
        {score, o::ssm_vr()},
        {score, o::fd_ssm()},
        {score, o::dsm()},
        {score, o::dsm({.noise = laplace_noise(0.2), .scaled = true})},
        {score, o::antithetic_dsm(0.1)},
        {score, o::gradient_penalty()},
        {score, o::gradient_penalty(o::Probes{})},
        {energy, o::implicit_energy()},
        {energy, of_energy(o::implicit())},
        {energy, of_energy(o::dsm())},
        {energy, o::fd_ssm_energy()},
        {timed, o::ncsn(ladder)},
        {timed, o::ncsn_ssm_vr(ladder)},
        {timed, o::ddpm(DdpmSchedule(20))},
        {timed, o::sde(Sde::vp())},
        {timed, o::sde(Sde::sub_vp())},
        {timed, o::sde(Sde::ve(0.01, 5))}};
    Generator data(2);
    const Tensor x = randn({4, 3}, data, f64).to(device);
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO("objective " << i);
      Generator g(i);
      const Loss loss = all[i].second(all[i].first, x, g);
      r.push_back(loss.per_sample);
      for (const auto& d : grad({loss.value}, parameters)) r.push_back(d);
    }
    Generator g(9);
    const Tensor labels = from_vector<std::int64_t>({0, 2, 1, 2}, {4}).to(device);
    for (const auto& objective :
         {o::classifier(0.5), o::classifier(ladder), o::classifier(DdpmSchedule(20)), o::classifier(Sde::vp())})
      r.push_back(objective([&](const Tensor& y, const Tensor& t) { return t.defined() ? timed(y, t) : scores(y); }, x,
                            labels, g)
                      .value);
    r.push_back(log_likelihood(timed, Sde::vp(), x, {.rtol = 1e-3, .atol = 1e-3}).log_p);
    return r;
  };
  const Tensors here = run(cpu), there = run(test_device());
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) same(there[i], here[i], 1e-8);
}

TEST_CASE("every sampler on " STEIN_TEST_DEVICE " draws the samples of the cpu", "[device][samplers]") {
  const auto run = [](const Device& device) {
    Tensors r;
    const Sde vp = Sde::vp();
    const Score score = [](const Tensor& x) { return -tanh(x); };
    const TimeScore timed = [](const Tensor& x, const Tensor& t) { return -x / (1 + reshape(t.to(f64), {-1, 1})); };
    const Tensor labels = from_vector<std::int64_t>({0, 1, 1}, {3}).to(device);
    Generator g(1);
    const Tensor x = randn({3, 2}, g, f64).to(device);
    r.push_back(langevin(score, x, 0.01, 3, g));
    r.push_back(mala([](const Tensor& y) { return -0.5 * per_sample(square(y)); }, [](const Tensor& y) { return -y; },
                     x, 0.1, 3, g)
                    .x);
    r.push_back(ddpm(timed, DdpmSchedule(5), x, g));
    DdimOptions skipping;
    skipping.eta = 0.5;
    skipping.steps = 4;
    r.push_back(ddim(timed, DdpmSchedule(20), x, g, skipping));
    ReverseSdeOptions options;
    options.steps = 4;
    options.corrector_steps = 1;
    for (const auto p : {Predictor::euler_maruyama, Predictor::reverse_diffusion, Predictor::ancestral}) {
      options.predictor = p;
      r.push_back(reverse_sde(timed, vp, x, g, options));
    }
    options.constraint = inpaint(x, (x > 0).to(f64), g);
    r.push_back(reverse_sde(timed, vp, x, g, options));
    r.push_back(probability_flow(timed, vp, x, {.steps = 4}));
    r.push_back(probability_flow(timed, vp, x, {.rtol = 1e-3, .atol = 1e-3}));
    const auto guided = classifier_guidance(
        timed, [](const Tensor& y, const Tensor&) { return y; }, labels, 2);
    r.push_back(probability_flow(guided, vp, x, {.steps = 2}));
    const auto free = classifier_free_guidance(
        [&](const Tensor& y, const Tensor& t, const Tensor& label) {
          return timed(y, t) + reshape(label.to(f64), {-1, 1});
        },
        labels, 2, 2);
    r.push_back(probability_flow(free, vp, x, {.steps = 2}));
    return r;
  };
  const Tensors here = run(cpu), there = run(test_device());
  for (std::size_t i = 0; i < here.size(); ++i) same(there[i], here[i], 1e-9);
}

TEST_CASE("exact scores, distances and charts take samples on " STEIN_TEST_DEVICE, "[device][mixture]") {
  const auto p = GaussianMixture::named("ellipses"), round = GaussianMixture::named("ring");
  const MixtureScore exact(p);
  const auto run = [&](const Device& device) {
    Generator g(1);
    Tensors r;
    for (const DType dtype : {f32, f64}) {
      const Tensor x = p.sample(20, 3).to(dtype).to(device);
      const Tensor t = uniform({20}, g, 0.1, 0.9, dtype, device), step = integers(1, 21, {20}, g).to(device);
      r.insert(r.end(), {p.log_density(x, 0.1), p.score(x), p.responsibilities(x), laplace_log_density(round, x, 0.2),
                         laplace_score(round, x, 0.2), mixture_noise(round).score(x), mixture_noise(p).draw(x, g)});
      for (const auto& name : toy_names()) r.push_back(toy_score(name, x, 0.3));
      r.insert(r.end(),
               {exact.score_at(0.2)(x), exact.log_density(x, kernel(0.9, 0.4, dtype)), exact.score_of(Sde::vp())(x, t),
                exact.denoised(x, Sde::vp().kernel(t, 2)), exact.noise_of(DdpmSchedule(20))(x, step),
                exact.score_of(geometric_ladder(2, 0.1, 21))(x, step),
                prior_sample(Sde::ve(0.01, 5), {4, 2}, g, dtype, device)});
      // of a score that is differentiated
      const Tensor at = x.detach().requires_grad_();
      r.push_back(grad(sum(square(exact.score_at()(at))), at));
    }
    return r;
  };
  const Tensors here = run(cpu), there = run(test_device());
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    INFO("result " << i << ", " << describe(here[i]));
    CHECK(there[i].dtype() == here[i].dtype());
    same(there[i], here[i], here[i].dtype() == f32 ? 1e-4 : 1e-10);
  }

  const Tensor x = p.sample(50, 4), y = p.sample(50, 5), u = x.to(test_device()), v = y.to(test_device());
  const auto distances = [&](const Tensor& a, const Tensor& b) {
    Generator g(2);
    const Score score = [&](const Tensor& at) { return exact.score_at(0.5)(at) + at * at["::, ::-1"]; };
    std::vector<double> r{mmd2(a, p, 0.5),
                          mmd2(a, b, 0.5),
                          median_distance(a, g),
                          sliced_w2(a, b, g, 8),
                          fisher_divergence(score, p, a),
                          curl_ratio(score, a, g)};
    for (const auto assignment : {Assignment::hard, Assignment::soft})
      for (double share : mode_weights(a, p, assignment).to_vector<double>()) r.push_back(share);
    return r;
  };
  const auto a = distances(x, y), b = distances(u, v);
  REQUIRE(a.size() == 12);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(b[i] == Approx(a[i]).epsilon(1e-10));
  CHECK(Values(u).vector() == Values(x).vector());
}
