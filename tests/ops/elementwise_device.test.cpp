// SPDX-License-Identifier: MIT
// Elementwise ops and reductions on a device beside the cpu: the same bits where results are rounded once, few ulp elsewhere.
#include <algorithm>
#include <set>

#include "ops/registry.h"
#include "tensor/random.h"
#include "tests/ops/detail_kernels.h"
#include "tests/ops/support/accuracy.h"
#include "tests/support/device.h"

using namespace stein;
using namespace stein::test;

namespace {

Tensor draw(const InputSpec& spec, std::int64_t n, Generator& generator, DType floating) {
  const Tensor t = uniform({n}, generator, spec.lo, spec.hi, f64);
  if (spec.dtype == boolean) return t > (spec.lo + spec.hi) / 2;
  return t.to(spec.dtype == f64 ? floating : spec.dtype);
}

// The largest distance of two results in units of the last place, of `scale` where that is larger; 0 for equal bits but those of NaN.
template <class T>
double apart(const Tensor& there, const Tensor& here, const Tensor& scale) {
  const auto a = there.to_vector<T>(), b = here.to_vector<T>(), s = scale.to_vector<T>();
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i]) ? std::isnan(a[i]) : std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
    const T far = std::max(std::abs(b[i]), std::abs(s[i])), unit = far - std::nextafter(far, T(0));
    worst = std::max({worst, static_cast<double>(std::abs(a[i] - b[i]) / unit), 1e-3});  // 1e-3: 0 for -0
  }
  return worst;
}
double apart(const Tensor& there, const Tensor& here, const Tensor& scale) {
  if (here.dtype() == f32) return apart<float>(there, here, scale);
  if (here.dtype() == f64) return apart<double>(there, here, scale);
  return equal(there.to(cpu), here) ? 0 : INFINITY;
}

double apart(const Tensor& there, const Tensor& here) { return apart(there, here, here); }

// x at `first` elements behind where memory of its own would begin: not where packs may.
Tensor shifted(const Tensor& x, std::int64_t first) {
  const Tensor flat = x.contiguous().flatten();
  return narrow(concat({narrow(flat, 0, 0, first), flat}), 0, first, x.numel()).reshape(x.shape());
}

// Ops whose result is one rounding of the exact one, or several in an order that is the same everywhere.
const std::set<std::string> exact{"abs",
                                  "add",
                                  "clamp",
                                  "clamp_backward",
                                  "div",
                                  "elu_backward",
                                  "eq",
                                  "floor",
                                  "ge",
                                  "gt",
                                  "isfinite",
                                  "isnan",
                                  "le",
                                  "leaky_relu",
                                  "logical_and",
                                  "logical_not",
                                  "logical_or",
                                  "lt",
                                  "maximum",
                                  "minimum",
                                  "mul",
                                  "ne",
                                  "neg",
                                  "leaky_relu_backward",
                                  "maximum_backward",
                                  "reciprocal",
                                  "relu",
                                  "round",
                                  "rsqrt",
                                  "sigmoid_backward",
                                  "sign",
                                  "sqrt",
                                  "square",
                                  "sub",
                                  "tanh_backward",
                                  "where"};

// A cotangent times a slope that goes through 0 as a sum of two terms: at most 8 units of the cotangent.
const std::set<std::string> cancelling{"gelu_backward", "gelu_tanh_backward", "silu_backward"};

}  // namespace

TEST_CASE("elementwise functions on " STEIN_TEST_DEVICE " are accurate over their whole range", "[ops][device]") {
  const Device there = test_device();
  auto x32 = arguments<float>();
  auto x64 = arguments<double>();
  const auto thin = [](auto& x) {  // a fifth, and all of the special values at the end
    std::size_t n = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (i % 5 == 0 || i + 30 > x.size()) x[n++] = x[i];
    x.resize(n);
  };
  thin(x32), thin(x64);
  for (const Case& c : cases) {
    sweep(c, x32, there);
    sweep(c, x64, there);
  }
}

TEST_CASE("elementwise ops on " STEIN_TEST_DEVICE " agree with the cpu in f32 and f64", "[ops][device]") {
  const Device there = test_device();
  Generator generator(6);
  int tested = 0;
  for (const OpEntry& op : op_registry().entries()) {
    if (!op.scalar_reference) continue;
    const Sample& sample = op.samples.front();
    for (const auto dtype : {f32, f64}) {
      Tensors here, moved;
      for (const auto& spec : sample.inputs) {
        here.push_back(draw(spec, 2003, generator, dtype));
        moved.push_back(here.back().to(there));
      }
      const Tensor want = sample.call(here)[0], got = sample.call(moved)[0];
      INFO(op.name << ", " << describe(want));
      CHECK(got.device() == there);
      const bool cancels = cancelling.count(op.name);
      CHECK(apart(got, want, cancels ? here[0] : want) <= (exact.count(op.name) ? 0 : cancels ? 8 : 4));
      ++tested;
    }
  }
  CHECK(tested > 100);
}

