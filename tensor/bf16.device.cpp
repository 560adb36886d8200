// SPDX-License-Identifier: MIT
#include "tensor/detail/bf16.h"

#include "tensor/kernel.h"

namespace stein::STEIN_UNIT {
namespace {

STEIN_KERNEL std::uint16_t other(float x) { return detail::to_bf16(x); }
STEIN_KERNEL float other(std::uint16_t bits) { return detail::from_bf16(bits); }

template <class From, class To>
struct Recode {
  static constexpr const char* name = "bf16";
  static constexpr int kCount = 4;
  View<const From> from;
  View<To> to;
  std::int64_t n, packs;
  template <int kPack>
  STEIN_KERNEL void elements(std::int64_t i) const {
    const auto x = from.template load<kPack>(i);
    Pack<To, kPack> r;
    STEIN_UNROLL
    for (int k = 0; k < kPack; ++k) r.at[k] = other(x.at[k]);
    to.store(i, r);
  }
  STEIN_KERNEL void operator()(Block& block) const {
    block.threads([&](int t) {
      each_pack<kCount>(block.first(t), block.step(), n, packs,
                        [&](auto count, std::int64_t i) { elements<count>(i); });
    });
  }
};

template <class From, class To>
void recode(const kernels::Bf16Args& a) {
  using Kernel = Recode<From, To>;
  const auto packs = aligned_for_packs({a.from, a.to}) ? a.n / Kernel::kCount : 0;
  launch(Kernel{static_cast<const From*>(a.from), static_cast<To*>(a.to), a.n, packs}, threads_for_packs(a.n, packs));
}

}  // namespace
}  // namespace stein::STEIN_UNIT

void stein::kernels::STEIN_UNIT::device_bf16(const Bf16Args& a) {
  a.back ? ::stein::STEIN_UNIT::recode<std::uint16_t, float>(a) : ::stein::STEIN_UNIT::recode<float, std::uint16_t>(a);
}
