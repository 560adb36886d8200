// SPDX-License-Identifier: MIT
#include "tensor/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tensor/detail/device_memory.h"
#include "tensor/detail/index_fault.h"
#include "tensor/detail/input_file.h"
#include "tensor/detail/strided.h"
#include "tensor/detail/strided_device.h"
#include "tensor/recording.h"

namespace stein {
namespace {

bool dense(const Shape& shape, const Strides& strides) {
  std::int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

Ref<TensorImpl> describe_storage(Ref<Storage> storage, const Shape& shape, const Strides& strides, std::int64_t offset,
                                 DType dtype, const Device& device) {
  auto impl = make_ref<TensorImpl>();
  impl->storage = std::move(storage);
  impl->offset = offset;
  impl->shape = shape;
  impl->strides = strides;
  impl->numel = numel(shape);
  impl->dtype = dtype;
  impl->device = device;
  impl->contiguous = impl->numel == 0 || dense(shape, strides);
  return impl;
}

// The lowest and the highest position of an element when the first one of `shape` stands at `offset`.
std::pair<std::int64_t, std::int64_t> reach(const char* op, const Shape& shape, const Strides& strides,
                                            std::int64_t offset = 0) {
  if (shape.rank() != strides.rank())
    fail(op, "one stride per axis", to_string(shape) + " with strides " + to_string(strides));
  std::int64_t lowest = offset, highest = offset;
  for (int i = 0; i < shape.rank(); ++i) {
    std::int64_t step = 0;
    bool overflow = __builtin_mul_overflow(std::max<std::int64_t>(shape[i], 1) - 1, strides[i], &step);
    auto& end = step < 0 ? lowest : highest;
    overflow = __builtin_add_overflow(end, step, &end) || overflow;
    if (overflow) fail(op, "a view inside its storage", to_string(shape) + " with strides " + to_string(strides));
  }
  return {lowest, highest};
}

std::int64_t bytes_for(const Shape& shape, DType dtype) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(numel(shape), static_cast<std::int64_t>(size_of(dtype)), &bytes))
    fail("empty", "fewer than 2^63 bytes", std::string(name_of(dtype)) + " " + to_string(shape));
  return bytes;
}

// value as a T; throws Error in the name of `op` when an integer type cannot hold it (fractions are cut off).
template <class T>
T checked_cast(const char* op, double value) {
  if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int64_t>) {
    const double whole = std::trunc(value);
    const bool fits = std::is_same_v<T, std::uint8_t> ? whole >= 0 && whole <= 255 : whole >= -0x1p63 && whole < 0x1p63;
    if (!fits) fail(op, "a value that " + std::string(name_of(dtype_of<T>())) + " can hold", std::to_string(value));
  }
  return static_cast<T>(value);
}

template <class T>
void fill_typed(Tensor& t, T value) {
  auto& impl = t.impl();
  if (impl.device.kind != Device::Kind::cpu) {
    kernels::StridedFillArgs args{sizeof(T), impl.numel, detail::Walk<1>(impl.shape, {impl.strides}).map(),
                                  const_cast<void*>(t.raw()), 0};
    std::memcpy(&args.value, &value, sizeof value);
    return kernels::strided_fill(impl.device)(args);
  }
  T* p = static_cast<T*>(const_cast<void*>(t.raw()));
  detail::Walk<1>(impl.shape, {impl.strides}).runs([&](std::int64_t n, auto at, auto st) {
    if (st[0] == 1)
      std::fill_n(p + at[0], n, value);
    else
      for (std::int64_t i = 0; i < n; ++i) p[at[0] + i * st[0]] = value;
  });
}

}  // namespace

void Tensor::undefined() { fail("tensor", "a defined tensor", "an empty handle", "it was default-made or moved from"); }

bool Tensor::is_channels_last() const {
  const auto& s = impl().shape;
  if (s.rank() != 4) return false;
  const auto& t = impl().strides;
  return impl().numel == 0 || dense({s[0], s[2], s[3], s[1]}, {t[0], t[2], t[3], t[1]});
}

