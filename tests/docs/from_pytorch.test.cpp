// SPDX-License-Identifier: MIT
// The right-hand column of docs/from_pytorch.md, compiled and run; the last case sees that no function of the page is missing here.
#include <catch2/catch.hpp>
#include <cmath>
#include <regex>
#include <set>
#include <sstream>

#include "stein/stein.h"
#include "tests/support/temp_dir.h"

using namespace stein;

namespace {

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }
Tensor row(std::initializer_list<double> v) { return tensor(v); }

struct Net : nn::Module {
  explicit Net(Generator& g)
      : first(add("first", nn::Linear(2, 3, true, g))), scale(add_parameter("scale", ones({3}))) {
    add_buffer("mean", zeros({2}));
  }
  Tensor operator()(const Tensor& x) const { return scale * first(x); }
  const nn::Linear first;
  const Tensor scale;
};

}  // namespace

TEST_CASE("from_pytorch.md: making tensors") {
  CHECK(tensor({{1, 2}, {3, 4}}).dtype() == f32);
  CHECK(tensor({0, 2}).dtype() == f32);
  CHECK(tensor({0, 2}, i64).dtype() == i64);
  CHECK(scalar(3).rank() == 0);
  CHECK(floats(from_vector(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3})[1]) == std::vector<float>{4, 5, 6});
  CHECK(equal(zeros({2, 3}) + 7, full({2, 3}, 7)));
  CHECK(equal(ones({2, 3}), ones_like(empty({2, 3}))));
  CHECK(equal(zeros_like(eye(3)) + eye(3), eye(3)));
  CHECK(arange(12).dtype() == i64);
  CHECK(arange(0, 1, 0.25).dtype() == f32);
  CHECK(equal(linspace(0, 1, 5), row({0, 0.25, 0.5, 0.75, 1})));
  manual_seed(0);
  const Tensor seeded = randn({2, 3});
  manual_seed(0);
  CHECK(equal(seeded, randn({2, 3})));
  Generator g(0), again(0);
  CHECK(equal(randn({2, 3}, g), randn({2, 3}, again)));
  CHECK(equal(uniform({2, 3}, g), uniform({2, 3}, again)));
  CHECK(randn_like(seeded, g).shape() == seeded.shape());
  CHECK(amax(integers(0, 10, {5}, g).to(f32)).item() < 10);
  CHECK(equal(sort(permutation(5, g)).first, arange(5)));
}

TEST_CASE("from_pytorch.md: looking at tensors, indexing") {
  const Tensor m = tensor({{1, 2}, {3, 4}});
  std::ostringstream text;
  text << m.shape() << m.dtype() << m.to(f64);
  CHECK(text.str() == "(2, 2)f32[[1. 2.]\n [3. 4.]]");
  CHECK((m.rank() == 2 && m.numel() == 4 && m.size(0) == 2));
  CHECK(m[0][1].item() == 2);
  CHECK(m.to_vector<float>() == std::vector<float>{1, 2, 3, 4});
  CHECK((m.to(i64).dtype() == i64 && m.to(u8).dtype() == u8 && m.to(boolean).dtype() == boolean));
  CHECK(equal(m.clone(), m.detach()));
  CHECK(transpose(m).contiguous().is_contiguous());

  const Tensor x = reshape(arange(0.0, 24.0), {4, 6});
  CHECK(x[0].shape() == Shape{6});
  CHECK(equal(x[-1], x[3]));
  CHECK(equal(x["1:3"], x(slice(1, 3))));
  CHECK(equal(x["..., ::2"], index_select(x, 1, tensor({0, 2, 4}, i64))));
  CHECK(equal(x["::-1"], flip(x, {0})));
  const int i = 1, j = 3;
  CHECK(x(slice(i, j), newaxis, -1).shape() == Shape{2, 1});
  CHECK(equal(x(all, 2), x(ellipsis, 2)));
  CHECK(floats(where(x > 10, x, 0.0)[0]) == std::vector<float>(6, 0));
  const Tensor index = tensor({1, 0}, i64);
  CHECK(equal(index_select(m, 0, index), tensor({{3, 4}, {1, 2}})));
  const Tensor each = reshape(index, {2, 1});
  CHECK(equal(gather(m, 1, each), reshape(row({2, 3}), {2, 1})));
  CHECK(equal(scatter_add(reshape(row({5, 6}), {2, 1}), 1, each, 2), tensor({{0, 5}, {6, 0}})));
  CHECK(equal(index_add(m, 0, index, 3), tensor({{3, 4}, {1, 2}, {0, 0}})));
  Tensor w = m.clone();
  w[0].fill_(1);
  w[1].copy_(row({7, 8}));
  CHECK(equal(w, tensor({{1, 1}, {7, 8}})));
}

