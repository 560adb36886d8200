// SPDX-License-Identifier: MIT
#include "ops/detail/device_dnn.h"

#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "ops/exact_convolution.h"
#include "tensor/detail/sim_memory.h"
#include "tensor/device_math.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kWorkspace = std::int64_t{1} << 30;          // an algorithm that asks for more is not worth it
constexpr std::int64_t kLargest = std::numeric_limits<int>::max();  // the library counts in int

DnnImages channels_last(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return {n, c, h, w, h * w * c, 1, w * c, c};
}

// Whether there is a descriptor for them: none of the sizes is 0, and every element can be counted.
bool countable(const DnnImages& t) { return t.n > 0 && t.c > 0 && t.h > 0 && t.w > 0 && t.stride_n <= kLargest / t.n; }
bool countable(const DnnFilter& f) {
  return f.k > 0 && f.c > 0 && f.h > 0 && f.w > 0 && f.c * f.h * f.w <= kLargest / f.k;
}

std::string words(const DnnImages& t) {
  return "(" + std::to_string(t.n) + ", " + std::to_string(t.c) + ", " + std::to_string(t.h) + ", " +
         std::to_string(t.w) + ") with strides (" + std::to_string(t.stride_n) + ", " + std::to_string(t.stride_c) +
         ", " + std::to_string(t.stride_h) + ", " + std::to_string(t.stride_w) + ")";
}
std::string words(const char* what, std::int64_t vertical, std::int64_t horizontal) {
  return ", " + std::string(what) + " " + std::to_string(vertical) + " x " + std::to_string(horizontal);
}

std::vector<DnnAlgorithm> algorithms(const Device& device, const DnnConv& call) {
  if (device.kind == Device::Kind::sim) return sim::dnn_algorithms(call);
#ifdef STEIN_HAVE_CUDA
  if (device.kind == Device::Kind::cuda) return cuda::dnn_algorithms(call);
#endif
  no_device_kernel(op_of(call), device);
}

// Once for each call, unless it is `again` asked for, without a workspace.
std::optional<DnnAlgorithm> chosen(const Device& device, const DnnConv& call, bool again) {
  if (!countable(call.x) || !countable(call.w) || !countable(call.y)) return std::nullopt;
  using Key = std::tuple<Device::Kind, std::int16_t, bool, bool, DnnConv>;
  static std::mutex mutex;
  static std::map<Key, std::optional<DnnAlgorithm>> all;
  const bool deterministic = device_math.deterministic, direct = exact_convolution;
  const Key key{device.kind, device.index, deterministic, direct, call};
  const std::lock_guard lock(mutex);
  const auto known = all.find(key);
  if (known != all.end() && !again) return known->second;
  return all[key] = dnn_choice(algorithms(device, call), deterministic, direct, again ? 0 : kWorkspace);
}

}  // namespace

DnnConv dnn_conv_of(kernels::ConvPart part, DType dtype, const kernels::ConvShape& s) {
  return {part,
          dtype,
          channels_last(s.n, s.c, s.h, s.w),
          {s.o, s.c / s.groups, s.kh, s.kw},
          channels_last(s.n, s.o, s.ho, s.wo),
          s.pad_h,
          s.pad_w,
          s.stride_h,
          s.stride_w,
          s.dilation_h,
          s.dilation_w,
          s.groups,
          dtype == f32 ? device_math.factors : Factors::f32};
}

DnnPool dnn_pool_of(bool adjoint, bool count_include_pad, DType dtype, const kernels::PoolShape& s) {
  return {adjoint,
          count_include_pad,
          dtype,
          channels_last(s.n, s.c, s.h, s.w),
          channels_last(s.n, s.c, s.ho, s.wo),
          s.kh,
          s.kw,
          s.pad_h,
          s.pad_w,
          s.stride_h,
          s.stride_w};
}

std::optional<DnnAlgorithm> dnn_choice(const std::vector<DnnAlgorithm>& all, bool deterministic, bool direct,
                                       std::int64_t most) {
  for (const auto& a : all)
    if ((a.deterministic || !deterministic) && (a.direct || !direct) && a.workspace <= most) return a;
  return std::nullopt;
}

std::optional<DnnAlgorithm> dnn_algorithm(const Device& device, const DnnConv& call) {
  return chosen(device, call, false);
}

std::optional<DnnAlgorithm> dnn_algorithm_without_workspace(const Device& device, const DnnConv& call) {
  return chosen(device, call, true);
}

bool dnn_conv(const Device& device, const DnnConv& call, const DnnAlgorithm& algorithm, const void* a, const void* b,
              void* out, void* workspace, std::int64_t workspace_bytes) {
  if (device.kind == Device::Kind::sim) {
    sim::ask([=] { sim::dnn_conv(call, algorithm, a, b, out, workspace, workspace_bytes); });
    return true;
  }
#ifdef STEIN_HAVE_CUDA
  if (device.kind == Device::Kind::cuda) return cuda::dnn_conv(call, algorithm, a, b, out, workspace, workspace_bytes);
#endif
  no_device_kernel(op_of(call), device);
}

bool dnn_pool(const Device& device, const DnnPool& call, const void* in, void* out) {
  if (!countable(call.x) || !countable(call.y)) return false;
  if (device.kind == Device::Kind::sim) {
    if (call.dtype != f32) return false;
    sim::ask([=] { sim::dnn_pool(call, in, out); });
    return true;
  }
#ifdef STEIN_HAVE_CUDA
  if (device.kind == Device::Kind::cuda) return cuda::dnn_pool(call, in, out);
#endif
  no_device_kernel(op_of(call), device);
}

const char* op_of(const DnnConv& call) {
  return call.part == kernels::ConvPart::forward ? "conv2d"
         : call.part == kernels::ConvPart::input ? "conv2d_input"
                                                 : "conv2d_filter";
}
const char* op_of(const DnnPool& call) { return call.adjoint ? "avg_pool2d_adjoint" : "avg_pool2d"; }

std::string describe(const DnnConv& c) {
  return std::string(c.factors == Factors::bf16 ? "bf16" : name_of(c.dtype)) + " x " + words(c.x) + ", weight (" +
         std::to_string(c.w.k) + ", " + std::to_string(c.w.c) + ", " + std::to_string(c.w.h) + ", " +
         std::to_string(c.w.w) + "), y " + words(c.y) + words("padding", c.pad_h, c.pad_w) +
         words("stride", c.stride_h, c.stride_w) + words("dilation", c.dilation_h, c.dilation_w) + ", groups " +
         std::to_string(c.groups);
}

std::string describe(const DnnPool& p) {
  return std::string(name_of(p.dtype)) + " x " + words(p.x) + ", y " + words(p.y) +
         words("window", p.window_h, p.window_w) + words("padding", p.pad_h, p.pad_w) +
         words("stride", p.stride_h, p.stride_w);
}

}  // namespace stein::detail
