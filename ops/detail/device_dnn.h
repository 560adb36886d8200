// SPDX-License-Identifier: MIT
// The seam to cuDNN: convolutions and average pooling as its manual states them, by the library on cuda and by a double on sim,
// which checks every argument and computes with the cpu's kernels. What the library refuses, the own kernels of images_device.h
// do. Maxima stay with those: their derivatives need the index, which the library does not tell.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ops/detail/images_device.h"
#include "tensor/device_math.h"
#include "tensor/dtype.h"

namespace stein::detail {

/// cudnnSetTensor4dDescriptorEx: sizes of images, and strides in elements.
struct DnnImages {
  std::int64_t n, c, h, w, stride_n, stride_c, stride_h, stride_w;
  auto operator<=>(const DnnImages&) const = default;
};

/// cudnnSetFilter4dDescriptor with CUDNN_TENSOR_NHWC: k filters (h, w, c) one after the other.
struct DnnFilter {
  std::int64_t k, c, h, w;
  auto operator<=>(const DnnFilter&) const = default;
};

/// cudnnConvolutionForward, ...BackwardData or ...BackwardFilter with alpha 1 and beta 0, of cross-correlations.
///   forward: a = x, b = w -> out = y;  input: a = dy, b = w -> out = dx;  filter: a = x, b = dy -> out = dw.
struct DnnConv {
  kernels::ConvPart part;
  DType dtype;
  DnnImages x;
  DnnFilter w;
  DnnImages y;
  std::int64_t pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, groups;
  Factors factors;  ///< of f32: CUDNN_FMA_MATH; CUDNN_DEFAULT_MATH; a, b and out CUDNN_DATA_BFLOAT16, the sums f32
  auto operator<=>(const DnnConv&) const = default;
};

/// A way to do it: cudnnConvolutionFwdAlgoPerf_t and its sisters.
struct DnnAlgorithm {
  int number;  ///< cudnnConvolutionFwdAlgo_t, ...BwdDataAlgo_t, ...BwdFilterAlgo_t
  int math;    ///< cudnnMathType_t
  bool deterministic;
  bool direct;             ///< sums products; not by Winograd's or Fourier's transform
  std::int64_t workspace;  ///< bytes
};

/// cudnnPoolingForward or ...Backward with alpha 1 and beta 0, of averages: x -> y, or dy -> dx.
struct DnnPool {
  bool adjoint, count_include_pad;
  DType dtype;
  DnnImages x, y;
  std::int64_t window_h, window_w, pad_h, pad_w, stride_h, stride_w;
};

/// The call for channels-last images and filters.
DnnConv dnn_conv_of(kernels::ConvPart part, DType dtype, const kernels::ConvShape& s);
DnnPool dnn_pool_of(bool adjoint, bool count_include_pad, DType dtype, const kernels::PoolShape& s);

/// The fastest algorithm that this thread's switches allow (tensor/device_math.h, ops/exact_convolution.h), asked for once for
/// each call. Nothing: the library has none.
std::optional<DnnAlgorithm> dnn_algorithm(const Device& device, const DnnConv& call);
/// The same after its workspace has not fitted into memory: the fastest without one, for this call from now on.
std::optional<DnnAlgorithm> dnn_algorithm_without_workspace(const Device& device, const DnnConv& call);

/// The first of `all` that may run, with a workspace of `most` bytes.
std::optional<DnnAlgorithm> dnn_choice(const std::vector<DnnAlgorithm>& all, bool deterministic, bool direct,
                                       std::int64_t most);

/// Returns false, and does nothing, when the library has no way to do it after all. Throws Error, in the name of the op, for what it
/// does not accept.
bool dnn_conv(const Device& device, const DnnConv& call, const DnnAlgorithm& algorithm, const void* a, const void* b,
              void* out, void* workspace, std::int64_t workspace_bytes);

/// Returns false, and does nothing, when the library has no way to do it. Throws Error as above.
bool dnn_pool(const Device& device, const DnnPool& call, const void* in, void* out);

/// The op that makes the call, and the call in words: for errors.
const char* op_of(const DnnConv& call);
const char* op_of(const DnnPool& call);
std::string describe(const DnnConv& call);
std::string describe(const DnnPool& call);

// What a device has to offer; algorithms as the library orders them, the fastest first.
namespace sim {
std::vector<DnnAlgorithm> dnn_algorithms(const DnnConv& call);
bool dnn_conv(const DnnConv& call, const DnnAlgorithm& algorithm, const void* a, const void* b, void* out,
              void* workspace, std::int64_t workspace_bytes);
bool dnn_pool(const DnnPool& call, const void* in, void* out);
/// How often algorithms were asked for, by all threads.
std::int64_t dnn_questions();
}  // namespace sim
namespace cuda {  // in builds with CUDA
std::vector<DnnAlgorithm> dnn_algorithms(const DnnConv& call);
bool dnn_conv(const DnnConv& call, const DnnAlgorithm& algorithm, const void* a, const void* b, void* out,
              void* workspace, std::int64_t workspace_bytes);
bool dnn_pool(const DnnPool& call, const void* in, void* out);
}  // namespace cuda

}  // namespace stein::detail