TEST_CASE("from_pytorch.md: arithmetic") {
  const Tensor m = tensor({{1, 2}, {3, 4}});
  CHECK(equal((2 * m + m) / 3, m));
  CHECK(equal(-m, 0 - m));
  CHECK(equal(square(m), m * m));
  CHECK(allclose(pow(m, 2.5), pow(m, full({2, 2}, 2.5))));
  CHECK(equal(matmul(m, transpose(m)), tensor({{5, 11}, {11, 25}})));
  CHECK(equal(eq(m, 3) || !(m > 1), tensor({{1, 0}, {1, 0}}).to(boolean)));
  CHECK(equal((m > 1) && (m < 4), tensor({{0, 1}, {1, 0}}).to(boolean)));
  CHECK(equal(ne(m, m), m < m));
  CHECK((equal(m, m) && allclose(m, m + 1e-7)));
  CHECK(allclose(tanh(m), (exp(2 * m) - 1) / (exp(2 * m) + 1)));
  const Tensor v = row({-1, 0, 2});
  CHECK(equal(abs(v), row({1, 0, 2})));
  CHECK(equal(relu(v), row({0, 0, 2})));
  CHECK(allclose(leaky_relu(v, 0.1), row({-0.1, 0, 2})));
  CHECK(allclose(elu(v), row({std::exp(-1.0) - 1, 0, 2})));
  CHECK(allclose(silu(v), v * sigmoid(v)));
  CHECK(allclose(softplus(v), log(1 + exp(v))));
  CHECK(allclose(gelu(v), gelu_tanh(v), 0, 1e-3));
  CHECK(equal(clamp(v, -1, 1), row({-1, 0, 1})));
  CHECK(equal(where(v > 0, v, -v), abs(v)));
}

TEST_CASE("from_pytorch.md: reductions") {
  const Tensor m = tensor({{1, 2}, {3, 4}}), x = reshape(arange(0.0, 24.0), {2, 3, 4});
  CHECK(sum(m).item() == 10);
  CHECK(equal(sum(m, 1), row({3, 7})));
  CHECK(sum(x, {0, 2}, true).shape() == Shape{1, 3, 1});
  CHECK((mean(m).item() == 2.5 && prod(m).item() == 24 && amax(m).item() == 4 && amin(m).item() == 1));
  CHECK(allclose(logsumexp(m, 1), log(sum(exp(m), 1))));
  CHECK(equal(var(m, 1), row({0.5, 0.5})));
  CHECK(equal(var(m, 1, 0), row({0.25, 0.25})));
  CHECK(allclose(stein::std(m), sqrt(var(m))));
  CHECK(max(m).item() == 4);
  const auto [v, i] = max(m, 1);
  CHECK((equal(v, row({2, 4})) && equal(i, argmax(m, 1))));
  CHECK(allclose(norm(m), sqrt(sum(m * m))));
  CHECK(allclose(norm(m, 2, {1}), sqrt(sum(m * m, 1))));
  CHECK(equal(cumsum(m, 0)[1], row({4, 6})));
  CHECK(equal(sort(-m, 1).first, tensor({{-2, -1}, {-4, -3}})));
  CHECK((any(m > 3).item<bool>() && !all_of(m > 3).item<bool>()));
}

TEST_CASE("from_pytorch.md: shapes") {
  const Tensor x = reshape(arange(0.0, 6.0), {2, 3});
  CHECK(reshape(x, {3, -1}).shape() == Shape{3, 2});
  CHECK(equal(permute(x, {1, 0}), transpose(x, 0, 1)));
  CHECK(flatten(reshape(x, {1, 2, 3}), 1).shape() == Shape{1, 6});
  CHECK(equal(squeeze(unsqueeze(x, 0), 0), x));
  CHECK(expand(x[0], {4, 3}).shape() == Shape{4, 3});
  CHECK(concat({x, x}, 1).shape() == Shape{2, 6});
  CHECK(stack({x, x}).shape() == Shape{2, 2, 3});
  CHECK(split(x, 2, 1)[1].shape() == Shape{2, 1});
  CHECK(chunk(arange(7), 3).size() == 3);
  CHECK(equal(narrow(x, 0, 1, 1), x["1:2"]));
  CHECK(equal(pad(row({5}), {1, 2}), row({0, 5, 0, 0})));
  CHECK(equal(flip(x, {0})[0], x[1]));
  const Tensor m = tensor({{1, 2}, {3, 4}});
  CHECK(equal(tril(m) + triu(m, 1), m));
  CHECK(equal(diag_embed(diagonal(m)), m * eye(2)));
  CHECK(channels_last(zeros({1, 3, 4, 4})).is_channels_last());
}

