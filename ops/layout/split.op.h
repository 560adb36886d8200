// SPDX-License-Identifier: MIT
// Views; the derivatives are those of slice.
#include "ops/op.h"

namespace stein {

Tensors split(const Tensor& x, std::int64_t size, int axis) {
  const int a = normal_axis("split", axis, x.rank());
  const auto n = x.size(a);
  if (size < 0 || (size == 0 && n > 0)) fail("split", "pieces of at least one element", std::to_string(size));
  Tensors pieces;
  for (std::int64_t at = 0; at < n; at += size) pieces.push_back(narrow(x, a, at, std::min(size, n - at)));
  return n == 0 ? Tensors{x} : pieces;
}

Tensors chunk(const Tensor& x, std::int64_t pieces, int axis) {
  const int a = normal_axis("chunk", axis, x.rank());
  if (pieces < 1) fail("chunk", "at least one piece", std::to_string(pieces));
  const auto n = x.size(a);
  return n == 0 ? Tensors(static_cast<std::size_t>(pieces), x) : split(x, (n + pieces - 1) / pieces, a);
}

void register_split(OpRegistry& r) {
  r.add({"split",
         "pieces of one size along an axis, the last may be smaller",
         Kind::linear,
         {{"5 by 2", {{{5, 2}}}, [](const Tensors& in) { return split(in[0], 2); }, {}, true},
          {"4 by 4, axis -1", {{{2, 4}}}, [](const Tensors& in) { return split(in[0], 4, -1); }, {}, true},
          {"empty", {{{0, 2}}}, [](const Tensors& in) { return split(in[0], 3); }, {}, true}}});
  r.add({"chunk",
         "at most so many pieces along an axis",
         Kind::linear,
         {{"5 in 3", {{{2, 5}}}, [](const Tensors& in) { return chunk(in[0], 3, 1); }, {}, true},
          {"2 in 3", {{{2}}}, [](const Tensors& in) { return chunk(in[0], 3); }, {}, true}}});
}

}  // namespace stein
