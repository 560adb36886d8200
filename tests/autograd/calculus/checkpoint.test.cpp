// SPDX-License-Identifier: MIT
#include "autograd/calculus/checkpoint.h"

#include <catch2/catch.hpp>
#include <thread>

#include "autograd/calculus/check.h"
#include "autograd/forward.h"
#include "autograd/grad.h"
#include "ops/exact_convolution.h"
#include "ops/ops.h"
#include "tensor/device_math.h"
#include "tensor/random.h"

using namespace stein;

namespace {

// tanh layers in segments of four.
struct Mlp {
  Tensors weights, biases;
  Mlp(int depth, std::int64_t width, Generator& g) {
    for (int i = 0; i < depth; ++i) {
      weights.push_back((randn({width, width}, g, f64) / std::sqrt(static_cast<double>(width))).requires_grad_());
      biases.push_back((randn({width}, g, f64) * 0.1).requires_grad_());
    }
  }
  Tensors parameters() const {
    Tensors p = weights;
    p.insert(p.end(), biases.begin(), biases.end());
    return p;
  }
  Tensor layers(Tensor x, std::size_t first, std::size_t last) const {
    for (std::size_t i = first; i < last; ++i) x = tanh(matmul(x, weights[i]) + biases[i]);
    return x;
  }
  Tensor plain(const Tensor& x) const { return layers(x, 0, weights.size()); }
  Tensor checkpointed(Tensor x) const {
    for (std::size_t i = 0; i < weights.size(); i += 4)
      x = checkpoint([this, i](const Tensor& h) { return layers(h, i, std::min(i + 4, weights.size())); }, x);
    return x;
  }
  // Checkpoints in checkpoints.
  Tensor nested(const Tensor& x) const {
    return checkpoint(
        [this](const Tensor& h) {
          const Tensor middle = checkpoint([this](const Tensor& u) { return layers(u, 0, 2); }, h);
          return checkpoint([this](const Tensor& u) { return layers(u, 2, weights.size()); }, middle);
        },
        x);
  }
};

// Gradients of orders 1, 2, 3 in x and all parameters.
std::vector<Tensors> orders(const std::function<Tensor(const Tensor&)>& net, const Mlp& mlp, const Tensor& x,
                            int highest) {
  Tensors inputs = mlp.parameters();
  inputs.push_back(x);
  std::vector<Tensors> r;
  Tensor y = sum(net(x));
  for (int k = 1; k <= highest; ++k) {
    r.push_back(grad({y}, inputs, {.create_graph = k < highest}));
    y = {};
    for (const auto& g : r.back()) y = y.defined() ? y + sum(g * g) : sum(g * g);
  }
  return r;
}

void check_equal(const std::vector<Tensors>& a, const std::vector<Tensors>& b, std::size_t exact) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k)
    for (std::size_t i = 0; i < a[k].size(); ++i) {
      INFO("order " << k + 1 << ", input " << i);
      if (k < exact)
        CHECK(equal(a[k][i], b[k][i]));
      else
        CHECK(allclose(a[k][i], b[k][i], 1e-11, 1e-13));
    }
}

}  // namespace

TEST_CASE("checkpoint: values and gradients of orders 1 to 3 are those of the plain network") {
  Generator g(1);
  const Mlp mlp(5, 3, g);
  const Tensor x = randn({2, 3}, g, f64).requires_grad_();
  const auto plain = orders([&](const Tensor& t) { return mlp.plain(t); }, mlp, x, 3);
  const auto saved = orders([&](const Tensor& t) { return mlp.checkpointed(t); }, mlp, x, 3);
  const auto nested = orders([&](const Tensor& t) { return mlp.nested(t); }, mlp, x, 3);
  CHECK(equal(mlp.plain(x), mlp.checkpointed(x)));
  check_equal(saved, plain, 1);
  check_equal(nested, plain, 1);
}

TEST_CASE("checkpoint: gradients of one segment are the same to the last bit, at order 2 too") {
  // One segment: sums of cotangents are formed in the same order as without.
  Generator g(2);
  const Mlp mlp(1, 4, g);
  const Tensor x = randn({3, 4}, g, f64).requires_grad_();
  check_equal(orders([&](const Tensor& t) { return mlp.checkpointed(t); }, mlp, x, 2),
              orders([&](const Tensor& t) { return mlp.plain(t); }, mlp, x, 2), 2);
}

