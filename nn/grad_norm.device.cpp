// SPDX-License-Identifier: MIT
#include "nn/detail/arrays_device.h"
#include "nn/detail/grad_norm_device.h"

namespace stein::STEIN_UNIT {
namespace {

using kernels::SquaresArgs;

// In f64 whatever the elements are, as on the cpu.
template <class T>
struct SumSquares {
  static constexpr const char* name = "sum_squares";
  struct Array {
    View<const T> x;
    std::int64_t n, first;  // first: pieces of those before
  };
  Array arrays[kernels::kMostSquares];
  int count;
  std::int64_t pieces;
  View<double> out;

  STEIN_KERNEL void operator()(Block& block) const {
    auto sum = block.template local<double>(0);
    for (auto piece = block.index(); piece < pieces; piece += block.count()) {
      const Array& a = array_of(arrays, count, piece);
      const auto begin = (piece - a.first) * kernels::kSquaresPiece, stop = begin + kernels::kSquaresPiece,
                 end = stop < a.n ? stop : a.n;
      block.threads([&](int t) {
        for (auto i = begin + t; i < end; i += block.size()) {
          const double v = a.x[i];
          sum[t] += v * v;
        }
      });
    }
    const double all = combine(block, sum, 0.0, Plus{});
    block.phase([&](int t) {
      if (t == 0) out[block.index()] = all;
    });
  }
};

template <class T>
void sum_squares(const SquaresArgs& args) {
  SumSquares<T> kernel{{}, 0, 0, args.out};
  for (int k = 0; k < args.count; ++k) {
    const auto& from = args.arrays[k];
    if (from.n == 0) continue;
    kernel.arrays[kernel.count++] = {static_cast<const T*>(from.x), from.n, kernel.pieces};
    kernel.pieces += (from.n + kernels::kSquaresPiece - 1) / kernels::kSquaresPiece;
  }
  launch(kernel, {args.blocks, 256});
}

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

void device_sum_squares(const SquaresArgs& a) {
  a.f64 ? ::stein::STEIN_UNIT::sum_squares<double>(a) : ::stein::STEIN_UNIT::sum_squares<float>(a);
}

}  // namespace stein::kernels::STEIN_UNIT
