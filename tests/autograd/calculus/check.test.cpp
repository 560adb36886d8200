// SPDX-License-Identifier: MIT
// The checker is checked: ops with planted faults must be caught, with a report that says where.
#include "autograd/calculus/check.h"

#include <catch2/catch.hpp>

#include "autograd/rule.h"
#include "ops/ops.h"
#include "tensor/random.h"

using namespace stein;
using Catch::Contains;

namespace {

// y = x^3, and wrong versions of it.
struct Cube {
  static constexpr const char* name = "cube";
  static constexpr Kind kind = Kind::elementwise;
  Tensor forward(const Tensor& x) const { return x * x * x; }
  Tensor vjp0(G g, In<0> x) const { return g * 3.0 * x * x; }
};
struct WrongFactor : Cube {
  Tensor vjp0(G g, In<0> x) const { return g * 3.000001 * x * x; }
};
struct WrongSecond : Cube {  // right, but constant in x where it is differentiated again
  Tensor vjp0(G g, In<0> x) const { return g * 3.0 * x.detach() * x.detach(); }
};
struct WrongInCotangent : Cube {  // right, but constant in g
  Tensor vjp0(G g, In<0> x) const { return g.detach() * 3.0 * x * x; }
};
struct WrongThird : Cube {  // d/dx of the rule is right, its own derivative is not
  Tensor vjp0(G g, In<0> x) const { return g * 3.0 * record(Square{}, Tensor(x)); }
  struct Square {
    static constexpr const char* name = "wrong_square";
    static constexpr Kind kind = Kind::elementwise;
    Tensor forward(const Tensor& x) const { return x * x; }
    Tensor vjp0(G g, In<0> x) const { return g * 2.0 * x.detach(); }
  };
};
struct NoRule {
  static constexpr const char* name = "cube_without_rule";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return x * x * x; }
};
struct DropsLead : Cube {
  Tensor vjp0(G g, In<0> x) const { return (g.lead ? sum(g, {0}) : Tensor(g)) * 3.0 * x * x; }
};

// Reverses the first axis; `axis` counts from the left where it must count from the right.
struct FlipFromLeft {
  static constexpr const char* name = "flip_from_left";
  static constexpr Kind kind = Kind::general;
  Tensor forward(const Tensor& x) const { return slice_axis(x, 0, x.size(0) - 1, -1, x.size(0)); }
  Tensor vjp0(G g) const { return slice_axis(g, 0, g.size(0) - 1, -1, g.size(0)); }
};
// Twice x; its tangent is three times.
struct WrongPush {
  static constexpr const char* name = "wrong_push";
  static constexpr Kind kind = Kind::linear;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp0(G g) const { return g * 2.0; }
  Tensor push(G t) const { return t * 3.0; }
};
// Not linear at all.
struct WrongKind : Cube {
  static constexpr Kind kind = Kind::linear;
};
struct NearlyAdjoint {
  static constexpr const char* name = "nearly_adjoint";
  static constexpr Kind kind = Kind::linear;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp0(G g) const { return g * (2 + 1e-11); }
};
// a * b with the second rule wrong.
struct WrongSecondInput {
  static constexpr const char* name = "wrong_second_input";
  static constexpr Kind kind = Kind::elementwise;
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  Tensor vjp0(G g, In<1> b) const { return g * b; }
  Tensor vjp1(G g, In<0> a) const { return -g * a; }
};

template <class T>
TensorsFunction function_of() {
  return [](const Tensors& in) { return Tensors{record(T{}, in[0])}; };
}

Tensors point(const Shape& shape = {3, 2}) {
  Generator g(11);
  return {uniform(shape, g, 0.5, 2, f64)};
}

// The first failing line.
CheckLine failure(const CheckReport& report) {
  INFO(report.to_string());
  CHECK_FALSE(report.ok());
  CHECK(report.worst() > 1);
  CHECK_THAT(report.to_string(), Catch::StartsWith("FAILED"));
  for (const auto& l : report.lines)
    if (!l.ok()) return l;
  return {};
}

}  // namespace