void Tensor::check_type(DType asked) const {
  if (asked != dtype())
    fail("data", "the tensor's own type " + std::string(name_of(dtype())), name_of(asked),
         "convert it first with to(dtype)");
  if (device().kind != Device::Kind::cpu)
    fail("data", "a tensor on the cpu", describe(*this), "copy it first with to(stein::cpu)");
}

void Tensor::check_writable() {
  auto& i = impl();
  if (i.node && (detail::recording || !is_leaf()))
    fail("in-place write", "a tensor outside the recorded graph",
         describe(*this) + (is_leaf() ? ", a leaf" : ", the result of an op"),
         "a leaf is written under NoGrad; of a result write a clone()");
  if (has_repeated_axis(*this))
    fail("in-place write", "elements with memory of their own", describe(*this) + " with a repeated (expanded) axis",
         "write to what was expanded, or to a clone()");
  i.storage->bump_version();
}

Tensor Tensor::on_cpu() const { return detail::copy_to(*this, cpu); }

void Tensor::check_single() const {
  if (numel() != 1) fail("item", "a tensor with one element", describe(*this));
}

template <class T>
std::vector<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>> Tensor::to_vector() const {
  if (device() != cpu) return detail::copy_to(*this, cpu).to_vector<T>();
  const T* source = data<T>();
  std::vector<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>> r(static_cast<std::size_t>(numel()));
  detail::copy_strided(r.data(), row_major(shape()), source, strides(), shape(), sizeof(T));
  return r;
}
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<std::int64_t> Tensor::to_vector<std::int64_t>() const;
template std::vector<std::uint8_t> Tensor::to_vector<std::uint8_t>() const;
template std::vector<std::uint8_t> Tensor::to_vector<bool>() const;

Tensor Tensor::detach() const {
  auto copy = make_ref<TensorImpl>(impl());
  copy->node = nullptr;
  copy->output = 0;
  return Tensor(copy);
}

Tensor detail::dense_copy(const Tensor& t) {
  Tensor r = empty(t.shape(), t.dtype(), t.device());
  copy_strided(const_cast<void*>(r.raw()), r.strides(), t.raw(), t.strides(), t.shape(), size_of(t.dtype()),
               t.device());
  return r;
}

Tensor detail::host_rows(const Tensor& t) {
  const Tensor here = t.device() == cpu ? t : copy_to(t, cpu);
  return here.is_contiguous() ? here : dense_copy(here);
}

Tensor detail::copy_to(const Tensor& t, const Device& device) {
  if (t.device() == device) return dense_copy(t);
  if (t.device() != cpu && device != cpu) return copy_to(copy_to(t, cpu), device);
  const Tensor from = t.is_contiguous() || t.is_channels_last() ? t : dense_copy(t);
  Tensor r = empty_strided(t.shape(), from.strides(), t.dtype(), device);
  const auto bytes = t.numel() * static_cast<std::int64_t>(size_of(t.dtype()));
  void* to = const_cast<void*>(r.raw());
  if (device == cpu)
    download_checked(t.device(), to, from.raw(), bytes);
  else
    device_memory(device).upload(to, from.raw(), bytes);
  return r;
}

Tensor& Tensor::copy_(const Tensor& source) {
  if (source.dtype() != dtype()) fail("copy_", "a source of dtype " + std::string(name_of(dtype())), describe(source));
  if (broadcast("copy_", shape(), source.shape()) != shape())
    fail("copy_", "a source that broadcasts to " + to_string(shape()), to_string(source.shape()));
  if (source.requires_grad() && is_recording())
    fail("copy_", "a source without history", describe(source) + ", which requires a gradient",
         "copies in place are not recorded: detach() the source, or use it itself in place of the copy");
  check_writable();
  const bool overlaps = source.impl().storage == impl().storage;
  const Tensor from = source.device() != device() ? detail::copy_to(source, device())
                      : overlaps                  ? detail::dense_copy(source)
                                                  : source;
  Strides s = Dims::filled(rank(), 0);
  for (int i = 1; i <= from.rank(); ++i) s[-i] = from.size(-i) == 1 ? 0 : from.strides()[-i];
  detail::copy_strided(const_cast<void*>(raw()), strides(), from.raw(), s, shape(), size_of(dtype()), device());
  return *this;
}

