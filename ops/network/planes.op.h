// SPDX-License-Identifier: MIT
// plane_sums and plane_affine: closed under differentiation.
#include "ops/detail/plane_device.h"
#include "ops/detail/plane_kernels.h"
#include "ops/detail/planes_host.h"
#include "ops/detail/scratch.h"
#include "ops/images.h"
#include "ops/op.h"
#include "ops/planes.h"

namespace stein::host {

struct PlaneSums {
  static constexpr const char* name = "plane_sums";
  static constexpr Kind kind = Kind::fused;

  Tensors forward(const Tensor& image_x, const Tensor& image_y, const Tensor& middle) const {
    const Tensor x = nhwc(image_x), y = nhwc(image_y), center = middle.contiguous();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor sum_x = empty({n, c}, x.dtype(), x.device()), sum_xy = empty({n, c}, x.dtype(), x.device());
    if (x.device() != cpu) {
      kernels::device_plane_sums(x.device())({x.dtype() == f64, n, pixels, c, x.raw(), nullptr, y.raw(), center.raw(),
                                              const_cast<void*>(sum_x.raw()), const_cast<void*>(sum_xy.raw())});
      return {sum_x, sum_xy};
    }
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *px = x.data<T>(), *py = y.data<T>(), *pc = center.data<T>();
      T *s = sum_x.mutable_data<T>(), *sy = sum_xy.mutable_data<T>();
      each_image(n, c * pixels, [&](std::int64_t b, std::int64_t e) {
        const Scratch scratch(kernels::plane_scratch_bytes()(c, sizeof(T)));
        STEIN_KERNEL_OF(T, plane_sums)({n, pixels, c, px, py, pc, s, sy, b, e, scratch.data()});
      });
    });
    return {sum_x, sum_xy};
  }
  Tensors composite(std::span<const Tensor> in) const {
    return {sum(in[0], {-1, -2}), sum(in[0] * (in[1] - planes(in[2])), {-1, -2})};
  }
  // s = sum x, t = sum x (y - center).
  Tensors vjp_all(Wanted wanted, Cot<0> gs, Cot<1> gt, In<0> x, In<1> y, In<2> center, Out<0> s) const {
    Tensors r(3);
    if (wanted(0)) r[0] = plane_affine(y, zeros_like(s), y, gt, center, gs);
    if (wanted(1)) r[1] = planes(gt) * x;
    if (wanted(2)) r[2] = -(gt * s);
    return r;
  }
};

struct PlaneAffine {
  static constexpr const char* name = "plane_affine";
  static constexpr Kind kind = Kind::fused;

  Tensor forward(const Tensors& in) const {
    const Tensor x = nhwc(in[0]), y = nhwc(in[2]);
    const Tensor a = in[1].contiguous(), b = in[3].contiguous(), center = in[4].contiguous(),
                 offset = in[5].contiguous();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor out = empty_channels_last(x.shape(), x.dtype(), x.device());
    if (x.device() != cpu) {
      kernels::device_plane_affine(x.device())({x.dtype() == f64, n, pixels, c, x.raw(), nullptr, a.raw(), y.raw(),
                                                b.raw(), center.raw(), offset.raw(), false,
                                                const_cast<void*>(out.raw())});
      return out;
    }
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const kernels::PlaneAffineArgs<T> all{n,
                                            pixels,
                                            c,
                                            x.data<T>(),
                                            a.data<T>(),
                                            y.data<T>(),
                                            b.data<T>(),
                                            center.data<T>(),
                                            offset.data<T>(),
                                            out.mutable_data<T>(),
                                            0,
                                            n,
                                            nullptr};
      each_image(n, c * pixels, [&](std::int64_t begin, std::int64_t end) {
        const Scratch scratch(kernels::plane_scratch_bytes()(c, sizeof(T)));
        auto args = all;
        args.begin = begin;
        args.end = end;
        args.scratch = scratch.data();
        STEIN_KERNEL_OF(T, plane_affine)(args);
      });
    });
    return out;
  }
  Tensor composite(std::span<const Tensor> in) const {
    return planes(in[1]) * in[0] + planes(in[3]) * (in[2] - planes(in[4])) + planes(in[5]);
  }
  Tensors vjp_all(Wanted wanted, G g, In<0> x, In<1> a, In<2> y, In<3> b, In<4> center) const {
    Tensors r(6);
    if (wanted(0)) r[0] = planes(a) * g;
    if (wanted(2)) r[2] = planes(b) * g;
    const Tensor zero = zeros_like(a.detach());
    if (wanted(1)) r[1] = plane_sums(g, x, zero).second;
    if (wanted(3) || wanted(4) || wanted(5)) {
      const auto [s, t] = plane_sums(g, y, center);
      if (wanted(3)) r[3] = t;
      if (wanted(4)) r[4] = -(b * s);
      if (wanted(5)) r[5] = s;
    }
    return r;
  }
};

