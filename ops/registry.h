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
  Shape shape;                  ///< of the input
  double lo = -2;               ///< smallest value
  double hi = 2;                ///< largest value
  std::vector<double> avoid{};  ///< kinks
  DType dtype = f64;      ///< floating inputs are differentiated; i64 draws integers in [lo, hi]; bool draws 0 or 1
  bool distinct = false;  ///< no two elements closer than 0.05 (max, sort, median: away from ties)
  double margin = 0.05;   ///< distance kept from each of `avoid`
};

/// Inputs as the sample lists them -> results.
using OpCall = std::function<Tensors(const Tensors&)>;

/// One way to call an op: shapes and attributes chosen.
struct Sample {
  std::string label;              ///< unique within an op
  std::vector<InputSpec> inputs;  ///< drawn in this order
  OpCall call;                    ///< with the sample's attributes
  /// Independent definition in plain loops over long double or in terms of other ops; may be empty when the op has a
  /// scalar reference (elementwise) or golden values.
  OpCall reference{};
  /// True: <A x, y> = <x, A* y> is tested to rounding, in every input that is floating.
  bool linear = false;
};

/// An op in the list, with all that its tests need.
struct OpEntry {
  std::string name;             ///< unique
  std::string formula;          ///< for people
  Kind kind = Kind::general;    ///< how tangents are pushed forward
  std::vector<Sample> samples;  ///< at least one
  bool differentiable = true;   ///< false: no derivative is checked
  /// Elementwise ops: the value for scalars, in long double.
  std::function<long double(std::span<const long double>)> scalar_reference{};
  /// Ulps (of the result's dtype) allowed between forward and scalar_reference.
  double ulps = 4;
  /// Relative error allowed in gradient checks; larger than 1e-7 only with a reason.
  double tolerance = 1e-7;
  std::string reason{};  ///< for a tolerance above 1e-7
};

/// What a unary elementwise op says of itself; see OpEntry.
struct UnaryInfo {
  const char* formula = "";  ///< for people
  /// Samples are drawn from [lo, hi].
  struct Domain {
    double lo = -2;                                 ///< smallest value
    double hi = 2;                                  ///< largest value
  } domain{};                                       ///< of x
  std::vector<double> avoid{};                      ///< kinks
  long double (*reference)(long double) = nullptr;  ///< the value in long double
  bool differentiable = true;                       ///< false: no derivative is checked
  double ulps = 4;                                  ///< allowed between forward and reference
  DType dtype = f64;                                ///< of the samples
};

/// The same of a binary one.
struct BinaryInfo {
  const char* formula = "";                                      ///< for people
  UnaryInfo::Domain a{};                                         ///< of the first operand
  UnaryInfo::Domain b{};                                         ///< of the second operand
  std::vector<double> avoid_a{};                                 ///< kinks in the first operand
  std::vector<double> avoid_b{};                                 ///< kinks in the second operand
  long double (*reference)(long double, long double) = nullptr;  ///< the value in long double
  bool differentiable = true;                                    ///< false: no derivative is checked
  Kind kind = Kind::elementwise;                                 ///< bilinear for products
  double ulps = 4;                                               ///< allowed between forward and reference
  DType dtype = f64;                                             ///< of the samples
};

/// Where op files enter what they define.
class OpRegistry {
 public:
  void add(OpEntry entry) { entries_.push_back(std::move(entry)); }  ///< names are unique
  /// Elementwise ops get their samples unasked: rank 0, vector, matrix, empty, channels-last shapes; for two operands
  /// every way of broadcasting.
  void add_unary(const char* name, std::function<Tensor(const Tensor&)> f, const UnaryInfo& info);
  /// With two operands.
  void add_binary(const char* name, std::function<Tensor(const Tensor&, const Tensor&)> f, const BinaryInfo& info);
  const std::vector<OpEntry>& entries() const { return entries_; }  ///< in the order of their entering

 private:
  std::vector<OpEntry> entries_;
};

/// All ops, in alphabetical order of their files.
const OpRegistry& op_registry();

namespace detail {
void register_all(OpRegistry& r);  // written by cmake/ops.cmake
}

}  // namespace stein