TEST_CASE("elementwise ops on " STEIN_TEST_DEVICE " take tails and addresses that packs do not fit", "[ops][device]") {
  const Device there = test_device();
  Generator generator(7);
  for (const auto dtype : {f32, f64})
    for (const std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 1023})
      for (const std::int64_t first : {0, 1, 2, 4}) {
        if (first > n) continue;
        const Tensor a = randn({n}, generator, dtype), b = randn({n}, generator, dtype), c = randn({n}, generator) > 0;
        const Tensor x = shifted(a.to(there), first), y = b.to(there), condition = shifted(c.to(there), first);
        INFO(describe(a) << " from element " << first);
        CHECK(apart(x * y, a * b) == 0);
        CHECK(apart(y - x, b - a) == 0);
        CHECK(apart(x > y, a > b) == 0);
        CHECK(apart(x + 2.5, a + 2.5) == 0);
        CHECK(apart(where(condition, x, y), where(c, a, b)) == 0);
        CHECK(apart(where(condition, y, y * 2), where(c, b, b * 2)) == 0);
        CHECK(apart(logical_not(condition), logical_not(c)) == 0);
        Tensor copy = zeros({n + first}, dtype, there);
        narrow(copy, 0, first, n).copy_(x);
        CHECK(apart(narrow(copy, 0, first, n), a) == 0);
        narrow(copy, 0, first, n).fill_(3);
        CHECK(apart(copy, concat({zeros({first}, dtype), full({n}, 3, dtype)})) == 0);
      }
}

TEST_CASE("elementwise ops on " STEIN_TEST_DEVICE " broadcast along every axis, whatever the number of channels",
          "[ops][device]") {
  const Device there = test_device();
  Generator generator(11);
  for (const auto dtype : {f32, f64})
    for (const std::int64_t c : {1, 3, 4, 6, 8, 20})
      for (const std::int64_t first : {0, 1}) {
        const Tensor image = randn({2, 3, 5, c}, generator, dtype), yes = image > 0;
        const Tensor there_image = shifted(image.to(there), first);
        const auto last = [](const Tensor& t) { return permute(t, {0, 3, 1, 2}); };  // channels-last
        for (const Shape& shape :
             {Shape{c, 1, 1}, Shape{2, c, 1, 1}, Shape{2, 1, 1, 1}, Shape{3, 5}, Shape{c, 3, 5}, Shape{1, 1, 5}}) {
          INFO(describe(image) << " from element " << first << " beside " << to_string(shape));
          const Tensor other = randn(shape, generator, dtype), moved = shifted(other.to(there), first);
          CHECK(apart(last(there_image) + moved, last(image) + other) == 0);
          CHECK(apart(moved < last(there_image), other < last(image)) == 0);
          CHECK(apart(where(last(yes.to(there)), moved, last(there_image)), where(last(yes), other, last(image))) == 0);
        }
        const Tensor part = narrow(there_image, 3, 0, c / 2 + 1), here = narrow(image, 3, 0, c / 2 + 1);
        CHECK(apart(part * part, here * here) == 0);
      }
}

TEST_CASE("reductions on " STEIN_TEST_DEVICE " are exact but for rounding, at all sizes and addresses",
          "[ops][device]") {
  const Device there = test_device();
  std::mt19937 generator(8);
  // outer, n, inner: rows, columns and lanes, long axes that are cut, ends that fill no pack
  const std::int64_t sizes[][3] = {{1, 8201, 1}, {3, 400, 1}, {3, 401, 1},  {70, 31, 1}, {1, 2000, 12}, {2, 700, 3},
                                   {5, 64, 33},  {2, 63, 40}, {1, 700, 64}, {90, 70, 4}, {4, 1, 6}};
  const auto check = [&](auto zero, std::int64_t outer, std::int64_t n, std::int64_t inner, std::int64_t first) {
    using T = decltype(zero);
    const auto numel = outer * n * inner;
    const Shape shape{outer, n, inner};
    const auto values = random_values(generator, numel), others = random_values(generator, numel);
    const auto tensor = [&](const std::vector<double>& v) {
      return shifted(from_vector(v, shape).to(dtype_of<T>()).to(there), first);
    };
    const Tensor x = tensor(values), y = tensor(others);
    std::vector<Sum> sum(static_cast<std::size_t>(outer * inner)), product = sum;
    std::vector<double> largest(sum.size(), -INFINITY);
    for (std::int64_t i = 0; i < numel; ++i) {
      const auto at = static_cast<std::size_t>(i / (n * inner) * inner + i % inner), from = static_cast<std::size_t>(i);
      sum[at].add(values[from]);
      product[at].add(values[from] * others[from]);
      largest[at] = std::max(largest[at], values[from]);
    }
    Guarded<T> sums(stein::sum(x, {1}).template to_vector<T>()), products(vecdot(x, y, 1).template to_vector<T>());
    INFO(describe(x) << " from element " << first);
    // In any order, of at most 32 terms one after the other and the levels of a tree, or of n where there are lanes enough.
    CHECK(first_wrong(sums, sum) == -1);
    CHECK(first_wrong(products, product) == -1);
    CHECK(amax(x, {1}).to(f64).template to_vector<double>() == largest);
    CHECK(amin(-x, {1}).to(f64).template to_vector<double>() ==
          (-from_vector(largest, {outer, inner})).template to_vector<double>());
    const Tensor positive = x > 1.9;
    CHECK(any(positive, {1}).to_vector<bool>() == any(positive.to(cpu), {1}).to_vector<bool>());
    CHECK(all_of(logical_not(positive), {1}).to_vector<bool>() ==
          all_of(logical_not(positive.to(cpu)), {1}).to_vector<bool>());
  };
  for (const auto& s : sizes)
    for (const std::int64_t first : {0, 1}) {
      check(float{}, s[0], s[1], s[2], first);
      check(double{}, s[0], s[1], s[2], first);
    }
}