// Lead axes of all operands, broadcast together; `core` axes of each operand stay.
inline Shape common_lead(const Tensors& in, const int* core) {
  Shape lead;
  for (std::size_t k = 0; k < in.size(); ++k)
    lead = broadcast("plane", lead, in[k].shape().slice(0, in[k].rank() - core[k]));
  return lead;
}

// Every operand expanded to the common lead axes and folded into N.
inline Tensors fold_planes(const Tensors& in, const int* core, const Shape& lead) {
  Tensors r;
  for (std::size_t k = 0; k < in.size(); ++k) {
    const Shape own = in[k].shape().slice(in[k].rank() - core[k], in[k].rank());
    const Tensor wide = expand(in[k], lead + own);
    r.push_back(reshape(wide, Shape{numel(lead) * own[0]} + own.slice(1, own.rank())));
  }
  return r;
}

inline void check_planes(const char* op, const Tensors& in, const int* core) {
  check_images(op, in[0]);
  const auto n = in[0].size(-4), c = in[0].size(-3);
  for (std::size_t k = 0; k < in.size(); ++k) {
    const bool image = core[k] == 4;
    if (in[k].rank() < core[k] || in[k].dtype() != in[0].dtype() || in[k].size(-core[k]) != n ||
        in[k].size(1 - core[k]) != c ||
        (image && (in[k].size(-2) != in[0].size(-2) || in[k].size(-1) != in[0].size(-1))))
      fail(op, "images (N, C, H, W) of one shape and coefficients (N, C), of one dtype", describe(in));
  }
}

}  // namespace stein::host

namespace stein {

std::pair<Tensor, Tensor> plane_sums(const Tensor& x, const Tensor& y, const Tensor& center) {
  static constexpr int core[] = {4, 4, 2};
  host::check_planes("plane_sums", {x, y, center}, core);
  const Shape lead = host::common_lead({x, y, center}, core);
  if (lead.empty()) {
    const Tensors r = record(host::PlaneSums{}, x, y, center);
    return {r[0], r[1]};
  }
  const Tensors in = host::fold_planes({x, y, center}, core, lead);
  const Tensors r = record(host::PlaneSums{}, in[0], in[1], in[2]);
  const Shape shape = lead + Shape{x.size(-4), x.size(-3)};
  return {reshape(r[0], shape), reshape(r[1], shape)};
}

Tensor plane_affine(const Tensor& x, const Tensor& a, const Tensor& y, const Tensor& b, const Tensor& center,
                    const Tensor& offset) {
  static constexpr int core[] = {4, 2, 4, 2, 2, 2};
  const Tensors in{x, a, y, b, center, offset};
  host::check_planes("plane_affine", in, core);
  const Shape lead = host::common_lead(in, core);
  if (lead.empty()) return record_list(host::PlaneAffine{}, in);
  const Tensor r = record_list(host::PlaneAffine{}, host::fold_planes(in, core, lead));
  return reshape(r, lead + Shape{x.size(-4), x.size(-3), x.size(-2), x.size(-1)});
}

void register_planes(OpRegistry& r) {
  const Shape image{2, 3, 3, 2}, plane{2, 3};
  r.add({"plane_sums",
         "sums of x and x (y - center) over planes",
         Kind::fused,
         {{"images",
           {{image}, {image}, {plane}},
           [](const Tensors& in) {
             const auto [s, t] = plane_sums(in[0], in[1], in[2]);
             return Tensors{s, t};
           },
           [](const Tensors& in) { return host::PlaneSums{}.composite(in); }}}});
  r.add({"plane_affine",
         "a x + b (y - center) + offset",
         Kind::fused,
         {{"images",
           {{image}, {plane}, {image}, {plane}, {plane}, {plane}},
           [](const Tensors& in) { return Tensors{plane_affine(in[0], in[1], in[2], in[3], in[4], in[5])}; },
           [](const Tensors& in) { return Tensors{host::PlaneAffine{}.composite(in)}; }}}});
}

}  // namespace stein