Tensor& Tensor::fill_(double value) {
  visit_dtype(dtype(), [&](auto tag) {
    const auto element = checked_cast<typename decltype(tag)::type>("fill_", value);
    check_writable();
    fill_typed(*this, element);
  });
  return *this;
}

std::string describe(const Tensor& t) {
  if (!t.defined()) return "an undefined tensor";
  std::string s = std::string(name_of(t.dtype())) + " " + to_string(t.shape());
  if (t.device() != cpu) s += " on " + to_string(t.device());
  return s;
}

std::string describe(const Tensors& ts) {
  std::string s;
  for (std::size_t i = 0; i < ts.size(); ++i) s += (i ? (i + 1 == ts.size() ? " and " : ", ") : "") + describe(ts[i]);
  return ts.empty() ? "no tensors" : s;
}

// Every op's result is made here: one pass over the shape.
Tensor empty(const Shape& shape, DType dtype, const Device& device) {
  auto impl = make_ref<TensorImpl>();
  impl->storage = make_ref<Storage>(bytes_for(shape, dtype), device);
  impl->shape = shape;
  impl->strides = row_major(shape);
  impl->numel = impl->storage->bytes() / static_cast<std::int64_t>(size_of(dtype));
  impl->dtype = dtype;
  impl->device = device;
  return Tensor(std::move(impl));
}

Tensor empty_strided(const Shape& shape, const Strides& strides, DType dtype, const Device& device) {
  const auto [lowest, highest] = reach("empty_strided", shape, strides);
  const auto end = numel(shape) ? highest + 1 : 0;  // the strides of an empty tensor mean nothing
  if (end && lowest < 0) fail("empty_strided", "strides of at least 0", to_string(strides));
  return Tensor(describe_storage(make_ref<Storage>(bytes_for({end}, dtype), device), shape, strides, 0, dtype, device));
}

Tensor empty_channels_last(const Shape& s, DType dtype, const Device& device) {
  if (s.rank() != 4) fail("empty_channels_last", "a shape (N, C, H, W)", to_string(s));
  numel(s);
  return empty_strided(s, {s[1] * s[2] * s[3], 1, s[3] * s[1], s[1]}, dtype, device);
}

Tensor full(const Shape& shape, double value, DType dtype, const Device& device) {
  return empty(shape, dtype, device).fill_(value);
}
Tensor zeros(const Shape& shape, DType dtype, const Device& device) { return full(shape, 0, dtype, device); }
Tensor ones(const Shape& shape, DType dtype, const Device& device) { return full(shape, 1, dtype, device); }
Tensor zeros_like(const Tensor& t) { return zeros(t.shape(), t.dtype(), t.device()); }
Tensor ones_like(const Tensor& t) { return ones(t.shape(), t.dtype(), t.device()); }
Tensor scalar(double value, DType dtype) { return full({}, value, dtype); }

Tensor eye(std::int64_t n, DType dtype, const Device& device) {
  Tensor r = zeros({n, n}, dtype, device);
  as_strided(r, {n}, {n + 1}, 0).fill_(1);
  return r;
}

Tensor arange(double start, double stop, double step, DType dtype) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step))
    fail("arange", "finite bounds and a step that is not 0",
         std::to_string(start) + ", " + std::to_string(stop) + ", " + std::to_string(step));
  const double count = std::ceil((stop - start) / step);
  if (!(count < 0x1p53)) fail("arange", "fewer than 2^53 elements", std::to_string(count));
  const auto n = count > 0 ? static_cast<std::int64_t>(count) : 0;
  Tensor r = empty({n}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = r.mutable_data<T>();
    for (std::int64_t i = 0; i < n; ++i) p[i] = checked_cast<T>("arange", start + static_cast<double>(i) * step);
  });
  return r;
}

