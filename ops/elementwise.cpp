// SPDX-License-Identifier: MIT
// Broadcasting for elementwise kernels. A kernel sees contiguous runs only: the output is cut into blocks of its
// memory order, and an operand that does not lie the same way is first copied into a block-sized buffer.
#include "ops/elementwise.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "tensor/detail/strided.h"
#include "tensor/device_kernel.h"
#include "tensor/thread_pool.h"

namespace stein::detail {
namespace {

constexpr std::int64_t kBlock = 1024;         // elements; at 8 bytes and 3 operands this stays in L1
constexpr std::int64_t kGrain = 32 * kBlock;  // elements a thread takes at once
constexpr int kMaxInputs = 3;

// One operand as seen from the output's memory order.
struct Operand {
  const char* data;
  std::size_t size;  // bytes of an element
  enum { direct, constant, gathered } access;
  detail::Walk<1> walk;
};

template <class U>
void gather_typed(const Operand& o, std::int64_t start, std::int64_t count, U* to) {
  const U* from = reinterpret_cast<const U*>(o.data);
  const auto& w = o.walk;
  std::int64_t index[Dims::kMaxRank], at = 0;
  for (int i = 0; i < w.rank; ++i) {
    const auto a = static_cast<std::size_t>(i);
    index[i] = start % w.size[a];
    start /= w.size[a];
    at += index[i] * w.stride[a][0];
  }
  const auto run = w.size[0], step = w.stride[0][0];
  while (count > 0) {
    const auto n = std::min(count, run - index[0]);
    if (step == 1)
      std::memcpy(to, from + at, static_cast<std::size_t>(n) * sizeof(U));
    else if (step == 0)
      std::fill_n(to, n, from[at]);
    else
      for (std::int64_t i = 0; i < n; ++i) to[i] = from[at + i * step];
    to += n;
    count -= n;
    at -= index[0] * step;
    index[0] = 0;
    for (int i = 1; i < w.rank; ++i) {
      const auto a = static_cast<std::size_t>(i);
      at += w.stride[a][0];
      if (++index[i] < w.size[a]) break;
      at -= w.stride[a][0] * w.size[a];
      index[i] = 0;
    }
  }
}

void gather(const Operand& o, std::int64_t start, std::int64_t count, void* to) {
  if (o.size == 8)
    gather_typed(o, start, count, static_cast<std::uint64_t*>(to));
  else if (o.size == 4)
    gather_typed(o, start, count, static_cast<std::uint32_t*>(to));
  else
    gather_typed(o, start, count, static_cast<std::uint8_t*>(to));
}

template <class F>
F kernel_for(const ElementwiseTraits& traits, const PerDType<F>& k, DType dtype) {
  const F table[] = {k.f32, k.f64, k.i64, k.u8, k.boolean};
  const F kernel = table[static_cast<int>(dtype)];
  if (!kernel) {
    std::string takes;
    for (auto t : {f32, f64, i64, u8, boolean})
      if (table[static_cast<int>(t)]) takes += (takes.empty() ? "" : ", ") + std::string(name_of(t));
    fail(traits.name, "a dtype of " + takes, name_of(dtype), "convert it with to(dtype)");
  }
  return kernel;
}

[[noreturn]] void mixed(const char* name, std::span<const Tensor* const> inputs) {
  Tensors ts;
  for (const auto* t : inputs) ts.push_back(*t);
  const bool alike = std::all_of(ts.begin(), ts.end(), [&](const Tensor& t) { return t.device() == ts[0].device(); });
  fail(name, "operands of one dtype and device", describe(ts),
       alike ? "convert one with to(dtype)" : "move one with to(device)");
}

// Runs of the flat case: every operand lies exactly as the output does.
void run_flat(ElementwiseKernel kernel, const void* op, void* out, std::size_t out_size, const void* const* in,
              const std::size_t* in_size, int inputs, std::int64_t n) {
  if (n <= kGrain) return kernel(op, out, in, n);
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const void* at[kMaxInputs];
    for (int k = 0; k < inputs; ++k)
      at[k] = static_cast<const char*>(in[k]) + begin * static_cast<std::int64_t>(in_size[k]);
    kernel(op, static_cast<char*>(out) + begin * static_cast<std::int64_t>(out_size), at, end - begin);
  });
}

