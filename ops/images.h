// SPDX-License-Identifier: MIT
// What ops on images share: images are logically (N, C, H, W), lie channels-last in memory, and leading batch axes (of
// cotangents or tangents) are folded into N.
#pragma once

#include <cstdint>
#include <string>

#include "ops/detail/kernel_of.h"
#include "ops/ops.h"
#include "tensor/recording.h"
#include "tensor/storage.h"

namespace stein {

/// x stored channels-last, not recorded: for kernels.
inline Tensor nhwc(const Tensor& x) {
  return x.is_channels_last() ? x : empty_channels_last(x.shape(), x.dtype(), x.device()).copy_(x);
}

/// The same as libraries of devices take it: at a multiple of 16 bytes, where a view need not begin.
inline Tensor for_library(const Tensor& x) {
  const Tensor t = nhwc(x);
  return reinterpret_cast<std::uintptr_t>(t.raw()) % 16 == 0
             ? t
             : empty_channels_last(t.shape(), t.dtype(), t.device()).copy_(t);
}

/// Throws Error unless t has at least 4 axes and a floating dtype.
inline void check_images(const char* op, const Tensor& t) {
  if (t.rank() < 4 || !is_floating(t.dtype())) fail(op, "images (N, C, H, W) of dtype f32 or f64", describe(t));
}

namespace detail {

// The leftmost lead axis of images (axes left of the last four) along which every operand that has it is expanded; -1: none.
inline int shared_lead(std::initializer_list<const Tensor*> operands, int rank) {
  for (int axis = rank; axis > 4; --axis) {
    bool shared = true, any = false;
    for (const Tensor* t : operands)
      if (axis <= t->rank() && t->size(-axis) > 1) {
        any = true;
        shared = shared && t->strides()[-axis] == 0;
      }
    if (any && shared) return axis;
  }
  return -1;
}

inline Tensor without_repeats(const Tensor& t, int axis) {
  return axis <= t.rank() && t.size(-axis) > 1 ? narrow(t, -axis, 0, 1) : t;
}

inline Tensor repeat(const Tensor& t, int axis, std::int64_t size) {
  Shape s = t.shape();
  s[-axis] = size;
  return expand(t, s);
}

}  // namespace detail

/// f on images with any number of lead axes; f takes and returns rank 4. Repeated (stride 0) images are computed once.
template <class F>
Tensor fold_images(const Tensor& x, F f) {
  if (x.rank() == 4) return f(x);
  if (const int axis = detail::shared_lead({&x}, x.rank()); axis > 0)
    return detail::repeat(fold_images(detail::without_repeats(x, axis), f), axis, x.size(-axis));
  const Shape outer = x.shape().slice(0, x.rank() - 3);
  const Tensor y = f(reshape(x, Shape{numel(outer)} + x.shape().slice(x.rank() - 3, x.rank())));
  return reshape(y, outer + y.shape().slice(1, 4));
}

/// f(a, b), bilinear, with any number of lead axes on both; f takes and returns rank 4. When only `a` has lead axes and
/// the first axis of both a and the result counts images (`folds`) they become images; otherwise one product an index.
template <class F>
Tensor fold_products(const Tensor& a, const Tensor& b, bool folds, F f) {
  const int rank = std::max(a.rank(), b.rank());
  if (rank == 4) return f(a, b);
  if (const int axis = detail::shared_lead({&a, &b}, rank); axis > 0) {
    const auto size = axis <= a.rank() && a.size(-axis) > 1 ? a.size(-axis) : b.size(-axis);
    return detail::repeat(fold_products(detail::without_repeats(a, axis), detail::without_repeats(b, axis), folds, f),
                          axis, size);
  }
  if (b.rank() == 4 && folds) return fold_images(a, [&](const Tensor& images) { return f(images, b); });
  const auto count = [&](const Tensor& t) { return t.rank() == rank ? t.size(0) : 1; };
  if (count(a) == 0 || count(b) == 0) {  // an empty batch: one product of zeros tells the shape
    const NoGrad guard;
    const auto any = [&](const Tensor& t) {
      return t.rank() < rank ? t : zeros(t.shape().slice(1, rank), t.dtype(), t.device());
    };
    const Tensor one = fold_products(any(a), any(b), folds, f);
    return zeros(Shape{0} + one.shape(), one.dtype(), one.device());
  }
  const auto n = std::max(count(a), count(b));
  const auto pick = [&](const Tensor& t, std::int64_t i) { return t.rank() < rank ? t : t[t.size(0) == 1 ? 0 : i]; };
  Tensors parts;
  for (std::int64_t i = 0; i < n; ++i) parts.push_back(fold_products(pick(a, i), pick(b, i), folds, f));
  return stack(parts, 0);
}

}  // namespace stein
