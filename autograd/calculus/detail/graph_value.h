// SPDX-License-Identifier: MIT
#pragma once

#include "autograd/calculus/graph.h"

namespace stein::detail {

/// Shape and dtype of t, and its elements when they are few and floating.
GraphInfo::Value graph_value(const Tensor& t);

}  // namespace stein::detail
