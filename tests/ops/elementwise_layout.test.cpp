// SPDX-License-Identifier: MIT
// The executor of elementwise ops: layouts, broadcasting, threads, operands that repeat, errors.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "autograd/grad.h"
#include "autograd/node.h"
#include "ops/ops.h"
#include "ops/registry.h"
#include "tensor/random.h"
#include "tensor/thread_pool.h"

using namespace stein;

namespace {

Tensor draw(const InputSpec& spec, const Shape& shape, Generator& generator) {
  Tensor t = uniform(shape, generator, spec.lo, spec.hi, f64);
  return spec.dtype == boolean ? t > (spec.lo + spec.hi) / 2 : t.to(spec.dtype);
}

// The same elements in other memory. Every one has shape (2, 6, 4, 5).
struct Layout {
  const char* name;
  Tensor (*lay)(const Tensor& x);
};

// x inside a larger tensor, of which only every second element (and an offset) belongs to it.
Tensor strided(const Tensor& x) {
  const Tensor big = stack({x, x, x}, -1).contiguous();
  return narrow(big, -1, 1, 1).squeeze(-1);
}

const Layout layouts[] = {
    {"row-major", [](const Tensor& x) { return x.contiguous(); }},
    {"channels-last", [](const Tensor& x) { return x.channels_last(); }},
    {"strided", strided},
    {"transposed", [](const Tensor& x) { return x.transpose(1, 3).contiguous().transpose(1, 3); }},
    {"reversed", [](const Tensor& x) { return slice_axis(flip(x, {-1}).contiguous(), -1, 4, -1, 5); }},
    {"not aligned",
     [](const Tensor& x) {
       const Tensor flat = x.contiguous().flatten();
       return narrow(concat({narrow(flat, 0, 0, 1), flat}), 0, 1, x.numel()).reshape(x.shape());
     }},
};

std::string op_of(const Tensor& t) { return static_cast<const Node&>(*t.impl().node).name(); }

}  // namespace

TEST_CASE("elementwise: every layout gives the bits of the row-major case") {
  Generator generator(3);
  const Shape shape{2, 6, 4, 5};
  int tested = 0;
  for (const OpEntry& op : op_registry().entries()) {
    if (!op.scalar_reference) continue;
    const Sample& sample = op.samples.front();
    Tensors x;
    for (const auto& spec : sample.inputs) x.push_back(draw(spec, shape, generator));
    const Tensor expected = sample.call(x)[0];
    for (const Layout& first : layouts)
      for (const Layout& rest : layouts) {
        if (x.size() == 1 && &rest != layouts) continue;
        INFO(op.name << ", " << first.name << " with " << rest.name);
        Tensors in;
        for (std::size_t k = 0; k < x.size(); ++k) {
          in.push_back(k == 0 ? first.lay(x[k]) : rest.lay(x[k]));
          REQUIRE(equal(in.back(), x[k]));
        }
        const Tensor y = sample.call(in)[0];
        CHECK(equal(y, expected));
        const bool images =
            std::string(first.name) == "channels-last" || (x.size() > 1 && std::string(rest.name) == "channels-last");
        CHECK(y.is_channels_last() == images);
        ++tested;
      }
  }
  CHECK(tested > 600);
}

