// SPDX-License-Identifier: MIT
#include <cudnn.h>

#include <map>
#include <string>

#include "ops/detail/device_dnn.h"
#include "tensor/detail/cuda_runtime.h"
#include "tensor/error.h"

namespace stein::detail::cuda {
namespace {

using kernels::ConvPart;

// The library's own words become an Error in the name of the op. `call` is written out only then.
template <class Call>
void check_dnn(const Call& call, cudnnStatus_t status) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char more[512] = "";
  cudnnGetLastErrorString(more, sizeof more);
  fail(op_of(call), "success of cuDNN", std::string(cudnnGetErrorString(status)) + " for " + describe(call), more);
}
bool refused(cudnnStatus_t status) { return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED; }

// One handle for a host thread and device.
struct Handle {
  cudnnHandle_t h = nullptr;
  ~Handle() {
    if (h) cudnnDestroy(h);
  }
};
thread_local std::map<int, Handle> handles;

template <class Call>
cudnnHandle_t handle(const Call& call) {
  int device = 0;
  check(op_of(call), cudaGetDevice(&device));
  cudnnHandle_t& h = handles[device].h;
  if (!h) check_dnn(call, cudnnCreate(&h));
  check_dnn(call, cudnnSetStream(h, stream()));
  return h;
}

template <class D, cudnnStatus_t (*create)(D*), cudnnStatus_t (*destroy)(D)>
class Descriptor {
 public:
  template <class Call>
  explicit Descriptor(const Call& call) {
    check_dnn(call, create(&d_));
  }
  ~Descriptor() { destroy(d_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator D() const { return d_; }

 private:
  D d_ = nullptr;
};
using Images = Descriptor<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Filter = Descriptor<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using Convolution =
    Descriptor<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor, cudnnDestroyConvolutionDescriptor>;
using Pooling = Descriptor<cudnnPoolingDescriptor_t, cudnnCreatePoolingDescriptor, cudnnDestroyPoolingDescriptor>;

cudnnDataType_t type_of(DType t) { return t == f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT; }
cudnnDataType_t type_of(const DnnConv& c) {
  return c.factors == Factors::bf16 ? CUDNN_DATA_BFLOAT16 : type_of(c.dtype);
}
cudnnMathType_t math_of(Factors f) {
  return f == Factors::f32 ? CUDNN_FMA_MATH : f == Factors::tf32 ? CUDNN_DEFAULT_MATH : CUDNN_TENSOR_OP_MATH;
}
int whole(std::int64_t v) { return static_cast<int>(v); }  // dnn_algorithm and dnn_pool let nothing larger pass

cudnnStatus_t set(const Images& d, cudnnDataType_t type, const DnnImages& t) {
  return cudnnSetTensor4dDescriptorEx(d, type, whole(t.n), whole(t.c), whole(t.h), whole(t.w), whole(t.stride_n),
                                      whole(t.stride_c), whole(t.stride_h), whole(t.stride_w));
}

struct Conv {
  Images x, y;
  Filter w;
  Convolution conv;
  cudnnStatus_t status;  // of all settings

  explicit Conv(const DnnConv& c) : x(c), y(c), w(c), conv(c), status(set_all(c)) {}

 private:
  cudnnStatus_t set_all(const DnnConv& c) const {
    cudnnStatus_t s = set(x, type_of(c), c.x);
    if (s == CUDNN_STATUS_SUCCESS) s = set(y, type_of(c), c.y);
    if (s == CUDNN_STATUS_SUCCESS)
      s = cudnnSetFilter4dDescriptor(w, type_of(c), CUDNN_TENSOR_NHWC, whole(c.w.k), whole(c.w.c), whole(c.w.h),
                                     whole(c.w.w));
    if (s == CUDNN_STATUS_SUCCESS)
      s = cudnnSetConvolution2dDescriptor(conv, whole(c.pad_h), whole(c.pad_w), whole(c.stride_h), whole(c.stride_w),
                                          whole(c.dilation_h), whole(c.dilation_w), CUDNN_CROSS_CORRELATION,
                                          type_of(c.dtype));
    if (s == CUDNN_STATUS_SUCCESS) s = cudnnSetConvolutionGroupCount(conv, whole(c.groups));
    if (s == CUDNN_STATUS_SUCCESS) s = cudnnSetConvolutionMathType(conv, math_of(c.factors));
    return s;
  }
};

bool direct(cudnnConvolutionFwdAlgo_t a) {
  return a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM || a == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ||
         a == CUDNN_CONVOLUTION_FWD_ALGO_GEMM || a == CUDNN_CONVOLUTION_FWD_ALGO_DIRECT;
}
bool direct(cudnnConvolutionBwdDataAlgo_t a) {
  return a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 || a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
}
bool direct(cudnnConvolutionBwdFilterAlgo_t a) {
  return a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 || a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 ||
         a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
}

// What get(most, &count, perf) suggests and size(algorithm, &bytes) confirms, each with the math type that it will run with.
template <class Perf, class Get, class Size>
std::vector<DnnAlgorithm> suggested(const DnnConv& c, const Conv& d, const Get& get, const Size& size) {
  constexpr int most = 16;
  Perf perf[most];
  int count = 0;
  const auto status = get(most, &count, perf);
  if (refused(status)) return {};
  check_dnn(c, status);
  std::vector<DnnAlgorithm> all;
  for (int i = 0; i < count; ++i) {
    if (perf[i].status != CUDNN_STATUS_SUCCESS) continue;
    // A suggestion's math type may be a laxer one than was allowed.
    const auto math = c.factors == Factors::f32 ? CUDNN_FMA_MATH : perf[i].mathType;
    std::size_t bytes = 0;
    check_dnn(c, cudnnSetConvolutionMathType(d.conv, math));
    if (size(perf[i].algo, &bytes) != CUDNN_STATUS_SUCCESS) continue;
    all.push_back({perf[i].algo, math, perf[i].determinism == CUDNN_DETERMINISTIC, direct(perf[i].algo),
                   static_cast<std::int64_t>(bytes)});
  }
  return all;
}

}  // namespace

std::vector<DnnAlgorithm> dnn_algorithms(const DnnConv& c) {
  const auto h = handle(c);
  const Conv d(c);
  if (refused(d.status)) return {};
  check_dnn(c, d.status);
  switch (c.part) {
    case ConvPart::forward:
      return suggested<cudnnConvolutionFwdAlgoPerf_t>(
          c, d, [&](auto... out) { return cudnnGetConvolutionForwardAlgorithm_v7(h, d.x, d.w, d.conv, d.y, out...); },
          [&](auto... algo) { return cudnnGetConvolutionForwardWorkspaceSize(h, d.x, d.w, d.conv, d.y, algo...); });
    case ConvPart::input:
      return suggested<cudnnConvolutionBwdDataAlgoPerf_t>(
          c, d,
          [&](auto... out) { return cudnnGetConvolutionBackwardDataAlgorithm_v7(h, d.w, d.y, d.conv, d.x, out...); },
          [&](auto... algo) {
            return cudnnGetConvolutionBackwardDataWorkspaceSize(h, d.w, d.y, d.conv, d.x, algo...);
          });
    case ConvPart::filter:
      break;
  }
  return suggested<cudnnConvolutionBwdFilterAlgoPerf_t>(
      c, d,
      [&](auto... out) { return cudnnGetConvolutionBackwardFilterAlgorithm_v7(h, d.x, d.y, d.conv, d.w, out...); },
      [&](auto... algo) { return cudnnGetConvolutionBackwardFilterWorkspaceSize(h, d.x, d.y, d.conv, d.w, algo...); });
}

namespace {

// 1 and 0 for alpha and beta, in the type in which the library wants them.
struct Scale {
  float one = 1, zero = 0;
  double one64 = 1, zero64 = 0;
  const void *alpha, *beta;
  explicit Scale(DType t) : alpha(&one), beta(&zero) {
    if (t == f64) alpha = &one64, beta = &zero64;
  }
  Scale(const Scale&) = delete;
};

}  // namespace

bool dnn_conv(const DnnConv& c, const DnnAlgorithm& algorithm, const void* a, const void* b, void* out, void* workspace,
              std::int64_t workspace_bytes) {
  const auto h = handle(c);
  const Conv d(c);
  check_dnn(c, d.status);
  check_dnn(c, cudnnSetConvolutionMathType(d.conv, static_cast<cudnnMathType_t>(algorithm.math)));
  const Scale s(c.dtype);
  const auto bytes = static_cast<std::size_t>(workspace_bytes);
  const auto status = [&] {
    switch (c.part) {
      case ConvPart::forward:
        return cudnnConvolutionForward(h, s.alpha, d.x, a, d.w, b, d.conv,
                                       static_cast<cudnnConvolutionFwdAlgo_t>(algorithm.number), workspace, bytes,
                                       s.beta, d.y, out);
      case ConvPart::input:
        return cudnnConvolutionBackwardData(h, s.alpha, d.w, b, d.y, a, d.conv,
                                            static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm.number), workspace,
                                            bytes, s.beta, d.x, out);
      case ConvPart::filter:
        return cudnnConvolutionBackwardFilter(h, s.alpha, d.x, a, d.y, b, d.conv,
                                              static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm.number), workspace,
                                              bytes, s.beta, d.w, out);
    }
    return CUDNN_STATUS_BAD_PARAM;
  }();
  if (refused(status)) return false;
  check_dnn(c, status);
  return true;
}

bool dnn_pool(const DnnPool& p, const void* in, void* out) {
  const auto h = handle(p);
  const Images x(p), y(p);
  const Pooling pooling(p);
  const Scale s(p.dtype);
  cudnnStatus_t status = set(x, type_of(p.dtype), p.x);
  if (status == CUDNN_STATUS_SUCCESS) status = set(y, type_of(p.dtype), p.y);
  if (status == CUDNN_STATUS_SUCCESS)
    status = cudnnSetPooling2dDescriptor(
        pooling,
        p.count_include_pad ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING,
        CUDNN_PROPAGATE_NAN, whole(p.window_h), whole(p.window_w), whole(p.pad_h), whole(p.pad_w), whole(p.stride_h),
        whole(p.stride_w));
  // The derivative of averages depends on neither y nor x, whose places dy and dx take.
  if (status == CUDNN_STATUS_SUCCESS)
    status = p.adjoint ? cudnnPoolingBackward(h, pooling, s.alpha, y, in, y, in, x, out, s.beta, x, out)
                       : cudnnPoolingForward(h, pooling, s.alpha, x, in, s.beta, y, out);
  if (refused(status)) return false;
  check_dnn(p, status);
  return true;
}

}  // namespace stein::detail::cuda
