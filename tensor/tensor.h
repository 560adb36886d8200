// SPDX-License-Identifier: MIT
// The handle that users hold. Members that record a derivative are declared here and defined in ops/.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "tensor/counted.h"
#include "tensor/detail/small_alloc.h"
#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/index.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace stein {

class Node;
class Tensor;

/// What tensor/ knows of an autograd node: that it is shared.
class GraphNode : public Counted {};

/// The shared descriptor behind a handle: a strided window on a storage, and the node that made it.
struct TensorImpl final : Counted {
  STEIN_SMALL_OBJECT
  Ref<Storage> storage;     ///< the elements, perhaps shared
  std::int64_t offset = 0;  ///< of the first element in the storage, in elements
  std::int64_t numel = 1;   ///< product of the shape
  Shape shape;              ///< logical order of axes
  Strides strides;          ///< in elements
  DType dtype = f32;        ///< of the elements
  Device device;            ///< where the storage is
  bool contiguous = true;   ///< row-major without gaps; axes of size 1 have no say
  Ref<GraphNode> node;      ///< null: a constant
  int output = 0;           ///< which output of `node`
};

/// An n-dimensional array: a cheap value handle over a shared descriptor. Copying a Tensor copies the handle, not the
/// elements; views (slices, permutations, expansions) share their storage. A default-made Tensor is undefined.
/// C++ numbers convert to rank-0 tensors only inside operators, where they take the other operand's dtype.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}  ///< a handle on that descriptor

  /// False for a default-made Tensor, on which all else throws Error.
  bool defined() const { return static_cast<bool>(impl_); }
  const Shape& shape() const { return impl().shape; }  ///< rank entries, none negative
  /// In elements; 0 along an expanded axis.
  const Strides& strides() const { return impl().strides; }
  /// Negative: from the end; throws Error out of range.
  std::int64_t size(int axis) const { return impl().shape[axis]; }
  int rank() const { return impl().shape.rank(); }        ///< number of axes, 0 for a scalar
  std::int64_t numel() const { return impl().numel; }     ///< number of elements
  DType dtype() const { return impl().dtype; }            ///< of the elements
  const Device& device() const { return impl().device; }  ///< of the storage
  /// Row-major without gaps.
  bool is_contiguous() const { return impl().contiguous; }
  /// Rank 4 and stored N, H, W, C without gaps (axes of size 1 have no say).
  bool is_channels_last() const;

  /// First element. T must be the C++ type of dtype(); throws Error otherwise, and for a tensor on a device.
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>());
    return static_cast<const T*>(raw());
  }
  /// The same for writing: raises the storage's version. Throws Error when the tensor is recorded, and when it is expanded:
  /// elements that share memory cannot be written one by one.
  template <class T>
  T* mutable_data() {
    check_type(dtype_of<T>());
    check_writable();
    return static_cast<T*>(const_cast<void*>(raw()));
  }
  /// First element, whatever its type; on a device an address that the host cannot follow.
  const void* raw() const {
    return static_cast<const char*>(impl().storage->data()) +
           impl().offset * static_cast<std::int64_t>(size_of(dtype()));
  }

  /// The value of a tensor with one element, converted to T; waits for a device.
  template <class T = double>
  T item() const {
    check_single();
    if (device() != cpu) return on_cpu().item<T>();
    return visit_dtype(dtype(), [&](auto tag) { return static_cast<T>(*data<typename decltype(tag)::type>()); });
  }
  /// All elements in logical (row-major) order, copied from a device. T must be the C++ type of dtype().
  template <class T>
  std::vector<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>> to_vector() const;

  // ---- autograd ----
  /// True when derivatives flow to this tensor: a leaf marked by requires_grad_() or the result of a recorded op.
  bool requires_grad() const { return defined() && static_cast<bool>(impl_->node); }
  bool is_leaf() const;  ///< marked by requires_grad_(), not computed
  /// Makes a constant a leaf whose derivative can be asked for (or, with false, a leaf a constant again).
  /// Throws Error for integer dtypes and for results of recorded ops. An expanded tensor becomes a copy of its own: other
  /// handles stay constants.
  Tensor& requires_grad_(bool on = true);
  /// What backward() has accumulated for this leaf, detached; undefined before.
  Tensor grad() const;
  /// Replaces what has accumulated, or undefined: forgets it; throws Error unless a leaf that requires a gradient, of this shape and
  /// dtype.
  void set_grad(const Tensor& value);
  /// The same elements without history.
  Tensor detach() const;
  /// Accumulates d(this)/d(leaf) into grad() of every leaf; `cotangent` may be left out for one element. Threads may do
  /// so at once for the same leaves.
  void backward(const Tensor& cotangent = {}) const;

  // ---- in-place writes (never recorded; refused on recorded and on expanded tensors) ----
  /// Elementwise copy with broadcasting; dtypes must agree. Raises the version of this storage. Throws Error for a source
  /// that requires a gradient, unless under NoGrad: its history would be lost.
  Tensor& copy_(const Tensor& source);
  Tensor& fill_(double value);          ///< throws Error for a value that the dtype does not hold
  Tensor& zero_() { return fill_(0); }  ///< all elements 0, or false

  // ---- recorded members, defined in ops/; those that change nothing return this very handle ----
  Tensor clone() const;          ///< a fresh row-major copy
  Tensor contiguous() const;     ///< row-major; itself when it already is
  Tensor channels_last() const;  ///< rank 4, stored N, H, W, C; itself when it already is
  Tensor to(DType dtype) const;  ///< values converted, truncated towards 0 for integers; itself when nothing changes
  /// A copy on a device, or itself when it already is there. Differentiable: the cotangent goes back. Throws Error for a device
  /// that this build or machine has not.
  Tensor to(const Device& device) const;
  Tensor reshape(const Shape& shape) const;                ///< one size may be -1
  Tensor permute(const Axes& axes) const;                  ///< a view with axes in that order
  Tensor transpose(int axis0 = -2, int axis1 = -1) const;  ///< a view with two axes exchanged
  Tensor expand(const Shape& shape) const;                 ///< a view; sizes 1 grow, axes may be added on the left
  Tensor squeeze(int axis) const;                          ///< a view without that axis of size 1
  Tensor unsqueeze(int axis) const;                        ///< a view with an axis of size 1 more, there
  Tensor flatten(int first = 0, int last = -1) const;      ///< axes first ... last as one
  Tensor sum(const Axes& axes = {}, bool keepdim = false) const;   ///< over all axes when none are given
  Tensor mean(const Axes& axes = {}, bool keepdim = false) const;  ///< over all axes when none are given

  /// NumPy-like indexing: x[2], x[-1]; x["1:5, :, ::2"]; x(slice(1, 5), all, -1), x(ellipsis, newaxis).
  Tensor operator[](std::int64_t index) const;
  /// The same from NumPy's text: x["1:5, :, ::2"].
  template <std::size_t N>
  Tensor operator[](const char (&text)[N]) const {
    return at(parse_indices(text));
  }
  /// The same from indices, slices, newaxis and ellipsis.
  template <class... I>
  Tensor operator()(const I&... index) const {
    return at({Index(index)...});
  }
  /// The same from a list; throws Error for too many or out of range.
  Tensor at(const std::vector<Index>& indices) const;

  Tensor operator-() const;  ///< for f32, f64 and i64

  /// The descriptor. Throws Error for an undefined tensor.
  TensorImpl& impl() const {
    if (!impl_) undefined();
    return *impl_;
  }
  const Ref<TensorImpl>& handle() const { return impl_; }  ///< null for an undefined tensor

 private:
  [[noreturn]] static void undefined();
  void check_type(DType asked) const;
  void check_writable();
  void check_single() const;
  Tensor on_cpu() const;  // a copy without history

  Ref<TensorImpl> impl_;
};