// Strides of `t` broadcast to `shape`: 0 where it is repeated.
Strides broadcast_strides(const Tensor& t, const Shape& shape) {
  Strides s = Dims::filled(shape.rank(), 0);
  for (int i = 1; i <= t.rank(); ++i)
    if (t.size(-i) != 1) s[-i] = t.strides()[-i];
  return s;
}

// Whether both, of one shape, lie alike; axes of size 1 have no say.
bool lie_alike(const Tensor& a, const Tensor& b) {
  for (int i = 0; i < a.rank(); ++i)
    if (a.size(i) != 1 && a.strides()[i] != b.strides()[i]) return false;
  return true;
}

// The layout of an elementwise result: the axes from outermost to innermost. That of a channels-last operand; else the one that all
// operands of the result's shape have in common, when it has no gaps (transposes of one kind); else row-major.
struct Layout {
  int order[Dims::kMaxRank];
  bool row_major = true;

  Layout(const Shape& shape, std::span<const Tensor* const> inputs) {
    const Tensor* like = nullptr;
    bool agree = true;
    for (const auto* t : inputs) {
      if (t->shape() != shape) continue;
      if (!t->is_contiguous() && t->is_channels_last()) {
        like = t;
        agree = true;
        break;
      }
      agree = agree && (!like || lie_alike(*like, *t));
      if (!like) like = t;
    }
    for (int i = 0; i < shape.rank(); ++i) order[i] = i;
    if (!like || !agree || like->is_contiguous()) return;
    const auto stride = [&](int axis) { return shape[axis] == 1 ? 0 : like->strides()[axis]; };
    std::stable_sort(order, order + shape.rank(), [&](int a, int b) { return stride(a) > stride(b); });
    std::int64_t dense = 1;
    row_major = false;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      if (shape[order[i]] == 1) continue;
      if (stride(order[i]) != dense) row_major = true;
      dense *= shape[order[i]];
    }
    if (row_major)
      for (int i = 0; i < shape.rank(); ++i) order[i] = i;
  }
  Strides strides(const Shape& shape) const {
    Strides s = Dims::filled(shape.rank(), 0);
    std::int64_t dense = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      s[order[i]] = dense;
      dense *= shape[order[i]];
    }
    return s;
  }
};

// Whether a tensor of this dtype has an element equal to `value`; floating dtypes round, which is no surprise.
bool holds(DType dtype, double value) {
  if (is_floating(dtype)) return true;
  if (dtype == boolean) return value == 0 || value == 1;
  const double limit = 0x1p63;
  return std::trunc(value) == value && (dtype == u8 ? value >= 0 && value <= 255 : value >= -limit && value < limit);
}

}  // namespace

Tensor number(const char* op, double value, const Tensor& x) {
  if (!holds(x.dtype(), value)) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    fail(op, "a number that " + std::string(name_of(x.dtype())) + " holds exactly", std::string(text, end),
         "convert with x.to(f32)");
  }
  return scalar(value, x.dtype());
}