TEST_CASE("from_pytorch.md: linear algebra") {
  const Tensor a = tensor({{4, 1}, {1, 3}}, f64), b = tensor({{1, 2}, {3, 4}}, f64);
  CHECK(equal(einsum("ij,jk->ik", {a, b}), matmul(a, b)));
  CHECK(equal(vecdot(a, a), sum(a * a, {-1})));
  CHECK(dot(a[0], b[0]).item() == 6);
  CHECK(equal(outer(a[0], b[0]), tensor({{4, 8}, {1, 2}}, f64)));
  const Tensor l = cholesky(a);
  CHECK(allclose(matmul(l, transpose(l)), a));
  CHECK(allclose(matmul(a, solve(a, b)), b));
  CHECK(allclose(matmul(l, triangular_solve(l, b)), b));
  const Tensor u = transpose(l);
  CHECK(allclose(matmul(u, triangular_solve(u, b, true)), b));
  const auto [q, r] = qr(b);
  CHECK(allclose(matmul(q, r), b));
}

TEST_CASE("from_pytorch.md: derivatives") {
  Tensor x = tensor({1, 2}, f64).requires_grad_();
  sum(square(x)).backward();
  sum(square(x)).backward();
  CHECK(equal(x.grad(), tensor({4, 8}, f64)));  // adds up
  const Tensor y = square(x), v = tensor({1, 3}, f64);
  const Tensor g = grad(y, x, {.cotangents = {v}, .create_graph = true});
  CHECK(equal(grad(sum(g), x, {.retain_graph = true}), tensor({2, 6}, f64)));
  CHECK(equal(grad(sum(g), x), tensor({2, 6}, f64)));
  CHECK(grad(square(x), x, {.cotangents = {ones({5, 2}, f64)}, .batched = 1}).shape() == Shape{5, 2});
  CHECK(equal(grad({sum(square(x))}, {x, tensor({1}).requires_grad_()})[1], row({0})));  // not used: zeros

  const TensorFunction f = [](const Tensor& t) { return exp(t); };
  const TensorFunction scalar_f = [](const Tensor& t) { return sum(exp(t)); };
  CHECK(allclose(vjp(f, x).second(v), v * exp(x)));
  CHECK(allclose(jvp(f, x, v).second, v * exp(x)));
  CHECK(allclose(jacobian(f, x), jacobian(f, x, {.mode = Mode::forward})));
  CHECK(allclose(jacobian(f, x, {.chunk = 1}), hessian(scalar_f, x)));
  CHECK(allclose(hvp(scalar_f, x, v).second, v * exp(x)));
  CHECK(allclose(grad(sum(checkpoint(f, x)), x), exp(x)));
  CHECK(check_grads(f, x).ok());
  CHECK(graph_text(exp(x)).find("exp") != std::string::npos);
  {
    const CheckFinite guard;
    CHECK_THROWS_WITH(log(row({0})), Catch::Matchers::Contains("log"));
  }
  const NoGrad guard;
  CHECK(!exp(x).requires_grad());
}

TEST_CASE("from_pytorch.md: networks") {
  Generator g(1);
  Net net(g);
  CHECK(net.named_parameters()[1].first == "first.weight");
  CHECK((net.parameters().size() == 3 && net.num_parameters() == 12 && net.state_dict().size() == 4));
  Net other(g);
  other.load_state_dict(net.state_dict());
  const Tensor x = randn({4, 2}, g);
  CHECK(equal(net(x), other(x)));
  other.to(f64);
  CHECK(allclose(other(x.to(f64)).to(f32), net(x), 1e-5, 1e-6));
  CHECK(!nn::Linear(2, 3, false, g).bias.defined());

  nn::Sequential layers(nn::Conv2d(3, 8, 3, {.padding = 1}, true, g), nn::GroupNorm(2, 8), nn::InstanceNorm2d(8),
                        nn::Tanh(), nn::Dropout(0.1, g));
  const Tensor image = randn({2, 3, 8, 8}, g);
  layers.train();
  CHECK(!equal(layers(image), layers(image)));
  layers.eval();
  CHECK(equal(layers(image), layers(image)));
  layers.zero_grad();
  CHECK(nn::Embedding(10, 4, g)(tensor({1, 2}, i64)).shape() == Shape{2, 4});
  const nn::LayerNorm norm({8});
  CHECK(allclose(norm(image), layer_norm(image, 1, norm.weight, norm.bias)));
  nn::ModuleList<nn::Linear> list;
  list.append(nn::Linear(2, 2, true, g));
  CHECK(list.size() == 1);

  const Tensor w = randn({8, 3, 3, 3}, g), b = zeros({8});
  CHECK(conv2d(image, w, b, {.padding = 1}).shape() == Shape{2, 8, 8, 8});
  CHECK(conv_transpose2d(conv2d(image, w), w).shape() == image.shape());
  CHECK(avg_pool2d(image, {.kernel = 2}).shape() == Shape{2, 3, 4, 4});
  CHECK(max_pool2d(image, {.kernel = 2}).shape() == Shape{2, 3, 4, 4});
  CHECK(upsample_nearest2d(image, 16, 16).shape() == upsample_bilinear2d(image, 16, 16).shape());
  CHECK(allclose(log_softmax(x, 1), log(softmax(x, 1))));
  const Tensor t = tensor({0, 1, 0, 1}, i64);
  CHECK(allclose(cross_entropy(x, t), -mean(gather(log_softmax(x, 1), 1, reshape(t, {4, 1})))));
  CHECK(scaled_dot_product_attention(image, image, image).shape() == image.shape());
}