using Tensors = std::vector<Tensor>;  ///< a list of them

/// "f32 (2, 3)" (and the device when it is not the cpu), for error messages.
std::string describe(const Tensor& t);
std::string describe(const Tensors& ts);  ///< "f32 (2, 3), i64 (4,)"

// ---- creation ----
/// Uninitialised, row-major.
Tensor empty(const Shape& shape, DType dtype = f32, const Device& device = cpu);
/// Uninitialised, with the given strides (at least 0) and memory from the first to the last element.
Tensor empty_strided(const Shape& shape, const Strides& strides, DType dtype, const Device& device = cpu);
/// Uninitialised rank-4 tensor (N, C, H, W), stored channels-last.
Tensor empty_channels_last(const Shape& shape, DType dtype, const Device& device = cpu);
/// All 0.
Tensor zeros(const Shape& shape, DType dtype = f32, const Device& device = cpu);
/// All 1.
Tensor ones(const Shape& shape, DType dtype = f32, const Device& device = cpu);
/// All `value`, converted to `dtype`.
Tensor full(const Shape& shape, double value, DType dtype = f32, const Device& device = cpu);
Tensor zeros_like(const Tensor& t);  ///< row-major, of the shape, dtype and device of `t`
Tensor ones_like(const Tensor& t);   ///< row-major, of the shape, dtype and device of `t`
Tensor eye(std::int64_t n, DType dtype = f32, const Device& device = cpu);  ///< identity (n, n)
/// start, start + step, ... below stop.
Tensor arange(double start, double stop, double step = 1, DType dtype = f32);
/// Whole numbers give i64, as in NumPy: arange(12), arange(2, 12), arange(2, 12, 3).
template <std::integral I>
Tensor arange(I n) {
  return arange(0, static_cast<double>(n), 1, i64);
}
/// I64, as above.
template <std::integral I, std::integral J, std::integral K = int>
Tensor arange(I start, J stop, K step = 1) {
  return arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), i64);
}
/// `count` equally spaced numbers from first to last, both included.
Tensor linspace(double first, double last, std::int64_t count, DType dtype = f32);
/// A rank-0 tensor.
Tensor scalar(double value, DType dtype = f32);
/// Copies host values given in logical order; their number must be numel(shape).
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape);
/// The same from memory in the layout of `dtype`. Throws Error when a byte of a bool is neither 0 nor 1.
Tensor from_bytes(const void* source, const Shape& shape, DType dtype);
/// tensor({{1, 2}, {3, 4}}) for small literals, f32 unless said otherwise. Throws Error for what the dtype cannot hold.
Tensor tensor(std::initializer_list<double> values, DType dtype = f32);
/// A matrix; rows of one length.
Tensor tensor(std::initializer_list<std::initializer_list<double>> values, DType dtype = f32);

/// A view of the same storage (no history, no bounds given up: throws Error when it would leave the storage).
Tensor as_strided(const Tensor& t, const Shape& shape, const Strides& strides, std::int64_t offset);

/// True when an axis of size > 1 has stride 0. Such a tensor is computed with once and not element by element, which is
/// right for a result (its elements depend on the same things), but not for an independent variable or an in-place write.
bool has_repeated_axis(const Tensor& t);

namespace detail {
/// A fresh row-major copy without history: clone() for code that is not differentiated.
Tensor dense_copy(const Tensor& t);
/// The same elements on a device, without history; channels-last stays so.
Tensor copy_to(const Tensor& t, const Device& device);
/// `t` itself when it is row-major on the cpu, else such a copy without history: for writers of files.
Tensor host_rows(const Tensor& t);
}  // namespace detail

/// True when both have the same shape, dtype and elements (NaN equals NaN).
bool equal(const Tensor& a, const Tensor& b);
/// |a - b| <= atol + rtol |b| everywhere, same shape and dtype.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8);

}  // namespace stein