namespace {

// A number that joins operands of any device.
bool is_number(const Tensor& t) { return t.rank() == 0 && t.device().kind == Device::Kind::cpu; }

// On a device other than the cpu: one launch over the axes that remain when neighbours are merged.
Tensor run_on_device(const ElementwiseTraits& traits, const ElementwiseTable& table, const void* op,
                     std::span<const Tensor* const> inputs, DType dtype, const Device& device) {
  const DeviceElementwise* kernels = device.kind == Device::Kind::sim ? table.sim : table.cuda;
  if (!kernels) no_device_kernel(traits.name, device);
  const auto kernel = kernel_for(traits, *kernels, dtype);
  const int count = static_cast<int>(inputs.size());
  Shape shape;
  for (const auto* t : inputs) shape = broadcast(traits.name, shape, t->shape());
  const Layout layout(shape, inputs);
  const Strides strides = layout.strides(shape);
  Tensor out = empty_strided(shape, strides, traits.predicate ? boolean : dtype, device);
  if (out.numel() == 0) return out;
  ElementwiseArgs args{out.numel(), count, const_cast<void*>(out.raw()), {}, {}, {}, true};
  std::array<Strides, 4> all{strides, {}, {}, {}};
  for (std::size_t k = 0; k < 3; ++k) {
    all[k + 1] = Dims::filled(shape.rank(), 0);
    if (k >= inputs.size()) continue;
    const Tensor& t = *inputs[k];
    if (is_number(t)) {
      std::memcpy(&args.number[k], t.raw(), size_of(t.dtype()));
      continue;
    }
    args.in[k] = t.raw();
    all[k + 1] = broadcast_strides(t, shape);
  }
  const Walk<4> walk(shape, all, layout.order);
  args.map = walk.map();
  for (std::size_t k = 0; k < inputs.size(); ++k)
    args.flat = args.flat && (!args.in[k] || walk.rank == 0 || (walk.rank == 1 && walk.stride[0][k + 1] == 1));
  kernel(op, args);
  return out;
}

}  // namespace

Tensor run_elementwise(const ElementwiseTraits& traits, const ElementwiseTable& table, const void* op,
                       std::span<const Tensor* const> inputs) {
  const int count = static_cast<int>(inputs.size());
  const Tensor& last = *inputs.back();
  const DType dtype = last.dtype();
  Device device = last.device();
  bool flat = true;
  for (int k = 0; k < count; ++k) {
    const Tensor& t = *inputs[static_cast<std::size_t>(k)];
    const DType expected = k == 0 && traits.first_is_bool ? boolean : dtype;
    if (expected != dtype && t.dtype() != expected)
      fail(traits.name, "a bool condition", describe(t), "compare it, for example x > 0");
    if (t.dtype() != expected) mixed(traits.name, inputs);
    if (t.device() != device) {
      if (is_number(last) && device == last.device())
        device = t.device();
      else if (!is_number(t))
        mixed(traits.name, inputs);
    }
    flat = flat && t.is_contiguous() && t.shape() == last.shape();
  }
  if (device.kind != Device::Kind::cpu) {
    for (const auto* t : inputs)
      if (t->device() != device && !is_number(*t)) mixed(traits.name, inputs);
    return run_on_device(traits, table, op, inputs, dtype, device);
  }
  const ElementwiseKernel kernel = kernel_for(traits, *table.cpu.get(), dtype);
  const DType result = traits.predicate ? boolean : dtype;
  const void* data[kMaxInputs];
  std::size_t sizes[kMaxInputs];
  for (int k = 0; k < count; ++k) {
    data[k] = inputs[static_cast<std::size_t>(k)]->raw();
    sizes[k] = size_of(inputs[static_cast<std::size_t>(k)]->dtype());
  }
  if (flat) {
    Tensor out = empty(last.shape(), result, last.device());
    run_flat(kernel, op, const_cast<void*>(out.raw()), size_of(result), data, sizes, count, out.numel());
    return out;
  }

  Shape shape = inputs[0]->shape();
  for (int k = 1; k < count; ++k) shape = broadcast(traits.name, shape, inputs[static_cast<std::size_t>(k)]->shape());
  const Layout layout(shape, inputs);
  Tensor out = layout.row_major ? empty(shape, result, last.device())
                                : empty_strided(shape, layout.strides(shape), result, last.device());
  if (out.numel() == 0) return out;

  std::vector<Operand> operands;
  for (int k = 0; k < count; ++k) {
    const Strides s = broadcast_strides(*inputs[static_cast<std::size_t>(k)], shape);
    Operand o{static_cast<const char*>(data[k]), sizes[k], Operand::gathered, Walk<1>(shape, {s}, layout.order)};
    if (o.walk.rank == 0 || (o.walk.rank == 1 && o.walk.stride[0][0] == 0))
      o.access = Operand::constant;
    else if (o.walk.rank == 1 && o.walk.stride[0][0] == 1)
      o.access = Operand::direct;
    operands.push_back(o);
  }
  auto* to = static_cast<char*>(const_cast<void*>(out.raw()));
  const auto out_size = static_cast<std::int64_t>(size_of(result));
  parallel_for(out.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) char buffer[kMaxInputs][kBlock * 8];
    for (int k = 0; k < count; ++k)
      if (const auto& o = operands[static_cast<std::size_t>(k)]; o.access == Operand::constant) {
        if (o.size == 8)
          std::fill_n(reinterpret_cast<std::uint64_t*>(buffer[k]), kBlock,
                      *reinterpret_cast<const std::uint64_t*>(o.data));
        else if (o.size == 4)
          std::fill_n(reinterpret_cast<std::uint32_t*>(buffer[k]), kBlock,
                      *reinterpret_cast<const std::uint32_t*>(o.data));
        else
          std::fill_n(buffer[k], kBlock, *o.data);
      }
    for (std::int64_t at = begin; at < end; at += kBlock) {
      const auto n = std::min(kBlock, end - at);
      const void* in[kMaxInputs];
      for (int k = 0; k < count; ++k) {
        const auto& o = operands[static_cast<std::size_t>(k)];
        if (o.access == Operand::gathered) gather(o, at, n, buffer[k]);
        in[k] = o.access == Operand::direct ? o.data + at * static_cast<std::int64_t>(o.size) : buffer[k];
      }
      kernel(op, to + at * out_size, in, n);
    }
  });
  return out;
}

