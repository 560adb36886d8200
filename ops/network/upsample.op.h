// SPDX-License-Identifier: MIT
#include "ops/detail/images_device.h"
#include "ops/detail/resample_kernels.h"
#include "ops/detail/scratch.h"
#include "ops/images.h"
#include "ops/op.h"
#include "tensor/thread_pool.h"

namespace stein::host {

inline Tensor resample(const Tensor& x, std::int64_t height, std::int64_t width, kernels::ResampleMode mode);
inline Tensor resample_adjoint(const Tensor& g, std::int64_t height, std::int64_t width, kernels::ResampleMode mode);

inline std::vector<kernels::ResampleTap> taps(std::int64_t in, std::int64_t out, kernels::ResampleMode mode) {
  std::vector<kernels::ResampleTap> t(static_cast<std::size_t>(out));
  kernels::resample_taps(in, out, mode, t.data());
  return t;
}

// For each of `in` positions the results that read it, one run: taps move forward only.
inline std::vector<kernels::DeviceResampleArgs::Range> results_of(const std::vector<kernels::ResampleTap>& taps,
                                                                  std::int64_t in) {
  std::vector<kernels::DeviceResampleArgs::Range> r(static_cast<std::size_t>(in), {0, 0});
  for (std::size_t p = 0; p < taps.size(); ++p)
    for (const auto at : {taps[p].first, taps[p].second}) {
      auto& range = r[static_cast<std::size_t>(at)];
      if (range.begin == range.end) range.begin = static_cast<std::int64_t>(p);
      range.end = static_cast<std::int64_t>(p) + 1;
    }
  return r;
}

// From (h, w) to (ho, wo), or the adjoint the other way.
inline Tensor run_resample(const Tensor& image, std::int64_t h, std::int64_t w, std::int64_t ho, std::int64_t wo,
                           kernels::ResampleMode mode, bool adjoint) {
  const Tensor src = nhwc(image);
  const auto n = src.size(0), c = src.size(1);
  Tensor out = empty_channels_last({n, c, adjoint ? h : ho, adjoint ? w : wo}, src.dtype(), src.device());
  if (out.numel() == 0) return out;
  const auto rows = taps(h, ho, mode), cols = taps(w, wo, mode);
  if (src.device() != cpu) {
    const auto put = [&](const auto& table) {
      const auto bytes = static_cast<std::int64_t>(table.size() * sizeof table[0]);
      return detail::copy_to(from_bytes(table.data(), {bytes}, u8), src.device());
    };
    const Tensor r = put(rows), k = put(cols), of_rows = put(results_of(rows, h)), of_cols = put(results_of(cols, w));
    using Range = kernels::DeviceResampleArgs::Range;
    kernels::device_resample(src.device())(
        {src.dtype() == f64, adjoint, n, c, h, w, ho, wo, static_cast<const kernels::ResampleTap*>(r.raw()),
         static_cast<const kernels::ResampleTap*>(k.raw()), static_cast<const Range*>(of_rows.raw()),
         static_cast<const Range*>(of_cols.raw()), src.raw(), const_cast<void*>(out.raw())});
    return out;
  }
  visit_floating("upsample", src.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = src.data<T>();
    T* to = out.mutable_data<T>();
    const auto items = adjoint ? n : n * ho;
    parallel_for(items, adjoint ? 1 : std::max<std::int64_t>(std::max<std::int64_t>(1, 16384 / (wo * c)), items / 16),
                 [&](std::int64_t b, std::int64_t e) {
                   const Scratch scratch(kernels::resample_scratch_bytes()(c, w, sizeof(T)));
                   const kernels::ResampleArgs<T> args{
                       n, c, h, w, ho, wo, rows.data(), cols.data(), from, to, b, e, scratch.data()};
                   if (adjoint)
                     STEIN_KERNEL_OF(T, resample_adjoint)(args);
                   else
                     STEIN_KERNEL_OF(T, resample)(args);
                 });
  });
  return out;
}

