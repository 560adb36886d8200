// SPDX-License-Identifier: MIT
// Average pooling and its adjoint; max pooling, which is a gather by the index it saves.
#include "ops/detail/device_dnn.h"
#include "ops/detail/pool_host.h"
#include "ops/images.h"
#include "ops/op.h"
#include "tensor/thread_pool.h"

namespace stein::host {

inline std::int64_t pool_size(std::int64_t in, const Pool2dOptions& p) {
  return (in + 2 * p.padding - p.kernel) / p.stride + 1;
}

inline kernels::PoolShape pool_shape(const Shape& image, const Pool2dOptions& p) {
  return {image[0],
          image[1],
          image[2],
          image[3],
          pool_size(image[2], p),
          pool_size(image[3], p),
          p.kernel,
          p.kernel,
          p.stride,
          p.stride,
          p.padding,
          p.padding,
          1,
          1};
}

inline void check_pool(const char* op, const Tensor& x, std::int64_t h, std::int64_t w, const Pool2dOptions& p) {
  check_images(op, x);
  if (p.kernel < 1 || p.stride < 1 || p.padding < 0 || 2 * p.padding > p.kernel)
    fail(op, "kernel and stride of at least 1, padding from 0 to half the kernel",
         std::to_string(p.kernel) + ", " + std::to_string(p.stride) + ", " + std::to_string(p.padding));
  if (h + 2 * p.padding < p.kernel || w + 2 * p.padding < p.kernel)
    fail(op, "an image at least as large as the kernel", describe(x) + " with kernel " + std::to_string(p.kernel));
}

inline Tensor avg_pool_adjoint(const Tensor& g, std::int64_t height, std::int64_t width, const Pool2dOptions& p);

// Forward from src (N, C, H, W) to dst, or the adjoint the other way.
inline void run_avg_pool(const kernels::PoolShape& s, bool adjoint, bool count_include_pad, const Tensor& source,
                         Tensor& out) {
  if (out.numel() == 0) return;
  const Tensor src = nhwc(source);
  if (out.device() != cpu) {
    const auto call = detail::dnn_pool_of(adjoint, count_include_pad, out.dtype(), s);
    if (detail::dnn_pool(out.device(), call, for_library(src).raw(), const_cast<void*>(out.raw()))) return;
    return kernels::device_pool(out.device())(
        {adjoint ? kernels::DevicePoolArgs::average_adjoint : kernels::DevicePoolArgs::average, out.dtype() == f64,
         count_include_pad, s, src.raw(), const_cast<void*>(out.raw()), nullptr});
  }
  visit_floating("avg_pool2d", out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    avg_pool<T>(s, adjoint, count_include_pad, src.data<T>(), out.mutable_data<T>());
  });
}

struct AvgPool2d {
  static constexpr const char* name = "avg_pool2d";
  static constexpr Kind kind = Kind::linear;
  Pool2dOptions options;
  Tensor forward(const Tensor& x) const {
    const auto s = pool_shape(x.shape(), options);
    Tensor y = empty_channels_last({s.n, s.c, s.ho, s.wo}, x.dtype(), x.device());
    run_avg_pool(s, false, options.count_include_pad, x, y);
    return y;
  }
  Tensor call(const Tensor& x) const { return avg_pool2d(x, options); }
  Tensor vjp0(G g, Like<0> x) const { return avg_pool_adjoint(g, x.shape[2], x.shape[3], options); }
};

struct AvgPool2dAdjoint {
  static constexpr const char* name = "avg_pool2d_adjoint";
  static constexpr Kind kind = Kind::linear;
  Pool2dOptions options;
  std::int64_t height, width;
  Tensor forward(const Tensor& g) const {
    const auto s = pool_shape({g.size(0), g.size(1), height, width}, options);
    Tensor x = empty_channels_last({s.n, s.c, s.h, s.w}, g.dtype(), g.device());
    run_avg_pool(s, true, options.count_include_pad, g, x);
    return x;
  }
  Tensor call(const Tensor& g) const { return avg_pool_adjoint(g, height, width, options); }
  Tensor vjp0(G c) const { return avg_pool2d(c, options); }
};