TEST_CASE("from_pytorch.md: training, saving") {
  Generator g(1);
  const nn::MLP net({2, 8, 1}, "tanh", g);
  const Tensor x = randn({64, 2}, g), y = sum(x, {1}, true);
  const auto loss = [&] { return mean(square(net(x) - y)); };
  nn::Adam adam(net, {.lr = 1e-2});
  nn::SGD sgd(net, {.momentum = 0.9});
  nn::AdamW adamw(net);
  nn::Ema ema(net, 0.999);
  const auto schedule = nn::Schedule::cosine(100);
  const double before = loss().item();
  for (int step = 0; step < 100; ++step) {
    adam.set_lr_factor(schedule(step));
    Tensors gradients = grad({loss()}, net.parameters());
    nn::clip_grad_norm_(gradients, 1);
    adam.step(gradients);
    ema.update();
  }
  CHECK(loss().item() < 0.5 * before);
  for (nn::Optimizer* o : {static_cast<nn::Optimizer*>(&sgd), static_cast<nn::Optimizer*>(&adamw)}) {
    o->zero_grad();
    loss().backward();
    o->step();
  }

  const test::TempDir folder;
  const std::string path = folder / "x";
  save_safetensors(path, net.state_dict());
  CHECK(equal(load_safetensors(path).at("0.weight"), net.state_dict().at("0.weight")));
  save_npy(path, x);
  CHECK(device_count(Device::Kind::cuda) >= 0);
  CHECK(x.to(parse_device("sim")).to(cpu).shape() == x.shape());
  CHECK(equal(load_npy(path), x));
  smld::BatchLoader loader(smld::GaussianMixture::named("ring").dataset("ring", 1000, 1).train, 64, 1);
  CHECK(loader.next().samples.shape() == Shape{64, 2});
}

TEST_CASE("from_pytorch.md: what is different") {
  const Tensor index = tensor({1, 0}, i64);
  CHECK_THROWS_WITH(index * 2.5, Catch::Matchers::Contains("[mul] expected a number that i64 holds exactly; got 2.5"));
  CHECK_THROWS_AS(index + row({1, 2}), Error);
  const Tensor x = row({-1, 0, 1}).requires_grad_();
  CHECK(equal(grad(sum(clamp(x, -1, 1)), x), row({0, 1, 0})));
  CHECK(equal(grad(sum(relu(x)), x), row({0, 0, 1})));
  CHECK(equal(grad(sum(maximum(x, 0.0)), x), row({0, 0.5, 1})));
  const Tensor zero = zeros({2}).requires_grad_();
  CHECK(equal(grad(norm(zero), zero), zeros({2})));
  Tensor target = zeros({3});
  CHECK_THROWS_AS(target.copy_(2 * x), Error);
  Generator g(1);
  const nn::Linear layer(2, 2, true, g), copy = layer;
  CHECK(copy.weight.raw() == layer.weight.raw());
}

TEST_CASE("from_pytorch.md: every function of the right-hand column is called here") {
  // f(...), f{...}, f<...>, and objects made: Type name(...).
  const auto called = [](const std::string& text) {
    const std::regex call("([A-Za-z_][A-Za-z_0-9]*)(?:[({<]| [a-z]+[({])");
    std::set<std::string> names;
    for (std::sregex_iterator m(text.begin(), text.end(), call), end; m != end; ++m) names.insert((*m)[1].str());
    return names;
  };
  const std::set<std::string> here = called(test::read_file(STEIN_SOURCE_DIR "/tests/docs/from_pytorch.test.cpp"));
  int calls = 0;
  std::string missing;
  std::istringstream lines(test::read_file(STEIN_SOURCE_DIR "/docs/from_pytorch.md"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| ", 0) != 0) continue;
    // The second column, from its bar to the next; \| inside of code is no bar.
    std::vector<std::size_t> bars;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (line[i] == '|' && (i == 0 || line[i - 1] != '\\')) bars.push_back(i);
    REQUIRE(bars.size() >= 3);
    for (const auto& name : called(line.substr(bars[1], bars[2] - bars[1]))) {
      ++calls;
      if (!here.count(name)) missing += name + " ";
    }
  }
  CHECK(calls > 150);
  CHECK(missing == "");
}