struct Resample {
  static constexpr const char* name = "upsample";
  static constexpr Kind kind = Kind::linear;
  std::int64_t height, width;
  kernels::ResampleMode mode;
  Tensor forward(const Tensor& x) const { return run_resample(x, x.size(2), x.size(3), height, width, mode, false); }
  Tensor call(const Tensor& x) const { return resample(x, height, width, mode); }
  Tensor vjp0(G g, Like<0> x) const { return resample_adjoint(g, x.shape[2], x.shape[3], mode); }
};

struct ResampleAdjoint {
  static constexpr const char* name = "upsample_adjoint";
  static constexpr Kind kind = Kind::linear;
  std::int64_t height, width;  // of the small image
  kernels::ResampleMode mode;
  Tensor forward(const Tensor& g) const { return run_resample(g, height, width, g.size(2), g.size(3), mode, true); }
  Tensor call(const Tensor& g) const { return resample_adjoint(g, height, width, mode); }
  Tensor vjp0(G c, Like<0> g) const { return resample(c, g.shape[2], g.shape[3], mode); }
};

inline Tensor resample(const Tensor& x, std::int64_t height, std::int64_t width, kernels::ResampleMode mode) {
  return fold_images(x, [&](const Tensor& t) { return record(Resample{height, width, mode}, t); });
}
inline Tensor resample_adjoint(const Tensor& g, std::int64_t height, std::int64_t width, kernels::ResampleMode mode) {
  return fold_images(g, [&](const Tensor& t) { return record(ResampleAdjoint{height, width, mode}, t); });
}

inline Tensor checked_resample(const char* op, const Tensor& x, std::int64_t height, std::int64_t width,
                               kernels::ResampleMode mode) {
  check_images(op, x);
  if (height < 1 || width < 1 || x.size(-1) < 1 || x.size(-2) < 1)
    fail(op, "sizes of at least 1 x 1", describe(x) + " to " + std::to_string(height) + " x " + std::to_string(width));
  if (x.size(-2) == height && x.size(-1) == width) return x;
  return resample(x, height, width, mode);
}

}  // namespace stein::host

namespace stein {

Tensor upsample_nearest2d(const Tensor& x, std::int64_t height, std::int64_t width) {
  return host::checked_resample("upsample_nearest2d", x, height, width, kernels::ResampleMode::kNearest);
}

Tensor upsample_bilinear2d(const Tensor& x, std::int64_t height, std::int64_t width, bool align_corners) {
  return host::checked_resample(
      "upsample_bilinear2d", x, height, width,
      align_corners ? kernels::ResampleMode::kBilinearAlignCorners : kernels::ResampleMode::kBilinear);
}

void register_upsample(OpRegistry& r) {
  const auto sample = [](const char* label, Shape shape, OpCall call) {
    return Sample{label, {{shape}}, std::move(call), {}, true};
  };
  r.add({"upsample_nearest2d",
         "nearest neighbour",
         Kind::linear,
         {sample("double", {2, 3, 2, 3}, [](const Tensors& in) { return Tensors{upsample_nearest2d(in[0], 4, 6)}; }),
          sample("odd", {1, 2, 3, 2}, [](const Tensors& in) { return Tensors{upsample_nearest2d(in[0], 5, 3)}; })}});
  r.add(
      {"upsample_bilinear2d",
       "bilinear",
       Kind::linear,
       {sample("double", {2, 2, 2, 3}, [](const Tensors& in) { return Tensors{upsample_bilinear2d(in[0], 4, 6)}; }),
        sample("aligned corners", {1, 2, 3, 4},
               [](const Tensors& in) { return Tensors{upsample_bilinear2d(in[0], 6, 7, true)}; }),
        sample("smaller", {1, 1, 5, 4}, [](const Tensors& in) { return Tensors{upsample_bilinear2d(in[0], 2, 3)}; })}});
}

}  // namespace stein
