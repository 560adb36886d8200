// SPDX-License-Identifier: MIT
// Convolutions of the host from memory to memory, on all threads: for the op, and for the double of cuDNN on sim.
#pragma once

#include <algorithm>
#include <type_traits>

#include "ops/detail/conv_kernels.h"
#include "ops/detail/scratch.h"
#include "ops/images.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// The kernels of one algorithm and dtype.
template <class T>
struct ConvKernels {
  void (*plan)(const kernels::ConvShape&, kernels::ConvPass, kernels::ConvPlan&);
  void (*pack)(const kernels::ConvPackArgs<T>&);
  void (*run)(const kernels::ConvRunArgs<T>&);
  void (*filter_plan)(const kernels::ConvShape&, kernels::ConvFilterPlan&);
  void (*filter_run)(const kernels::ConvFilterArgs<T>&);
  void (*filter_finish)(const kernels::ConvFilterFinishArgs<T>&);
};
template <class T>
ConvKernels<T> conv_kernels([[maybe_unused]] bool winograd) {
  if constexpr (std::is_same_v<T, float>)
    if (winograd)
      return {kernels::winograd_plan_f32(),       kernels::winograd_pack_f32(),
              kernels::winograd_run_f32(),        kernels::winograd_filter_plan_f32(),
              kernels::winograd_filter_run_f32(), kernels::winograd_filter_finish_f32()};
  return {STEIN_KERNEL_OF(T, conv_plan),       STEIN_KERNEL_OF(T, conv_pack),
          STEIN_KERNEL_OF(T, conv_run),        STEIN_KERNEL_OF(T, conv_filter_plan),
          STEIN_KERNEL_OF(T, conv_filter_run), STEIN_KERNEL_OF(T, conv_filter_finish)};
}

/// A filter, and the strides of its axes (o, c / groups, kh, kw) in elements.
template <class T>
struct ConvFilter {
  T* data;
  const Strides& strides;
};

/// How many of `items` that go over `bytes` together are worth a range: those of 64 KiB, some microseconds.
inline std::int64_t grain_of(std::int64_t bytes, std::int64_t items) {
  return (std::int64_t{1} << 16) * items / std::max<std::int64_t>(1, bytes) + 1;
}

/// Forward (x, w, bias or null -> y) and input gradient (g, w -> gx) are one kernel in two passes.
template <class T>
void conv(const kernels::ConvShape& s, kernels::ConvPass pass, bool winograd, const T* from,
          const ConvFilter<const T>& filter, const T* bias, T* to) {
  const auto k = conv_kernels<T>(winograd);
  kernels::ConvPlan plan;
  k.plan(s, pass, plan);
  const auto packed = make_ref<Storage>(plan.packed_bytes);
  const auto& st = filter.strides;
  parallel_for(plan.pack_items, grain_of(plan.packed_bytes, plan.pack_items),
               [&](std::int64_t begin, std::int64_t end) {
                 k.pack({s, pass, filter.data, st[0], st[1], st[2], st[3], packed->data(), begin, end});
               });
  // Ranges of about a sixteenth of the work, at least a million multiply-adds.
  const bool forward = pass == kernels::ConvPass::kForward;
  const auto macs = (forward ? s.n * s.o * s.ho * s.wo * s.c : s.n * s.c * s.h * s.w * s.o) * s.kh * s.kw / s.groups;
  const auto per_item = std::max<std::int64_t>(1, macs / std::max<std::int64_t>(1, plan.items));
  const auto grain = std::max<std::int64_t>((1 << 20) / per_item + 1, plan.items / 16);
  parallel_for(plan.items, grain, [&](std::int64_t begin, std::int64_t end) {
    const Scratch scratch(plan.scratch_bytes);
    k.run({s, pass, from, packed->data(), bias, to, begin, end, scratch.data()});
  });
}

/// The filter's gradient (x, g -> gw).
template <class T>
void conv_filter(const kernels::ConvShape& s, bool winograd, const T* x, const T* g, const ConvFilter<T>& to) {
  const auto k = conv_kernels<T>(winograd);
  kernels::ConvFilterPlan plan;
  k.filter_plan(s, plan);
  const auto partial = make_ref<Storage>(plan.partial_bytes);
  parallel_for(plan.chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    const Scratch scratch(plan.scratch_bytes);
    k.filter_run({s, x, g, partial->data(), begin, end, scratch.data()});
  });
  const auto& st = to.strides;
  const auto finish_grain = grain_of(plan.partial_bytes, plan.finish_items);
  parallel_for(plan.finish_items, finish_grain, [&](std::int64_t begin, std::int64_t end) {
    k.filter_finish({s, partial->data(), to.data, st[0], st[1], st[2], st[3], begin, end});
  });
}

}  // namespace stein::host