Tensor linspace(double first, double last, std::int64_t count, DType dtype) {
  if (count < 0) fail("linspace", "a count of at least 0", std::to_string(count));
  Tensor r = empty({count}, dtype);
  visit_floating("linspace", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = r.mutable_data<T>();
    for (std::int64_t i = 0; i < count; ++i)
      p[i] = static_cast<T>(i + 1 == count && count > 1
                                ? last
                                : first + (last - first) * static_cast<double>(i) /
                                              static_cast<double>(std::max<std::int64_t>(count - 1, 1)));
  });
  return r;
}

Tensor from_bytes(const void* source, const Shape& shape, DType dtype) {
  Tensor r = empty(shape, dtype);
  if (dtype == boolean)
    if (const auto i = detail::first_bad_bool(source, r.numel()); i >= 0)
      fail("from_bytes", "0 or 1 in every byte of a bool", "another value at element " + std::to_string(i));
  if (r.numel()) std::memcpy(const_cast<void*>(r.raw()), source, static_cast<std::size_t>(bytes_for(shape, dtype)));
  return r;
}

template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape) {
  if (static_cast<std::int64_t>(values.size()) != numel(shape))
    fail("from_vector", std::to_string(numel(shape)) + " values for shape " + to_string(shape),
         std::to_string(values.size()));
  return from_bytes(values.data(), shape, dtype_of<T>());
}
template Tensor from_vector(const std::vector<float>&, const Shape&);
template Tensor from_vector(const std::vector<double>&, const Shape&);
template Tensor from_vector(const std::vector<std::int64_t>&, const Shape&);
template Tensor from_vector(const std::vector<std::uint8_t>&, const Shape&);

Tensor tensor(std::initializer_list<double> values, DType dtype) {
  Tensor r = empty({static_cast<std::int64_t>(values.size())}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::transform(values.begin(), values.end(), r.mutable_data<T>(),
                   [](double v) { return checked_cast<T>("tensor", v); });
  });
  return r;
}

Tensor tensor(std::initializer_list<std::initializer_list<double>> values, DType dtype) {
  const auto columns = values.size() ? values.begin()->size() : 0;
  Tensor r = empty({static_cast<std::int64_t>(values.size()), static_cast<std::int64_t>(columns)}, dtype);
  for (const auto& row : values)
    if (row.size() != columns)
      fail("tensor", "rows of equal length",
           "rows of " + std::to_string(columns) + " and " + std::to_string(row.size()));
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = r.mutable_data<T>();
    for (const auto& row : values)
      p = std::transform(row.begin(), row.end(), p, [](double v) { return checked_cast<T>("tensor", v); });
  });
  return r;
}

Tensor as_strided(const Tensor& t, const Shape& shape, const Strides& strides, std::int64_t offset) {
  const auto [lowest, highest] = reach("as_strided", shape, strides, offset);
  const auto capacity = t.impl().storage->bytes() / static_cast<std::int64_t>(size_of(t.dtype()));
  if (numel(shape) > 0 && (lowest < 0 || highest >= capacity))
    fail("as_strided", "a view inside its storage of " + std::to_string(capacity) + " elements",
         "elements " + std::to_string(lowest) + " to " + std::to_string(highest));
  return Tensor(describe_storage(t.impl().storage, shape, strides, offset, t.dtype(), t.device()));
}

bool has_repeated_axis(const Tensor& t) {
  if (t.is_contiguous()) return false;
  for (int i = 0; i < t.rank(); ++i)
    if (t.size(i) > 1 && t.strides()[i] == 0) return true;
  return false;
}

bool equal(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  return visit_dtype(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto x = a.to_vector<T>(), y = b.to_vector<T>();
    return std::equal(x.begin(), x.end(), y.begin(), [](auto p, auto q) { return p == q || (p != p && q != q); });
  });
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  return visit_dtype(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto x = a.to_vector<T>(), y = b.to_vector<T>();
    return std::equal(x.begin(), x.end(), y.begin(), [&](auto p, auto q) {
      const double u = static_cast<double>(p), v = static_cast<double>(q);
      return u == v || (std::isfinite(v) && std::abs(u - v) <= atol + rtol * std::abs(v));
    });
  });
}

}  // namespace stein
