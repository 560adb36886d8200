// SPDX-License-Identifier: MIT
// What `stein graph` differentiates.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "autograd/calculus/graph.h"
#include "nn/module.h"
#include "smld/losses.h"
#include "tensor/random.h"
#include "tools/commands.h"

namespace stein::tools {

struct Subject {
  std::function<Tensor()> run;  ///< records the value
  TensorNames variables;        ///< leaves by which it is differentiated
  TensorNames last;             ///< instead of them in the last derivative of several; empty: the same
};

using Shapes = std::map<std::string, Shape>;
/// {"x=3,2"} -> x: (3, 2). Throws Error.
Shapes read_shapes(const std::vector<std::string>& options);

/// + - * / ^, parentheses, numbers, pi, functions: every elementwise op of the registry, sum, mean, matmul, transpose, softmax.
/// Every other name is a variable, drawn uniformly from [0.5, 1.5], f64, of the shape named or (2,). Throws Error.
Subject expression(const std::string& text, const Shapes& shapes, Generator& generator);

/// A model and an input for it, drawn; `s` is the score at a level.
struct Network {
  std::shared_ptr<nn::Module> module;
  smld::Score s;
  Tensor x;
};
Network network(ModelArgs args, const Shapes& shapes, Generator& generator);
Subject network_subject(const Network& network);
/// "dsm", "ssm", ... Throws Error, which lists the names, for another one.
Subject loss_subject(const std::string& name, const Network& network, Generator& generator);

}  // namespace stein::tools
