// SPDX-License-Identifier: MIT
// Every op's values: against an independent definition, f32 against f64, one thread against two.
#include <cstring>

#include "tensor/simd.h"
#include "tensor/thread_pool.h"
#include "tests/ops/support/every_op.h"

using namespace stein;

namespace {

// Restores level and threads.
struct Machine {
  SimdLevel level = simd_level();
  int threads = num_threads();
  ~Machine() {
    set_simd_level(level);
    set_num_threads(threads);
  }
};

template <class Body>
void each_level(Body body) {
  const Machine before;
  for (const auto level : {SimdLevel::v2, SimdLevel::v3, SimdLevel::v4, SimdLevel::generic}) {
    try {
      set_simd_level(level);
    } catch (const Error&) {
      continue;  // not on this CPU
    }
    INFO("SIMD level " << name_of(level));
    body();
  }
}

// Numbers that break formulas, then some from the op's domain.
template <class T>
std::vector<T> numbers(const InputSpec& spec) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> r;
  if (is_floating(spec.dtype))
    r = {T(0),
         T(-0.0),
         T(1),
         T(-1),
         T(0.5),
         T(-2),
         T(1e-4),
         T(3.75),
         T(20),
         T(-20),
         T(90),
         T(-104),
         Limits::infinity(),
         -Limits::infinity(),
         Limits::quiet_NaN(),
         Limits::denorm_min(),
         -Limits::denorm_min(),
         Limits::min(),
         -Limits::min() / 2,
         Limits::max(),
         Limits::lowest()};
  else
    r = {T(0), T(1)};
  if (!is_floating(spec.dtype)) return r;
  Generator generator(3);
  for (const double v : uniform({40}, generator, spec.lo, spec.hi, f64).to_vector<double>())
    r.push_back(static_cast<T>(v));
  return r;
}

template <class T>
Tensor as_tensor(const std::vector<T>& values, DType dtype) {
  return cast(from_vector(values, {static_cast<std::int64_t>(values.size())}), dtype);
}

// Distance in units of the last place of T at `expected`; 0 for the same special value, infinite for another one.
template <class T>
double ulps_between(T got, long double expected, bool zeros_alike) {
  const T rounded = static_cast<T>(expected);
  if (std::isnan(rounded) || std::isnan(got)) return std::isnan(rounded) && std::isnan(got) ? 0 : INFINITY;
  if (got == 0 && rounded == 0 && zeros_alike) return 0;
  if (got == rounded) return std::signbit(got) == std::signbit(rounded) || rounded != 0 || expected != 0 ? 0 : INFINITY;
  if (std::isinf(rounded) || std::isinf(got)) {
    // One side of the overflow threshold or the other: the largest finite number is one step from infinity.
    const T finite = std::isinf(rounded) ? got : rounded;
    return std::abs(finite) == std::numeric_limits<T>::max() ? 1 : INFINITY;
  }
  const T size = std::abs(rounded);
  const T step =
      std::max(std::nextafter(size, std::numeric_limits<T>::infinity()) - size, std::numeric_limits<T>::denorm_min());
  const auto steps =
      static_cast<double>(std::abs(static_cast<long double>(got) - expected) / static_cast<long double>(step));
  // A product whose one factor has lost bits below the smallest normal number, x Phi(x) at -38 for example.
  return size < std::numeric_limits<T>::min() && steps <= 128 ? std::min(steps, 1.0) : steps;
}

// Ops that only rules call, op_backward(g, y), see what the forward op returned: within their domain they are
// compared as others are, beyond it (infinite g, y that no x gives) their formula may overflow on the way.
bool called_by_rules_only(const OpEntry& op) {
  const std::string tail = "_backward";
  return op.name.size() > tail.size() && op.name.compare(op.name.size() - tail.size(), tail.size(), tail) == 0;
}

template <class T>
void against_scalar_reference(const OpEntry& op) {
  const auto& sample = op.samples[0];
  const auto arity = sample.inputs.size();
  std::vector<std::vector<T>> columns(arity);
  std::vector<std::size_t> at(arity, 0);
  std::vector<std::vector<T>> pool;
  for (const auto& spec : sample.inputs) {
    pool.push_back(numbers<T>(spec));
    if (called_by_rules_only(op))
      pool.back().erase(std::remove_if(pool.back().begin(), pool.back().end(),
                                       [&](T v) { return !(v >= T(spec.lo) && v <= T(spec.hi)); }),
                        pool.back().end());
  }
  for (bool more = true; more;) {  // every combination
    for (std::size_t k = 0; k < arity; ++k) columns[k].push_back(pool[k][at[k]]);
    more = false;
    for (std::size_t k = arity; k-- > 0 && !more;) {
      more = ++at[k] < pool[k].size();
      if (!more) at[k] = 0;
    }
  }
  Tensors in;
  for (std::size_t k = 0; k < arity; ++k)
    in.push_back(as_tensor(columns[k], is_floating(sample.inputs[k].dtype) ? dtype_of<T>() : sample.inputs[k].dtype));
  each_level([&] {
    const Tensor y = sample.call(in)[0];
    const auto got = cast(y, is_floating(y.dtype()) ? dtype_of<T>() : f64);
    std::string worst;
    double most = 0;
    for (std::size_t i = 0; i < columns[0].size(); ++i) {
      long double x[4] = {};
      for (std::size_t k = 0; k < arity; ++k) x[k] = static_cast<long double>(columns[k][i]);
      const long double expected = op.scalar_reference({x, arity});
      const long double value = is_floating(y.dtype()) ? static_cast<long double>(got.template data<T>()[i])
                                                       : static_cast<long double>(got.template data<double>()[i]);
      const double ulps = is_floating(y.dtype())
                              ? ulps_between<T>(static_cast<T>(value), expected, called_by_rules_only(op))
                              : (value == expected ? 0 : INFINITY);
      if (!(ulps <= most)) {
        most = ulps;
        char text[160];
        std::snprintf(text, sizeof text, "(%.17Lg, %.17Lg) = %.17Lg, expected %.17Lg", x[0], x[1], value, expected);
        worst = op.name + text;
      }
    }
    INFO(name_of(dtype_of<T>()) << ": " << worst << ", " << most << " ulps; allowed " << op.ulps);
    CHECK(most <= op.ulps);
  });
}

