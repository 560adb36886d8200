// SPDX-License-Identifier: MIT
// The list of all ops with the samples on which the every-op suite, `stein gradcheck` and the benchmarks run them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autograd/op.h"
#include "tensor/tensor.h"

namespace stein {

/// How a sample's input is drawn: uniformly in [lo, hi], at least `margin` away from each point of `avoid` (kinks).
struct InputSpec {
  Shape shape;
  double lo = -2, hi = 2;
  std::vector<double> avoid{};
  DType dtype = f64;      ///< floating inputs are differentiated; i64 draws integers in [lo, hi]; bool draws 0 or 1
  bool distinct = false;  ///< no two elements closer than 0.05 (max, sort, median: away from ties)
  double margin = 0.05;
};

using OpCall = std::function<Tensors(const Tensors&)>;

/// One way to call an op: shapes and attributes chosen.
struct Sample {
  std::string label;
  std::vector<InputSpec> inputs;
  OpCall call;
  /// Independent definition in plain loops over long double or in terms of other ops; may be empty when the op has a
  /// scalar reference (elementwise) or golden values.
  OpCall reference{};
  /// True: <A x, y> = <x, A* y> is tested to rounding, in every input that is floating.
  bool linear = false;
};

struct OpEntry {
  std::string name, formula;
  Kind kind = Kind::general;
  std::vector<Sample> samples;
  bool differentiable = true;
  /// Elementwise ops: the value for scalars, in long double.
  std::function<long double(std::span<const long double>)> scalar_reference{};
  /// Ulps (of the result's dtype) allowed between forward and scalar_reference.
  double ulps = 4;
  /// Relative error allowed in gradient checks; larger than 1e-7 only with a reason.
  double tolerance = 1e-7;
  std::string reason{};
};

struct UnaryInfo {
  const char* formula = "";
  struct Domain {
    double lo = -2, hi = 2;
  } domain{};
  std::vector<double> avoid{};
  long double (*reference)(long double) = nullptr;
  bool differentiable = true;
  double ulps = 4;
  DType dtype = f64;
};

struct BinaryInfo {
  const char* formula = "";
  UnaryInfo::Domain a{}, b{};
  std::vector<double> avoid_a{}, avoid_b{};
  long double (*reference)(long double, long double) = nullptr;
  bool differentiable = true;
  Kind kind = Kind::elementwise;
  double ulps = 4;
  DType dtype = f64;
};

class OpRegistry {
 public:
  void add(OpEntry entry) { entries_.push_back(std::move(entry)); }
  /// Elementwise ops get their samples unasked: rank 0, vector, matrix, empty, channels-last shapes; for two operands
  /// every way of broadcasting.
  void add_unary(const char* name, std::function<Tensor(const Tensor&)> f, const UnaryInfo& info);
  void add_binary(const char* name, std::function<Tensor(const Tensor&, const Tensor&)> f, const BinaryInfo& info);
  const std::vector<OpEntry>& entries() const { return entries_; }

 private:
  std::vector<OpEntry> entries_;
};

/// All ops, in alphabetical order of their files.
const OpRegistry& op_registry();

namespace detail {
void register_all(OpRegistry& r);  // written by cmake/ops.cmake
}

}  // namespace stein