TEST_CASE("check: a right op passes with room to spare") {
  const auto report = check_grads(function_of<Cube>(), point());
  INFO(report.to_string());
  CHECK(report.ok());
  CHECK(report.worst() < 0.1);
  std::string modes;
  for (const auto& l : report.lines) modes += l.mode + ";";
  for (const char* mode : {"rev;", "fwd;", "rev-rev;", "fwd-rev;", "rev-fwd = rev-rev;", "fwd-fwd = rev-rev;",
                           "rev-rev-rev;", "fwd-rev-rev;", "fwd-rev-rev = rev-rev-rev;"})
    CHECK_THAT(modes, Contains(mode));
  CHECK(check_batched(function_of<Cube>(), point()).ok());
  CHECK(check_grads([](const Tensor& x) { return sum(tanh(x)); }, point()[0]).ok());
}

TEST_CASE("check: a wrong factor of 1e-6 is caught at order 1") {
  const auto l = failure(check_grads(function_of<WrongFactor>(), point()));
  CHECK(l.order == 1);
  CHECK(l.mode == "rev");
  CHECK(l.error > 1e-7);
  CHECK(l.error < 1e-6);
}

TEST_CASE("check: a rule whose own derivative is wrong is caught at order 2, and where") {
  const auto in_x = check_grads(function_of<WrongSecond>(), point());
  CHECK(failure(in_x).order == 2);
  CHECK_THAT(in_x.to_string(true), Contains("input 0") && !Contains("cotangent 0"));
  const auto in_g = check_grads(function_of<WrongInCotangent>(), point());
  CHECK(failure(in_g).order == 2);
  CHECK_THAT(in_g.to_string(true), Contains("cotangent 0") && !Contains("input 0"));
  CHECK(check_grads(function_of<WrongSecond>(), point(), {.order = 1}).ok());
}

TEST_CASE("check: what is wrong only in the third order is caught at order 3") {
  const auto l = failure(check_grads(function_of<WrongThird>(), point()));
  CHECK(l.order == 3);
  CHECK(l.mode == "rev-rev-rev");
}

TEST_CASE("check: a missing rule is a line of the report, not an exception") {
  const auto report = check_grads(function_of<NoRule>(), point());
  const auto l = failure(report);
  CHECK(l.order == 1);
  CHECK_THAT(l.problem, Contains("cube_without_rule, which has none for input 0"));
  CHECK_THAT(report.to_string(), Contains("threw [grad]"));
}

TEST_CASE("check: the wrong one of two inputs is named") {
  const auto report = check_grads([](const Tensors& in) { return Tensors{record(WrongSecondInput{}, in[0], in[1])}; },
                                  {point()[0], point({2})[0]});
  failure(report);
  CHECK_THAT(report.to_string(true), Contains("input 1") && !Contains("input 0"));
}

TEST_CASE("check: wrong forward modes are caught") {
  const auto push = check_grads(function_of<WrongPush>(), point());
  CHECK(failure(push).mode == "fwd");
  CHECK(check_grads(function_of<WrongPush>(), point(), {.order = 1, .forward = false}).ok());
  CHECK(failure(check_grads(function_of<WrongKind>(), point())).mode == "fwd");
}

TEST_CASE("check: rules that mistreat a batch of cotangents are caught") {
  const auto dropped = check_batched(function_of<DropsLead>(), point());
  CHECK_THAT(failure(dropped).problem, Contains("rule 0 of op cube to return f64 of batch axes (3,)"));
  const auto flipped = check_batched(function_of<FlipFromLeft>(), point());
  CHECK(failure(flipped).mode == "batched cotangents");
  CHECK(failure(flipped).problem.empty());
  CHECK(check_grads(function_of<FlipFromLeft>(), point()).ok());  // without a batch nothing is wrong
}

