// SPDX-License-Identifier: MIT
#include "nn/detail/arrays_device.h"
#include "nn/detail/update_device.h"
#include "nn/detail/update_formula.h"

namespace stein::STEIN_UNIT {
namespace {

using kernels::UpdateArgs;
using nn::detail::UpdateRule;

// A block takes pieces of kPiece elements, each of one parameter.
template <class T>
struct UpdateAll {
  static constexpr const char* name = "update";
  static constexpr int kMost = 512;  // as many as go into the 32764 bytes that a GPU takes as a kernel's parameters
  static constexpr std::int64_t kPiece = 4096;
  struct Arrays {
    View<T> p, m, v, average;
    View<const T> g;
    std::int64_t n, first;  // first: pieces of those before
  };
  Arrays arrays[kMost];
  int count;
  std::int64_t pieces;
  UpdateRule::Kind kind;
  nn::STEIN_UNIT::Sgd<T> sgd;
  nn::STEIN_UNIT::Adam<T> adam;
  T weight;
  bool packs;  // every array lies where packs may

  STEIN_KERNEL void element(T& p, T g, T& m, T& v, bool with_buffer) const {
    if (kind == UpdateRule::Kind::adam) {
      const auto r = adam(p, g, m, v);
      p = r.p;
      m = r.m;
      v = r.v;
    } else if (with_buffer) {
      const auto r = sgd.with_buffer(p, g, m);
      p = r.p;
      m = r.buffer;
    } else {
      p = sgd.plain(p, g);
    }
  }
  template <int kCount>
  STEIN_KERNEL void elements(const Arrays& a, std::int64_t i) const {
    auto p = a.p.template load<kCount>(i);
    if (kind != UpdateRule::Kind::none) {
      const auto g = a.g.template load<kCount>(i);
      const bool fresh = kind == UpdateRule::Kind::sgd && sgd.first;  // nobody has written the buffer yet
      const bool has_m(a.m), has_v(a.v);
      Pack<T, kCount> m{}, v{};
      if (has_m && !fresh) m = a.m.template load<kCount>(i);
      if (has_v) v = a.v.template load<kCount>(i);
      STEIN_UNROLL
      for (int k = 0; k < kCount; ++k) element(p.at[k], g.at[k], m.at[k], v.at[k], has_m);
      a.p.store(i, p);
      if (has_m) a.m.store(i, m);
      if (has_v) a.v.store(i, v);
    }
    if (!a.average) return;
    auto average = a.average.template load<kCount>(i);
    STEIN_UNROLL
    for (int k = 0; k < kCount; ++k) average.at[k] += weight * (p.at[k] - average.at[k]);
    a.average.store(i, average);
  }
  STEIN_KERNEL void operator()(Block& block) const {
    for (auto piece = block.index(); piece < pieces; piece += block.count()) {
      const Arrays& a = array_of(arrays, count, piece);
      const auto begin = (piece - a.first) * kPiece, end = begin + kPiece < a.n ? begin + kPiece : a.n;
      block.threads([&](int t) {
        each_pack<kPackOf<T>>(t, block.size(), end - begin, packs ? (end - begin) / kPackOf<T> : 0,
                              [&](auto count, std::int64_t i) { elements<count>(a, begin + i); });
      });
    }
  }
};

template <class T>
void update(const UpdateArgs& a) {
  using Kernel = UpdateAll<T>;
  for (std::size_t next = 0; next < a.count;) {
    Kernel kernel{{},
                  0,
                  0,
                  a.rule.kind,
                  nn::STEIN_UNIT::Sgd<T>(a.rule.sgd),
                  nn::STEIN_UNIT::Adam<T>(a.rule.adam),
                  static_cast<T>(a.weight),
                  true};
    for (; next < a.count && kernel.count < Kernel::kMost; ++next) {
      const auto& from = a.arrays[next];
      if (from.n == 0) continue;
      kernel.packs = kernel.packs && aligned_for_packs({from.p, from.m, from.v, from.average, from.g});
      kernel.arrays[kernel.count++] = {static_cast<T*>(from.p),
                                       static_cast<T*>(from.m),
                                       static_cast<T*>(from.v),
                                       static_cast<T*>(from.average),
                                       static_cast<const T*>(from.g),
                                       from.n,
                                       kernel.pieces};
      kernel.pieces += (from.n + Kernel::kPiece - 1) / Kernel::kPiece;
    }
    launch(kernel, {kernel.pieces < 65536 ? kernel.pieces : 65536, 256});
  }
}

}  // namespace
}  // namespace stein::STEIN_UNIT

namespace stein::kernels::STEIN_UNIT {

void device_update(const UpdateArgs& a) {
  a.f64 ? ::stein::STEIN_UNIT::update<double>(a) : ::stein::STEIN_UNIT::update<float>(a);
}

}  // namespace stein::kernels::STEIN_UNIT
