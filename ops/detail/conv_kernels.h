// SPDX-License-Identifier: MIT
// Convolution kernels on raw channels-last memory; the op layer owns shapes, threads and buffers.
//
// Images are (n, h, w, c) contiguous; a filter is read through the four strides of its logical axes (o, c/groups, kh, kw).
// The closed trio is
//   forward  y[n,p,o]    = bias[o] + sum_{c,k} x[n, p*stride - pad + k*dilation, c] w[o,c,k]
//   input    gx[n,q,c]   = sum_{o,k}           g[n, (q + pad - k*dilation) / stride, o] w[o,c,k]   (exact quotients only)
//   filter   gw[o,c,k]   = sum_{n,p}           x[n, p*stride - pad + k*dilation, c] g[n,p,o]
// How to call forward and input:   conv_plan -> conv_pack on ranges of pack items -> conv_run on item ranges, any split, one scratch per thread.
// How to call filter:              conv_filter_plan -> conv_filter_run on chunk ranges -> conv_filter_finish on ranges of finish items.
// Every result element is computed by one item, or is the sum of the chunks in their order, and items and chunks depend on the
// shape alone: results are bit-equal for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/simd.h"

namespace stein::kernels {

/// A 2-D convolution: x is (n, h, w, c), w is (o, c / groups, kh, kw), y is (n, ho, wo, o).
/// ho and wo are given and not derived, since the input gradient cannot derive h and w; reads outside an image give 0.
struct ConvShape {
  int64_t n, c, h, w, o, ho, wo, kh, kw;
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
};

/// Whether the winograd kernels can do this convolution: 3x3, stride 1, one group; any padding, any dilation.
inline bool winograd_applies(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.groups == 1;
}

enum class ConvPass : int { kForward, kInput };

struct ConvPlan {
  int64_t items;         ///< of work: a band of an image's rows, or tiles of any images; ranges may be run concurrently
  int64_t pack_items;    ///< of conv_pack, likewise
  int64_t packed_bytes;  ///< for conv_pack, 64-byte aligned
  int64_t scratch_bytes;  ///< per concurrent call of conv_run, 64-byte aligned, contents undefined before and after
};

struct ConvFilterPlan {
  int64_t chunks;         ///< work items
  int64_t finish_items;   ///< of conv_filter_finish; ranges may be run concurrently
  int64_t partial_bytes;  ///< for all chunks together, 64-byte aligned
  int64_t scratch_bytes;  ///< per concurrent call of conv_filter_run, 64-byte aligned
};

/// Reads the filter through strides counted in elements.
template <class T>
struct ConvPackArgs {
  ConvShape shape;
  ConvPass pass;
  const T* filter;
  int64_t stride_o, stride_c, stride_kh, stride_kw;
  void* packed;
  int64_t begin, end;  ///< pack items
};

template <class T>
struct ConvRunArgs {
  ConvShape shape;
  ConvPass pass;
  const T* src;        ///< x for kForward, g for kInput
  const void* packed;  ///< from conv_pack of the same shape, pass and level
  const T* bias;       ///< null, or one value per destination channel
  T* dst;              ///< y for kForward, gx for kInput; every element is written
  int64_t begin, end;  ///< items
  void* scratch;
};

template <class T>
struct ConvFilterArgs {
  ConvShape shape;
  const T* x;
  const T* g;
  void* partial;       ///< the whole buffer; chunk i writes its own part
  int64_t begin, end;  ///< chunks
  void* scratch;
};

template <class T>
struct ConvFilterFinishArgs {
  ConvShape shape;
  const void* partial;
  T* filter;  ///< gw; every element is written by one item
  int64_t stride_o, stride_c, stride_kh, stride_kw;
  int64_t begin, end;  ///< finish items
};

}  // namespace stein::kernels

STEIN_SIMD_KERNEL(conv_plan_f32, void(const ConvShape& shape, ConvPass pass, ConvPlan& plan))
STEIN_SIMD_KERNEL(conv_plan_f64, void(const ConvShape& shape, ConvPass pass, ConvPlan& plan))
STEIN_SIMD_KERNEL(conv_pack_f32, void(const ConvPackArgs<float>& args))
STEIN_SIMD_KERNEL(conv_pack_f64, void(const ConvPackArgs<double>& args))
STEIN_SIMD_KERNEL(conv_run_f32, void(const ConvRunArgs<float>& args))
STEIN_SIMD_KERNEL(conv_run_f64, void(const ConvRunArgs<double>& args))
STEIN_SIMD_KERNEL(conv_filter_plan_f32, void(const ConvShape& shape, ConvFilterPlan& plan))
STEIN_SIMD_KERNEL(conv_filter_plan_f64, void(const ConvShape& shape, ConvFilterPlan& plan))
STEIN_SIMD_KERNEL(conv_filter_run_f32, void(const ConvFilterArgs<float>& args))
STEIN_SIMD_KERNEL(conv_filter_run_f64, void(const ConvFilterArgs<double>& args))
STEIN_SIMD_KERNEL(conv_filter_finish_f32, void(const ConvFilterFinishArgs<float>& args))
STEIN_SIMD_KERNEL(conv_filter_finish_f64, void(const ConvFilterFinishArgs<double>& args))

// The same for f32 by Winograd's F(4x4, 3x3), with tiles of 3 or 2 rows or columns at the ends of images, where winograd_applies: from
// a quarter of the products, about twice the rounding error.
// Called like the direct kernels, with buffers and filters packed for themselves.
STEIN_SIMD_KERNEL(winograd_plan_f32, void(const ConvShape& shape, ConvPass pass, ConvPlan& plan))
STEIN_SIMD_KERNEL(winograd_pack_f32, void(const ConvPackArgs<float>& args))
STEIN_SIMD_KERNEL(winograd_run_f32, void(const ConvRunArgs<float>& args))
STEIN_SIMD_KERNEL(winograd_filter_plan_f32, void(const ConvShape& shape, ConvFilterPlan& plan))
STEIN_SIMD_KERNEL(winograd_filter_run_f32, void(const ConvFilterArgs<float>& args))
STEIN_SIMD_KERNEL(winograd_filter_finish_f32, void(const ConvFilterFinishArgs<float>& args))