TEST_CASE("checkpoint: passes every check of an op, also forward, in batches and nested") {
  Generator g(3);
  const Tensor w = randn({3, 3}, g, f64), x = randn({2, 3}, g, f64), b = randn({3}, g, f64);
  const TensorsFunction layer = [](const Tensors& in) { return Tensors{tanh(matmul(in[0], in[1]) + in[2])}; };
  const TensorsFunction f = [&](const Tensors& in) { return checkpoint(layer, in); };
  const TensorsFunction twice = [&](const Tensors& in) {
    return checkpoint([&](const Tensors& z) { return Tensors{checkpoint(layer, z)[0], sum(z[0] * z[0])}; }, in);
  };
  // Weights captured, not passed; they still require gradients because check_grads moves them.
  const TensorsFunction capturing = [&](const Tensors& in) {
    return checkpoint([w = in[1], b = in[2]](const Tensors& z) { return Tensors{tanh(matmul(z[0], w) + b)}; }, {in[0]});
  };
  for (const auto& h : {f, twice, capturing}) {
    const auto report = check_grads(h, {x, w, b});
    INFO(report.to_string());
    CHECK(report.ok());
    const auto batched = check_batched(h, {x, w, b});
    INFO(batched.to_string(true));
    CHECK(batched.ok());
  }
  CHECK(live_nodes() == 0);
}

TEST_CASE("checkpoint: captured tensors that depend on each other are independent inside") {
  Tensor a = tensor({0.3, 0.5}, f64).requires_grad_();
  Tensor b = a * a;  // older than the checkpoint, and so is a
  const auto f = [&](const Tensor& x) { return x * a * b; };
  const Tensor x = tensor({2, 3}, f64);
  const Tensor y = checkpoint(f, x), plain = f(x);
  CHECK(equal(grad(sum(y), a, {.retain_graph = true}), grad(sum(plain), a, {.retain_graph = true})));
  CHECK(allclose(grad(sum(y), a, {.retain_graph = true}), 3.0 * x * a.detach() * a.detach(), 1e-14));
  CHECK(allclose(push_forward({y}, {a}, {ones({2}, f64)})[0], 3.0 * x * a.detach() * a.detach(), 1e-14));
}

TEST_CASE("checkpoint: memory falls") {
  Generator g(4);
  const Mlp mlp(16, 32, g);
  const Tensor x = randn({512, 32}, g, f64).requires_grad_();
  const auto peak = [&](auto&& run) {
    const auto live = memory_stats().live_bytes;
    reset_peak_memory();
    run();
    return memory_stats().peak_bytes - live;
  };
  const auto first_order = [&](auto net) { return peak([&] { grad({sum(net(x))}, mlp.parameters()); }); };
  const auto second_order = [&](auto net) {
    return peak([&] {
      const Tensor s = grad(sum(net(x)), x, {.create_graph = true});
      grad({sum(s * s)}, mlp.parameters());
    });
  };
  const auto plain = [&](const Tensor& t) { return mlp.plain(t); };
  const auto saved = [&](const Tensor& t) { return mlp.checkpointed(t); };
  const auto p1 = first_order(plain), c1 = first_order(saved), p2 = second_order(plain), c2 = second_order(saved);
  INFO("first order " << p1 << " and " << c1 << ", second order " << p2 << " and " << c2 << " bytes");
  CHECK(c1 < 0.6 * static_cast<double>(p1));
  CHECK(c2 < 0.6 * static_cast<double>(p2));
}

TEST_CASE("checkpoint: draws the same random numbers again and leaves the generator where it was") {
  manual_seed(7);
  Tensor x = ones({4}, f64).requires_grad_();
  Tensor noise;
  const auto f = [&](const Tensor& t) {
    noise = randn({4}, f64);
    return t * t * noise;
  };
  const Tensor y = checkpoint(f, x);
  const Tensor drawn = noise;
  const auto state = default_generator().state();
  const Tensor d = grad(sum(y), x);
  CHECK(equal(noise, drawn));
  CHECK(equal(d, drawn * 2.0));
  CHECK(default_generator().state() == state);
}

TEST_CASE("checkpoint: constants, NoGrad, integers, stale parameters") {
  Tensor w = tensor({2, 3}, f64).requires_grad_();
  const auto f = [&](const Tensor& x) { return x + w; };  // the sum keeps nothing: the checkpoint must still notice
  {
    const NoGrad guard;
    CHECK_FALSE(checkpoint(f, ones({2}, f64)).requires_grad());
  }
  CHECK_FALSE(checkpoint([](const Tensor& x) { return x * 2.0; }, ones({2}, f64)).requires_grad());
  const Tensor y = checkpoint(f, ones({2}, f64));
  CHECK(equal(grad(sum(y), w, {.retain_graph = true}), ones({2}, f64)));
  {
    const NoGrad guard;
    w.fill_(5);
  }
  CHECK_THROWS_WITH(grad(sum(y), w), Catch::Contains("of op checkpoint as it was when recorded"));

  Tensor x = tensor({3, 1, 2}, f64).requires_grad_();
  const auto r = checkpoint(
      [](const Tensors& in) {
        return Tensors{index_select(in[0], 0, in[1]), in[1]};
      },
      {x, from_vector<std::int64_t>({2, 0}, {2})});
  CHECK_FALSE(r[1].requires_grad());
  CHECK(equal(grad(sum(r[0]), x), tensor({1, 0, 1}, f64)));
  // The result may be a captured tensor itself.
  CHECK(equal(grad(sum(checkpoint([&](const Tensor&) { return x; }, ones({1}, f64))), x), ones({3}, f64)));
}