TEST_CASE("elementwise: broadcasting equals expanding and copying first, for every op of two and three operands") {
  Generator generator(4);
  const std::vector<std::vector<Shape>> cases = {{{2, 6, 4, 5}, {}, {5}},
                                                 {{5}, {2, 6, 4, 5}, {6, 1, 1}},
                                                 {{1, 6, 1, 1}, {2, 1, 4, 5}, {2, 6, 4, 1}},
                                                 {{6, 1, 5}, {2, 1, 4, 1}, {1}},
                                                 {{2, 6, 4, 5}, {1, 1, 1, 1}, {2, 1, 1, 1}}};
  for (const OpEntry& op : op_registry().entries()) {
    if (!op.scalar_reference || op.samples.front().inputs.size() < 2) continue;
    for (const auto& shapes : cases)
      for (const bool channels : {false, true}) {
        Tensors in, full;
        std::string label;
        for (std::size_t k = 0; k < op.samples.front().inputs.size(); ++k) {
          Tensor x = draw(op.samples.front().inputs[k], shapes[k], generator);
          full.push_back(x.expand({2, 6, 4, 5}).contiguous());
          in.push_back(channels && x.rank() == 4 ? x.channels_last() : x);
          label += " " + to_string(shapes[k]);
        }
        INFO(op.name << label);
        const Tensor y = op.samples.front().call(in)[0];
        CHECK(y.shape() == (op.samples.front().inputs.size() == 2 ? broadcast("test", in[0].shape(), in[1].shape())
                                                                  : Shape{2, 6, 4, 5}));
        CHECK(equal(y.expand({2, 6, 4, 5}).contiguous(), op.samples.front().call(full)[0]));
      }
  }
}

TEST_CASE("elementwise: rank 0 and empty tensors") {
  for (const OpEntry& op : op_registry().entries()) {
    if (!op.scalar_reference) continue;
    INFO(op.name);
    const Sample& sample = op.samples.front();
    Generator generator(5);
    Tensors scalars, ones_like_them, none;
    for (const auto& spec : sample.inputs) {
      scalars.push_back(draw(spec, {}, generator));
      ones_like_them.push_back(scalars.back().reshape({1}));
      none.push_back(zeros({3, 0, 2}, spec.dtype));
    }
    const Tensor y = sample.call(scalars)[0];
    CHECK(y.rank() == 0);
    CHECK(equal(y.reshape({1}), sample.call(ones_like_them)[0]));
    CHECK(sample.call(none)[0].shape() == Shape{3, 0, 2});
  }
  CHECK((zeros({0, 2}) + zeros({2})).shape() == Shape{0, 2});
  CHECK((zeros({0, 1}) + zeros({3})).shape() == Shape{0, 3});
}

TEST_CASE("elementwise: results do not depend on the number of threads") {
  const int before = num_threads();
  Generator generator(6);
  const Tensor x = randn({3, 70000}, generator), row = randn({70000}, generator);
  const Tensor across = randn({70000, 3}, generator).transpose();
  const auto run = [&](int threads) {
    set_num_threads(threads);
    return Tensors{gelu(x), x * row, tanh(across), where(x > across, exp(row), sigmoid(x))};
  };
  const Tensors one = run(1), four = run(4);
  set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(equal(one[i], four[i]));
}

TEST_CASE("elementwise: operands that repeat along an axis are computed once and recorded as expand(op(slice))") {
  const Tensor base = tensor({0.5, -1, 2}, f64).requires_grad_(), other = tensor({3, 4}, f64).reshape({2, 1});
  const Tensor x = base.unsqueeze(0).expand({1000, 2, 3});
  const Tensor y = exp(x) * other;
  CHECK(y.shape() == Shape{1000, 2, 3});
  CHECK(y.strides()[0] == 0);
  CHECK(op_of(y) == "expand");
  const Tensor z = x * randn({1000, 1, 1}, default_generator(), f64);  // differs along the axis: no shortcut there
  CHECK(z.strides()[0] != 0);
  const Tensor g = grad(sum(y), base);
  const Tensor expected = exp(base.detach()) * (7 * 1000);
  CHECK(allclose(g, expected, 1e-12));
  // Two operands expanded along different axes are not shared along either.
  const Tensor a = tensor({1, 2, 3}, f64).unsqueeze(0).expand({3, 3}),
               b = tensor({1, 2, 3}, f64).unsqueeze(1).expand({3, 3});
  CHECK(equal(a + b, tensor({2, 3, 4, 3, 4, 5, 4, 5, 6}, f64).reshape({3, 3})));
}