bool run_elementwise_onto(const ElementwiseTable& table, const void* op, Tensor& first, const Tensor& second) {
  if (first.device().kind != Device::Kind::cpu || first.shape() != second.shape() || first.dtype() != second.dtype() ||
      !is_floating(first.dtype()) || first.device() != second.device() || !lie_alike(first, second))
    return false;
  const Tensor* const one[] = {&first};
  if (!first.is_contiguous() && Layout(first.shape(), one).row_major) return false;  // gaps
  const std::size_t size = size_of(first.dtype()), sizes[] = {size, size};
  const void* in[] = {first.raw(), second.raw()};
  const ElementwiseKernels& kernels = *table.cpu.get();
  run_flat(first.dtype() == f32 ? kernels.f32 : kernels.f64, op, const_cast<void*>(first.raw()), size, in, sizes, 2,
           first.numel());
  return true;
}

int shared_axis(std::span<const Tensor* const> inputs) {
  bool contiguous = true;
  for (const auto* t : inputs) contiguous = contiguous && t->is_contiguous();
  if (contiguous) return 0;  // nothing is expanded
  int rank = 0;
  for (const auto* t : inputs) rank = std::max(rank, t->rank());
  for (int axis = -1; axis >= -rank; --axis) {
    bool same = true, expanded = false;
    std::int64_t size = 1;
    for (const auto* t : inputs) {
      const auto n = -axis <= t->rank() ? t->size(axis) : 1;
      if (n == 1) continue;
      if (t->strides()[axis] != 0 || (size != 1 && n != size)) same = false;
      size = n;
      expanded = true;
    }
    if (same && expanded && size > 1) return axis;
  }
  return 0;
}

std::int64_t common_size(std::span<const Tensor* const> inputs, int axis) {
  std::int64_t size = 1;
  for (const auto* t : inputs)
    if (-axis <= t->rank() && t->size(axis) != 1) size = t->size(axis);
  return size;
}

Tensor first_slice(const Tensor& t, int axis) {
  if (-axis > t.rank() || t.size(axis) == 1) return t;
  return narrow(t, axis, 0, 1);
}

Tensor expand_axis(const Tensor& t, int axis, std::int64_t size) {
  Shape s = t.shape();
  s[axis] = size;
  return t.expand(s);
}

}  // namespace stein::detail