TEST_CASE("check: adjoint identity") {
  const TensorsFunction twice = [](const Tensors& in) { return Tensors{in[0] * 2.0 + sum(in[1])}; };
  CHECK(check_adjoint(twice, {point()[0], point({4})[0]}).ok());
  CHECK_THAT(failure(check_adjoint(function_of<NearlyAdjoint>(), point())).mode, Contains("<f x, y> = <x, f* y>"));
  CHECK(check_grads(function_of<NearlyAdjoint>(), point(), {.order = 1}).ok());  // finer than differences can see
  failure(check_adjoint(function_of<Cube>(), point()));                          // not linear
}

TEST_CASE("check: integer inputs and results are held fixed; nothing to check is an error") {
  const TensorsFunction f = [](const Tensors& in) { return Tensors{in[1], index_select(in[0] * in[0], 0, in[1])}; };
  CHECK(check_grads(f, {point()[0], from_vector<std::int64_t>({2, 0, 0}, {3})}).ok());
  CHECK_THROWS_WITH(check_grads(f, {ones({2})}),
                    Contains("[check_grads] expected at least one f64 input; got f32 (2,)"));
}

TEST_CASE(
    "check: what is given on sim is computed there, with the numbers of the cpu, and wrong rules are caught there") {
  const auto on = [](const Device& device, Tensors inputs) {
    for (auto& t : inputs) t = t.to(device);
    return inputs;
  };
  const Tensors at{point()[0], point({2})[0]};
  std::int64_t calls = 0;
  Device expected = cpu;
  const TensorsFunction f = [&](const Tensors& in) {
    for (const auto& t : in) REQUIRE(t.device() == expected);
    ++calls;
    return Tensors{record(Cube{}, in[0]) * tanh(in[1])};
  };
  const auto here = check_grads(f, at);
  expected = simulated;
  const auto there = check_grads(f, on(simulated, at));
  INFO(there.to_string());
  CHECK(calls > 50);
  CHECK(there.ok());
  CHECK(there.worst() < 0.1);
  REQUIRE(there.lines.size() == here.lines.size());
  for (std::size_t i = 0; i < here.lines.size(); ++i) {
    CHECK(there.lines[i].mode == here.lines[i].mode);
    CHECK(there.lines[i].got == Approx(here.lines[i].got).epsilon(1e-12));
    CHECK(there.lines[i].expected == Approx(here.lines[i].expected).epsilon(1e-9));
  }
  CHECK(check_batched(f, on(simulated, at)).ok());
  CHECK(check_adjoint([](const Tensors& in) { return Tensors{in[0] * 2.0 + sum(in[1])}; }, on(simulated, at)).ok());

  CHECK(failure(check_grads(function_of<WrongFactor>(), on(simulated, point()))).mode == "rev");
  CHECK(failure(check_grads(function_of<WrongPush>(), on(simulated, point()))).mode == "fwd");
  CHECK(failure(check_batched(function_of<FlipFromLeft>(), on(simulated, point()))).mode == "batched cotangents");
  failure(check_adjoint(function_of<NearlyAdjoint>(), on(simulated, point())));
  // on two devices at once: what the function says
  const TensorsFunction sum_of = [](const Tensors& in) { return Tensors{in[0] + in[1]}; };
  CHECK_THAT(failure(check_grads(sum_of, {at[0].to(simulated), at[1]})).problem,
             Contains("f64 (3, 2) on sim and f64 (2,)"));
}

TEST_CASE("check: a function without f64 results fails") {
  const TensorsFunction f = [](const Tensors& x) { return Tensors{cast(x[0], f32)}; };
  const Tensors at{tensor({1, 2}, f64)};
  for (const auto& report : {check_grads(f, at), check_batched(f, at), check_adjoint(f, at)}) {
    CHECK_FALSE(report.ok());
    CHECK_THAT(report.to_string(), Contains("an f64 result"));
  }
}