Tensors converted(const Tensors& ts, DType from, DType to) {
  Tensors r;
  for (const auto& t : ts) r.push_back(t.dtype() == from ? cast(t, to) : t);
  return r;
}

}  // namespace

TEST_CASE("every op: values of elementwise ops, specials and denormals, at every SIMD level") {
  test::each_op([](const OpEntry& op) {
    if (op.kind == Kind::elementwise) CHECK(op.scalar_reference);
    if (!op.scalar_reference) return;
    against_scalar_reference<double>(op);
    against_scalar_reference<float>(op);
  });
}

TEST_CASE("every op: values against the sample's independent definition") {
  test::each_sample([](const OpEntry&, const Sample& sample) {
    if (!sample.reference) return;
    const Tensors in = draw_inputs(sample);
    const Tensors expected = sample.reference(in);
    each_level([&] {
      const Tensors got = sample.call(in);
      REQUIRE(got.size() == expected.size());
      for (std::size_t j = 0; j < got.size(); ++j) {
        INFO("result " << j << ": " << describe(got[j]) << ", expected " << describe(expected[j]));
        CHECK(got[j].dtype() == expected[j].dtype());
        CHECK(test::close(got[j], expected[j], 1e-12));
      }
    });
  });
}

TEST_CASE("every op: f32 is close to f64, values and gradients", "[simd]") {
  test::each_sample([](const OpEntry& op, const Sample& sample) {
    const Tensors single = converted(draw_inputs(sample), f64, f32), exact = converted(single, f32, f64);
    const auto a = test::outcome(op, sample, single, f32), b = test::outcome(op, sample, exact);
    REQUIRE(a.values.size() == b.values.size());
    for (std::size_t j = 0; j < a.values.size(); ++j) {
      INFO("result " << j);
      if (is_floating(a.values[j].dtype()))
        CHECK(test::close(a.values[j], b.values[j], 1e-5));
      else
        CHECK(equal(a.values[j], b.values[j]));
    }
    REQUIRE(a.gradients.size() == b.gradients.size());
    for (std::size_t k = 0; k < a.gradients.size(); ++k) {
      INFO("gradient " << k);
      CHECK(test::close(a.gradients[k], b.gradients[k], 1e-4));
    }
  });
  CHECK(live_nodes() == 0);
}

TEST_CASE("every op: one thread and two give the same bits", "[simd]") {
  const Machine before;
  const auto on = [](int threads, const auto& run) {
    set_num_threads(threads);
    return run();
  };
  test::each_sample([&](const OpEntry& op, const Sample& sample) {
    const Tensors in = draw_inputs(sample);
    const auto run = [&] { return test::outcome(op, sample, in); };
    const auto a = on(1, run), b = on(2, run);
    for (std::size_t j = 0; j < a.values.size(); ++j) CHECK(equal(a.values[j], b.values[j]));
    for (std::size_t k = 0; k < a.gradients.size(); ++k) CHECK(equal(a.gradients[k], b.gradients[k]));
  });
  // Long enough to be shared out.
  test::each_op([&](const OpEntry& op) {
    if (!op.scalar_reference) return;
    Sample large = op.samples[0];
    for (auto& spec : large.inputs) {
      spec.shape = {100003};
      spec.avoid.clear();
    }
    Generator generator(7);
    Tensors in;
    for (const auto& spec : large.inputs)
      in.push_back(spec.dtype == f64 ? uniform(spec.shape, generator, spec.lo, spec.hi, f64)
                                     : cast(integers(0, 2, spec.shape, generator), spec.dtype));
    const auto run = [&] { return test::outcome(op, large, in); };
    const auto a = on(1, run), b = on(2, run);
    CHECK(equal(a.values[0], b.values[0]));
    for (std::size_t k = 0; k < a.gradients.size(); ++k) CHECK(equal(a.gradients[k], b.gradients[k]));
  });
}