inline Tensor avg_pool_adjoint(const Tensor& g, std::int64_t height, std::int64_t width, const Pool2dOptions& p) {
  return fold_images(g, [&](const Tensor& t) { return record(AvgPool2dAdjoint{p, height, width}, t); });
}

// Outputs: values, and for each the flat index h * W + w of its maximum.
struct MaxPool2d {
  static constexpr const char* name = "max_pool2d";
  static constexpr Kind kind = Kind::general;
  Pool2dOptions options;
  Tensors forward(const Tensor& image) const {
    const Tensor x = nhwc(image);
    const auto s = pool_shape(x.shape(), options);
    Tensor y = empty_channels_last({s.n, s.c, s.ho, s.wo}, x.dtype(), x.device()),
           index = empty_channels_last({s.n, s.c, s.ho, s.wo}, i64, x.device());
    if (x.device() != cpu) {
      kernels::device_pool(x.device())({kernels::DevicePoolArgs::largest, x.dtype() == f64, false, s, x.raw(),
                                        const_cast<void*>(y.raw()),
                                        static_cast<std::int64_t*>(const_cast<void*>(index.raw()))});
      return {y, index};
    }
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* from = x.data<T>();
      T* to = y.mutable_data<T>();
      auto* at = index.mutable_data<std::int64_t>();
      const auto rows = s.n * s.ho;
      parallel_for(rows, std::max<std::int64_t>(8, rows / 16), [&](std::int64_t b, std::int64_t e) {
        STEIN_KERNEL_OF(T, max_pool)({s, from, to, at, b, e});
      });
    });
    return {y, index};
  }
  Tensor vjp0(G g, Like<0> x, Out<1> index) const {
    const Tensor flat = flatten(index, -2, -1);
    const Tensor gf = flatten(g, -2, -1);
    return reshape(scatter_add(gf, -1, expand(flat, gf.shape()), x.shape[2] * x.shape[3]), g.like(x.shape));
  }
};

}  // namespace stein::host

namespace stein {

Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& p) {
  host::check_pool("avg_pool2d", x, x.rank() < 4 ? 0 : x.size(-2), x.rank() < 4 ? 0 : x.size(-1), p);
  return fold_images(x, [&](const Tensor& t) { return record(host::AvgPool2d{p}, t); });
}

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& p) {
  host::check_pool("max_pool2d", x, x.rank() < 4 ? 0 : x.size(-2), x.rank() < 4 ? 0 : x.size(-1), p);
  return fold_images(x, [&](const Tensor& t) { return record(host::MaxPool2d{p}, t)[0]; });
}

void register_pool(OpRegistry& r) {
  const auto avg = [](const char* label, Shape shape, Pool2dOptions p) {
    return Sample{label, {{shape}}, [p](const Tensors& in) { return Tensors{avg_pool2d(in[0], p)}; }, {}, true};
  };
  r.add({"avg_pool2d",
         "window means",
         Kind::linear,
         {avg("2x2", {2, 3, 4, 5}, {2, 2, 0, true}), avg("5x5 same", {1, 2, 4, 6}, {5, 1, 2, true}),
          avg("without padding", {1, 2, 5, 4}, {3, 2, 1, false})}});
  const auto max = [](const char* label, Shape shape, Pool2dOptions p) {
    InputSpec in{shape};
    in.distinct = true;
    return Sample{label, {in}, [p](const Tensors& x) { return Tensors{max_pool2d(x[0], p)}; }};
  };
  r.add({"max_pool2d",
         "window maxima",
         Kind::general,
         {max("2x2", {1, 2, 4, 4}, {2, 2, 0, true}), max("3x3 padded", {1, 1, 4, 3}, {3, 1, 1, true})}});
}

}  // namespace stein
