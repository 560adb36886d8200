// SPDX-License-Identifier: MIT
// The double of cuDNN. It answers what the manual of cuDNN 9 states, with the manual's statuses.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <initializer_list>

#include "ops/detail/conv_host.h"
#include "ops/detail/device_dnn.h"
#include "ops/detail/pool_host.h"
#include "tensor/detail/bf16.h"
#include "tensor/detail/sim_memory.h"

namespace stein::detail::sim {
namespace {

using kernels::ConvPart;
using kernels::ConvShape;

constexpr int kDefaultMath = 0, kTensorOpMath = 1, kFmaMath = 3;

// One call: whose name and words stand in its errors.
struct Asked {
  const char* op;
  std::string call;

  [[noreturn]] void refuse(const char* status, const std::string& expected, const std::string& got) const {
    fail(op, expected, got + " in " + call, status);
  }
  void need(bool right, const char* status, const std::string& expected, const std::string& got) const {
    if (!right) refuse(status, expected, got);
  }
  void at_least(std::int64_t least, const char* what, std::initializer_list<std::int64_t> values) const {
    for (const auto v : values)
      need(v >= least, "CUDNN_STATUS_BAD_PARAM", "a " + std::string(what) + " of at least " + std::to_string(least),
           std::to_string(v));
  }
  void same(const char* what, std::int64_t got, std::int64_t expected) const {
    if (got != expected)
      refuse("CUDNN_STATUS_BAD_PARAM", std::string(what) + " of " + std::to_string(expected), std::to_string(got));
  }
  // The NHWC layout that channels-last filters want.
  void packed(const char* name, const DnnImages& t) const {
    at_least(1, "size", {t.n, t.c, t.h, t.w});
    if (t.stride_c != 1 || t.stride_w != t.c || t.stride_h != t.w * t.c || t.stride_n != t.h * t.w * t.c)
      refuse("CUDNN_STATUS_NOT_SUPPORTED", name + std::string(" packed as NHWC"), "other strides");
  }
  // The size of the result along an axis: cudnnGetConvolution2dForwardOutputDim, cudnnGetPooling2dForwardOutputDim.
  void result(const char* what, std::int64_t got, std::int64_t in, std::int64_t pad, std::int64_t window,
              std::int64_t stride) const {
    need(in + 2 * pad >= window, "CUDNN_STATUS_BAD_PARAM", "a padded image at least as large as the window",
         std::to_string(in + 2 * pad) + " and " + std::to_string(window));
    same(what, got, 1 + (in + 2 * pad - window) / stride);
  }
  void address(const char* what, const void* p) const {
    if (!p) refuse("CUDNN_STATUS_BAD_PARAM_NULL_POINTER", "an address of " + std::string(what), "null");
    if (reinterpret_cast<std::uintptr_t>(p) % 16)
      refuse("CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER", std::string(what) + " at a multiple of 16 bytes",
             "another address");
  }
  void apart(const void* p, std::int64_t p_bytes, const void* q, std::int64_t q_bytes) const {
    const auto a = reinterpret_cast<std::uintptr_t>(p), b = reinterpret_cast<std::uintptr_t>(q);
    if (a < b + static_cast<std::uintptr_t>(q_bytes) && b < a + static_cast<std::uintptr_t>(p_bytes))
      refuse("CUDNN_STATUS_BAD_PARAM", "operands, result and workspace apart from each other", "two that overlap");
  }
};

std::int64_t count(const DnnImages& t) { return t.n * t.c * t.h * t.w; }
std::int64_t count(const DnnFilter& f) { return f.k * f.c * f.h * f.w; }

void check(const Asked& asked, const DnnConv& c) {
  asked.need(c.dtype == f32, "CUDNN_STATUS_NOT_SUPPORTED", "f32", std::string(name_of(c.dtype)));
  asked.packed("x", c.x);
  asked.packed("y", c.y);
  asked.at_least(1, "size", {c.w.k, c.w.c, c.w.h, c.w.w});
  asked.at_least(0, "padding", {c.pad_h, c.pad_w});
  asked.at_least(1, "stride", {c.stride_h, c.stride_w});
  asked.at_least(1, "dilation", {c.dilation_h, c.dilation_w});
  asked.at_least(1, "group count", {c.groups});
  asked.same("x's channels", c.x.c, c.w.c * c.groups);
  asked.same("y's channels", c.y.c, c.w.k);
  asked.same("a remainder of filters by groups", c.w.k % c.groups, 0);
  asked.same("y's images", c.y.n, c.x.n);
  asked.result("y's height", c.y.h, c.x.h, c.pad_h, (c.w.h - 1) * c.dilation_h + 1, c.stride_h);
  asked.result("y's width", c.y.w, c.x.w, c.pad_w, (c.w.w - 1) * c.dilation_w + 1, c.stride_w);
}

void check(const Asked& asked, const DnnPool& p) {
  asked.packed("x", p.x);
  asked.packed("y", p.y);
  asked.at_least(1, "window", {p.window_h, p.window_w});
  asked.at_least(1, "stride", {p.stride_h, p.stride_w});
  asked.at_least(0, "padding", {p.pad_h, p.pad_w});
  // The library takes more padding; a window of nothing else has no average.
  asked.need(p.pad_h < p.window_h && p.pad_w < p.window_w, "CUDNN_STATUS_BAD_PARAM", "padding below the window",
             "more");
  asked.same("y's images", p.y.n, p.x.n);
  asked.same("y's channels", p.y.c, p.x.c);
  asked.result("y's height", p.y.h, p.x.h, p.pad_h, p.window_h, p.stride_h);
  asked.result("y's width", p.y.w, p.x.w, p.pad_w, p.window_w, p.stride_w);
}

ConvShape shape_of(const DnnConv& c) {
  return {c.x.n, c.x.c,      c.x.h,      c.x.w,   c.y.c,   c.y.h,        c.y.w,        c.w.h,
          c.w.w, c.stride_h, c.stride_w, c.pad_h, c.pad_w, c.dilation_h, c.dilation_w, c.groups};
}

// The manual's tables of channels-last filters. It lists f64 of the forward pass, too; refused here like the others, so that the
// own kernels, which do what is refused, are run and checked in every pass.
std::vector<DnnAlgorithm> table(const DnnConv& c) {
  if (c.dtype != f32) return {};
  const int math = c.factors == Factors::f32 ? kFmaMath : c.factors == Factors::tf32 ? kDefaultMath : kTensorOpMath;
  const auto indices = 4 * c.w.c * c.w.h * c.w.w, partial = 8 * count(c.w);
  switch (c.part) {
    case ConvPart::forward:
      return {{1, math, true, true, indices}, {0, math, true, true, 0}};  // IMPLICIT_PRECOMP_GEMM, IMPLICIT_GEMM
    case ConvPart::input:
      return {{0, math, false, true, 0}, {1, math, true, true, indices}};  // ALGO_0, ALGO_1
    case ConvPart::filter:
      break;
  }
  return {{0, math, false, true, 0}, {1, math, true, true, partial}};  // ALGO_0, ALGO_1
}

std::atomic<std::int64_t> questions{0};

// n elements of bf16 as f32, in which the library adds up their products.
std::vector<float> widened(const void* bits, std::int64_t n) {
  std::vector<float> r(static_cast<std::size_t>(n));
  const auto* from = static_cast<const std::uint16_t*>(bits);
  std::transform(from, from + n, r.begin(), [](std::uint16_t x) { return from_bf16(x); });
  return r;
}

}  // namespace

std::vector<DnnAlgorithm> dnn_algorithms(const DnnConv& c) {
  ++questions;
  if (c.dtype == f32) check({op_of(c), describe(c)}, c);
  return table(c);
}

std::int64_t dnn_questions() { return questions; }

bool dnn_conv(const DnnConv& c, const DnnAlgorithm& algorithm, const void* a, const void* b, void* out, void* workspace,
              std::int64_t workspace_bytes) {
  const Asked asked{op_of(c), describe(c)};
  check(asked, c);
  const DnnAlgorithm* chosen = nullptr;
  const auto all = table(c);
  for (const auto& one : all)
    if (one.number == algorithm.number && one.math == algorithm.math) chosen = &one;
  asked.need(chosen, "CUDNN_STATUS_NOT_SUPPORTED", "an algorithm of this call",
             "number " + std::to_string(algorithm.number) + " with math " + std::to_string(algorithm.math));
  asked.need(workspace_bytes >= chosen->workspace, "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT",
             "a workspace of " + std::to_string(chosen->workspace) + " bytes", std::to_string(workspace_bytes));

  const bool bf16 = c.factors == Factors::bf16;
  const std::int64_t size = bf16 ? 2 : 4, bytes_x = size * count(c.x), bytes_w = size * count(c.w),
                     bytes_y = size * count(c.y);
  const auto bytes_a = c.part == ConvPart::input ? bytes_y : bytes_x,
             bytes_b = c.part == ConvPart::filter ? bytes_y : bytes_w,
             bytes_out = c.part == ConvPart::forward ? bytes_y
                         : c.part == ConvPart::input ? bytes_x
                                                     : bytes_w;
  asked.address("the first operand", a);
  asked.address("the second operand", b);
  asked.address("the result", out);
  asked.apart(out, bytes_out, a, bytes_a);
  asked.apart(out, bytes_out, b, bytes_b);
  if (workspace_bytes > 0) {
    asked.address("the workspace", workspace);
    asked.apart(workspace, workspace_bytes, a, bytes_a);
    asked.apart(workspace, workspace_bytes, b, bytes_b);
    asked.apart(workspace, workspace_bytes, out, bytes_out);
    std::memset(reach(workspace, workspace_bytes, true), 0x7b, static_cast<std::size_t>(workspace_bytes));
  }
  const auto compute = [&](const float* from, const float* with, float* to) {
    const Strides krsc{c.w.h * c.w.w * c.w.c, 1, c.w.w * c.w.c, c.w.c};
    if (c.part == ConvPart::filter)
      host::conv_filter<float>(shape_of(c), false, from, with, {to, krsc});
    else
      host::conv<float>(shape_of(c),
                        c.part == ConvPart::forward ? kernels::ConvPass::kForward : kernels::ConvPass::kInput, false,
                        from, {with, krsc}, nullptr, to);
  };
  const void *from = reach(a, bytes_a, false), *with = reach(b, bytes_b, false);
  void* to = reach(out, bytes_out, true);
  if (bf16) {
    const std::vector<float> wide_from = widened(from, bytes_a / 2), wide_with = widened(with, bytes_b / 2);
    std::vector<float> sums(static_cast<std::size_t>(bytes_out / 2));
    compute(wide_from.data(), wide_with.data(), sums.data());
    std::transform(sums.begin(), sums.end(), static_cast<std::uint16_t*>(to), [](float x) { return to_bf16(x); });
  } else {
    compute(static_cast<const float*>(from), static_cast<const float*>(with), static_cast<float*>(to));
  }
  return true;
}

bool dnn_pool(const DnnPool& p, const void* in, void* out) {
  const Asked asked{op_of(p), describe(p)};
  asked.need(p.dtype == f32, "CUDNN_STATUS_NOT_SUPPORTED", "f32", std::string(name_of(p.dtype)));
  check(asked, p);
  const auto bytes_in = 4 * count(p.adjoint ? p.y : p.x), bytes_out = 4 * count(p.adjoint ? p.x : p.y);
  asked.address("the operand", in);
  asked.address("the result", out);
  asked.apart(in, bytes_in, out, bytes_out);
  const auto* from = static_cast<const float*>(reach(in, bytes_in, false));
  host::avg_pool<float>({p.x.n, p.x.c, p.x.h, p.x.w, p.y.h, p.y.w, p.window_h, p.window_w, p.stride_h, p.stride_w,
                         p.pad_h, p.pad_w, 1, 1},
                        p.adjoint, p.count_include_pad, from, static_cast<float*>(reach(out, bytes_out, true)));
  return true;
}

}  // namespace stein::detail::sim
