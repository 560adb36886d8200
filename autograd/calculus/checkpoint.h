// SPDX-License-Identifier: MIT
// Activation checkpointing: memory for time.
#pragma once

#include "autograd/calculus/functional.h"

namespace stein {

/// f(inputs), recorded as one node that keeps the inputs and nothing from inside f; a derivative runs f again. Chen et
/// al. 2016 (arXiv 1604.06174). Any derivative can be taken, as of any op: to any order, forwards and backwards, with
/// batches of cotangents; when the backward pass is recorded it is a checkpoint itself, so at every order one graph of f
/// lives at a time.
///
/// Derivatives reach the inputs and whatever recorded tensors f captures (parameters): these must not be written in
/// place before the derivative is taken, else it is an error. Constants that f captures must not be written either, and
/// this is NOT noticed. f is kept and called later, so it must own what it captures (handles by value) or outlive the
/// graph. f must be a pure function: of its inputs, of captured tensors, and of default_generator(), from which each run
/// draws the same as the first, provided that no other thread drew from it during the first. Other generators that f
/// captures go on instead: fork one inside f (`Generator g(seed)`). Each run is under the guards of the first
/// (ExactConvolution, AllowBF16, ...), whatever is alive by then. Without recording this is f(inputs).
Tensors checkpoint(const TensorsFunction& f, const Tensors& inputs);
Tensor checkpoint(const TensorFunction& f, const Tensor& x);  ///< of one input and one output

}  // namespace stein
