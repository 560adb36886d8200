// SPDX-License-Identifier: MIT
// The same elements in another memory layout, dtype or on another device.
#include "ops/detail/axis_device.h"
#include "ops/op.h"
#include "tensor/detail/strided.h"

namespace stein::host {

struct Clone {
  static constexpr const char* name = "clone";
  static constexpr Kind kind = Kind::linear;
  Tensor forward(const Tensor& x) const { return detail::dense_copy(x); }
  Tensor vjp0(G g) const { return g; }
};

struct ToLayout {
  static constexpr const char* name = "to_layout";
  static constexpr Kind kind = Kind::linear;
  bool channels_last;
  Tensor forward(const Tensor& x) const {
    if (!channels_last || x.rank() != 4) return detail::dense_copy(x);  // a batched cotangent keeps row-major order
    Tensor out = empty_channels_last(x.shape(), x.dtype(), x.device());
    return out.copy_(x);
  }
  Tensor vjp0(G g) const { return g; }
};

struct ToDevice {
  static constexpr const char* name = "to_device";
  static constexpr Kind kind = Kind::linear;
  Device to;
  Tensor forward(const Tensor& x) const { return detail::copy_to(x, to); }
  Tensor vjp0(G g, Like<0> x) const { return g.to(x.device); }
};

struct Cast {
  static constexpr const char* name = "cast";
  static constexpr Kind kind = Kind::linear;
  DType to;
  Tensor forward(const Tensor& x) const {
    const Tensor source = x.is_contiguous() || x.is_channels_last() ? x : detail::dense_copy(x);
    Tensor out = empty_strided(x.shape(), source.strides(), to, x.device());
    if (x.device() != cpu) {
      kernels::device_cast(x.device())({x.dtype(), to, x.numel(), source.raw(), const_cast<void*>(out.raw())});
      return out;
    }
    visit_dtype(x.dtype(), [&](auto from_tag) {
      visit_dtype(to, [&](auto to_tag) {
        const auto* p = static_cast<const typename decltype(from_tag)::type*>(source.raw());
        auto* q = static_cast<typename decltype(to_tag)::type*>(const_cast<void*>(out.raw()));
        for (std::int64_t i = 0; i < x.numel(); ++i) q[i] = static_cast<typename decltype(to_tag)::type>(p[i]);
      });
    });
    return out;
  }
  Tensor vjp0(G g, Like<0> x) const { return cast(g, x.dtype); }
};

}  // namespace stein::host

namespace stein {

Tensor Tensor::clone() const { return record(host::Clone{}, *this); }

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? x : record(host::ToLayout{false}, x); }
Tensor Tensor::contiguous() const { return stein::contiguous(*this); }

Tensor channels_last(const Tensor& x) {
  if (x.rank() != 4) fail("channels_last", "rank 4 (N, C, H, W)", describe(x));
  return x.is_channels_last() ? x : record(host::ToLayout{true}, x);
}
Tensor Tensor::channels_last() const { return stein::channels_last(*this); }

Tensor cast(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : record(host::Cast{dtype}, x); }
Tensor Tensor::to(DType dtype) const { return cast(*this, dtype); }

Tensor Tensor::to(const Device& device) const {
  return device == this->device() ? *this : record(host::ToDevice{device}, *this);
}

void register_copies(OpRegistry& r) {
  r.add({"clone",
         "a fresh row-major copy",
         Kind::linear,
         {{"transposed", {{{2, 3}}}, [](const Tensors& in) { return Tensors{transpose(in[0]).clone()}; }, {}, true}}});
  r.add({"contiguous",
         "row-major copy",
         Kind::linear,
         {{"transposed",
           {{{2, 3}}},
           [](const Tensors& in) { return Tensors{contiguous(transpose(in[0]))}; },
           {},
           true}}});
  r.add({"channels_last",
         "copy stored N, H, W, C",
         Kind::linear,
         {{"images", {{{2, 3, 2, 2}}}, [](const Tensors& in) { return Tensors{channels_last(in[0])}; }, {}, true}}});
  r.add({"cast",
         "the same values in another dtype",
         Kind::linear,
         {{"f64", {{{2, 3}}}, [](const Tensors& in) { return Tensors{cast(in[0], f64)}; }, {}, true},
          {"from i64", {{{4}, -5, 5, {}, i64}}, [](const Tensors& in) { return Tensors{cast(in[0], f64)}; }}}});
}

}  // namespace stein