TEST_CASE("checkpoint: derivatives inside f capture for f") {
  Tensor w = tensor({{0.5, -1}, {2, 0.3}}, f64).requires_grad_(), b = tensor({0.3, -0.2}, f64).requires_grad_();
  Tensor x = tensor({{0.1, 0.7}}, f64).requires_grad_();
  const Tensor v = ones({1, 2}, f64);
  const TensorFunction energy = [=](const Tensor& z) { return sum(tanh(matmul(z, w) + b)); };
  const TensorFunction slope = [=](const Tensor& z) { return gradient(energy, z); };
  const TensorFunction pulled = [=](const Tensor& z) { return vjp(slope, z).second(v); };
  const TensorFunction pushed = [=](const Tensor& z) { return jvp(slope, z, v).second; };
  const TensorFunction curved = [=](const Tensor& z) { return hvp(energy, z, v).second; };
  for (const auto& f : {slope, pulled, pushed, curved})
    for (const Tensor& at : {x, x.detach()}) {
      const auto plain = grad({sum(f(at))}, {w, b}), saved = grad({sum(checkpoint(f, at))}, {w, b});
      for (std::size_t i = 0; i < 2; ++i) CHECK(allclose(saved[i], plain[i], 1e-13));
    }
  // A point that is constant: the results still depend on b.
  CHECK(jacobian(slope, x.detach()).requires_grad());
  CHECK(vjp(slope, x.detach()).first.requires_grad());
}

TEST_CASE("checkpoint: the second run leaves the draws of other threads alone") {
  manual_seed(3);
  Tensor x = ones({4}, f64).requires_grad_();
  Generator& generator = default_generator();  // as a dropout layer holds it
  const auto start = generator.state();
  std::uint64_t before = 0, after = 0;
  bool again = false;
  const Tensor y = checkpoint(
      [&](const Tensor& t) {
        if (again)
          std::thread([&] {
            before = generator.state().position;
            randn({8});
            after = generator.state().position;
          }).join();
        return t * randn({4}, generator, f64);
      },
      x);
  again = true;
  const auto state = generator.state();
  const Tensor d = grad(sum(y), x);
  generator.set_state(start);
  CHECK(equal(d, randn({4}, generator, f64)));
  CHECK(before == state.position);
  CHECK(after == before + 2);
}

namespace {

// The gradients in x and w of the sum of f's squares, f recorded under Guard and differentiated without, with and without a checkpoint.
template <class Guard>
void check_guarded(const std::function<Tensor(const Tensor& x, const Tensor& w)>& f, const Tensor& input,
                   const Tensor& weight) {
  const Tensor x = input.detach().requires_grad_(), w = weight.detach().requires_grad_();
  const TensorFunction net = [=](const Tensor& at) { return square(f(at, w)); };
  Tensor plain, saved;
  {
    const Guard guard;
    plain = sum(net(x));
    saved = sum(checkpoint(net, x));
  }
  const auto on_cpu = [](const Tensor& t) { return t.detach().to(cpu); };
  const Tensors expected = grad({plain}, {x, w}), got = grad({saved}, {x, w}), unguarded = grad({sum(net(x))}, {x, w});
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(equal(on_cpu(got[i]), on_cpu(expected[i])));
    CHECK_FALSE(equal(on_cpu(unguarded[i]), on_cpu(expected[i])));  // the guard does matter
  }
}

}  // namespace

TEST_CASE("checkpoint: f runs again under ExactConvolution when it first did, its derivative under what holds then") {
  Generator g(6);
  check_guarded<ExactConvolution>([](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {.padding = 1}); },
                                  randn({2, 32, 16, 16}, g), randn({32, 32, 3, 3}, g));
}

TEST_CASE("checkpoint: f runs again under AllowBF16 when it first did, on sim") {
  Generator g(7);
  check_guarded<AllowBF16>([](const Tensor& x, const Tensor& w) { return matmul(x, w); },
                           randn({8, 16}, g).to(simulated), randn({16, 8}, g).to(simulated));
}
