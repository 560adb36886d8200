// SPDX-License-Identifier: MIT
// What the checks share: functions of floating arguments only, random directions, inner products.
#pragma once

#include "autograd/calculus/check.h"
#include "tensor/random.h"

namespace stein::detail {

/// A function whose arguments and results are all f64, with names for the arguments.
struct Checked {
  TensorsFunction f;
  Tensors at;                      // constants
  std::vector<std::string> names;  // "input 0", "cotangent 1", ...
};

/// f of its f64 inputs alone, the others fixed, results that are not f64 dropped.
Checked restricted(const TensorsFunction& f, const Tensors& inputs);
/// (z, c) -> vector-Jacobian product of g.f at z with cotangents c; `c` are drawn for g's results.
Checked pulled(const Checked& g, const Tensors& cotangents, int order);

/// Entries +-(0.5 .. 1), on the device of each: no direction is nearly missed.
Tensors directions(const Tensors& like, Generator& generator, const Shape& batch = {});

struct Inner {
  double value = 0, mass = 0;  // sum of products, and of their magnitudes
};
/// In long double. Undefined entries are zero.
Inner inner(const Tensors& a, const Tensors& b);
/// Largest |a - b| / largest |b|, entries 1e-3 of `floor` counting as the least scale; infinite when shapes differ.
double difference(const Tensors& a, const Tensors& b, double floor = 0);

}  // namespace stein::detail