TEST_CASE("elementwise: integers and booleans") {
  const Tensor a = tensor({-3, 0, 5}, i64), b = tensor({2, 0, -5}, i64);
  CHECK(equal(maximum(a, b), tensor({2, 0, 5}, i64)));
  CHECK(equal(minimum(a, b), tensor({-3, 0, -5}, i64)));
  CHECK(equal(stein::abs(a), tensor({3, 0, 5}, i64)));
  CHECK(equal(sign(a), tensor({-1, 0, 1}, i64)));
  CHECK(equal(relu(a), tensor({0, 0, 5}, i64)));
  CHECK(equal(square(a), tensor({9, 0, 25}, i64)));
  CHECK(equal(a < b, tensor({1, 0, 0}, boolean)));
  CHECK(equal(a <= b, tensor({1, 1, 0}, boolean)));
  CHECK(equal(a >= b, tensor({0, 1, 1}, boolean)));
  CHECK(equal(eq(a, b), tensor({0, 1, 0}, boolean)));
  CHECK(equal(ne(tensor({1, 2}, u8), tensor({1, 3}, u8)), tensor({0, 1}, boolean)));
  const Tensor p = tensor({1, 1, 0, 0}, boolean), q = tensor({1, 0, 1, 0}, boolean);
  CHECK(equal(logical_and(p, q), tensor({1, 0, 0, 0}, boolean)));
  CHECK(equal(logical_or(p, q), tensor({1, 1, 1, 0}, boolean)));
  CHECK(equal(logical_not(p), tensor({0, 0, 1, 1}, boolean)));
  CHECK(equal(where(p, tensor({1, 2, 3, 4}, u8), scalar(9, u8)), tensor({1, 2, 9, 9}, u8)));
  CHECK(equal(isfinite(tensor({1, INFINITY, -INFINITY, NAN})), tensor({1, 0, 0, 0}, boolean)));
  CHECK(equal(isnan(tensor({1, INFINITY, -INFINITY, NAN})), tensor({0, 0, 0, 1}, boolean)));
}

TEST_CASE("elementwise: errors name the op, what came and a way out") {
  const Tensor f = zeros({2}), d = zeros({2}, f64), i = zeros({2}, i64);
  CHECK_THROWS_WITH(exp(i), "[exp] expected a dtype of f32, f64; got i64; convert it with to(dtype)");
  CHECK_THROWS_WITH(square(zeros({2}, boolean)),
                    "[square] expected a dtype of f32, f64, i64; got bool; convert it with to(dtype)");
  CHECK_THROWS_WITH(logical_not(f), "[logical_not] expected a dtype of bool; got f32; convert it with to(dtype)");
  CHECK_THROWS_WITH(maximum(f, d),
                    "[maximum] expected operands of one dtype and device; got f32 (2,) and f64 (2,); convert "
                    "one with to(dtype)");
  CHECK_THROWS_WITH(where(f, f, f), "[where] expected a bool condition; got f32 (2,); compare it, for example x > 0");
  CHECK_THROWS_WITH(where(f > 0, f, d), Catch::StartsWith("[where] expected operands of one dtype and device; got "));
  CHECK_THROWS_WITH(pow(f, zeros({3})), Catch::StartsWith("[pow] expected "));
  CHECK_THROWS_WITH(clamp(f, 1, 0), Catch::StartsWith("[clamp] expected lo <= hi; got lo 1"));
  CHECK_THROWS_WITH(clamp(f, NAN, 0), Catch::StartsWith("[clamp] expected lo <= hi"));
  CHECK_THROWS_WITH(leaky_relu(f, -0.1), Catch::StartsWith("[leaky_relu] expected slope >= 0; got -0.1"));
  CHECK_THROWS_WITH(elu(f, -1), Catch::StartsWith("[elu] expected alpha >= 0; got -1"));
}
