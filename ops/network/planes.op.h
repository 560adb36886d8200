// SPDX-License-Identifier: MIT
// plane_sums and plane_affine: closed under differentiation. instance_norm_plus on top of them, with ELU or without, and its
// derivative, which are fused: each reads and writes every image once.
#include "ops/detail/plane_kernels.h"
#include "ops/images.h"
#include "ops/op.h"
#include "ops/planes.h"
#include "tensor/thread_pool.h"

namespace stein::host {

template <class F>
void each_image(std::int64_t n, std::int64_t work, F f) {
  parallel_for(n, std::max<std::int64_t>(std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(work, 1)), n / 16),
               f);
}

// (N, C) -> (N, C, 1, 1), with any lead axes.
inline Tensor planes(const Tensor& t) { return reshape(t, t.shape() + Shape{1, 1}); }

struct PlaneSums {
  static constexpr const char* name = "plane_sums";
  static constexpr Kind kind = Kind::fused;

  Tensors forward(const Tensor& image_x, const Tensor& image_y, const Tensor& middle) const {
    const Tensor x = nhwc(image_x), y = nhwc(image_y), center = middle.contiguous();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor sum_x = empty({n, c}, x.dtype()), sum_xy = empty({n, c}, x.dtype());
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
    Tensor out = empty_channels_last(x.shape(), x.dtype());
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

// Conditional instance norm ++: per plane mean mu, r = 1 / sqrt(var + eps) (biased), xhat = r (x - mu); over the channels of
// one sample t = (mu - m) q, m = mean_c mu, q = 1 / sqrt(v + eps), v = sum_c (mu - m)^2 / (C - 1);
//     y = gamma (xhat + alpha t) + beta, or ELU of it.
// A row (3 C) of the coefficients holds a sample's gamma, alpha and beta.
// mu and r are outputs, with cotangents of their own.
struct MeansOfChannels {
  Tensor d, q, t;  // mu - m, q, d q
  MeansOfChannels(const Tensor& mu, double eps)
      : d(mu - mean(mu, {-1}, true)),
        q(rsqrt(sum(square(d), {-1}, true) / static_cast<double>(mu.size(-1) - 1) + eps)),
        t(d * q) {}
};

template <bool kElu>
struct InstanceNormPlusBackward {
  static constexpr const char* name = kElu ? "instance_norm_plus_elu_backward" : "instance_norm_plus_backward";
  static constexpr Kind kind = Kind::fused;
  double eps;

  // Cotangents g, gmu, gr of the outputs, x, rows, mu, r, and y with ELU -> cotangents of x and of rows.
  Tensors forward(const Tensors& in) const {
    const Tensor g = nhwc(in[0]), gmu = in[1].contiguous(), gr = in[2].contiguous(), x = nhwc(in[3]),
                 rows = in[4].contiguous(), mu = in[5].contiguous(), r = in[6].contiguous(),
                 y = kElu ? nhwc(in[7]) : Tensor();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor g_x = empty_channels_last(x.shape(), x.dtype()), g_rows = empty({n, 3 * c}, x.dtype());
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *pg = g.data<T>(), *py = kElu ? y.data<T>() : nullptr, *px = x.data<T>(), *p_rows = rows.data<T>(),
              *pm = mu.data<T>(), *pr = r.data<T>(), *p_gmu = gmu.data<T>(), *p_gr = gr.data<T>();
      T *to_x = g_x.mutable_data<T>(), *to_rows = g_rows.mutable_data<T>();
      each_image(n, c * pixels, [&](std::int64_t b, std::int64_t e) {
        const Scratch scratch(kernels::plane_scratch_bytes()(c, sizeof(T)));
        STEIN_KERNEL_OF(T, norm_plus_backward)
        ({n, pixels, c, pg, py, px, p_rows, pm, pr, p_gmu, p_gr, eps, to_x, to_rows, b, e, scratch.data()});
      });
    });
    return {g_x, g_rows};
  }

  Tensors composite(std::span<const Tensor> in) const {
    const Tensor &gmu = in[1], &gr = in[2], &x = in[3], &mu = in[5], &r = in[6];
    const Tensors parts = chunk(in[4], 3, -1);
    const Tensor &gamma = parts[0], &alpha = parts[1], g = kElu ? elu_backward(in[0], in[7], 1) : in[0];
    const auto pixels = static_cast<double>(x.size(-1) * x.size(-2));
    const auto [s, sx] = plane_sums(g, x, mu);  // sum g, sum g (x - mu)
    const MeansOfChannels m(mu, eps);
    // t's own derivative: u -> q (u - mean u) - q^3 d sum(u d) / (C - 1)
    const Tensor u = gamma * alpha * s;
    const Tensor through_t = m.q * (u - mean(u, {-1}, true)) -
                             m.q * m.q * m.q * m.d * (sum(u * m.d, {-1}, true) / static_cast<double>(mu.size(-1) - 1));
    const Tensor to_r = gamma * sx + gr, to_mu = gmu - gamma * r * s + through_t;
    return {plane_affine(g, gamma * r, x, to_r * (r * r * r) * (-1 / pixels), mu, to_mu / pixels),
            concat({r * sx + alpha * m.t * s, gamma * m.t * s, s}, -1)};
  }

  // With any lead axes, of a batch of cotangents, there is the composite only.
  Tensors operator()(const Tensors& in) const {
    return in[0].rank() == 4 && in[1].rank() == 2 && in[2].rank() == 2 ? record_list(*this, in) : composite(in);
  }
};

template <bool kElu>
struct InstanceNormPlus {
  static constexpr const char* name = kElu ? "instance_norm_plus_elu" : "instance_norm_plus";
  static constexpr Kind kind = Kind::fused;
  double eps;

  Tensors forward(const Tensor& image, const Tensor& coefficients) const {
    const Tensor x = nhwc(image), rows = coefficients.contiguous();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor mu = empty({n, c}, x.dtype()), r = empty({n, c}, x.dtype()), y = empty_channels_last(x.shape(), x.dtype());
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *px = x.data<T>(), *p_rows = rows.data<T>();
      T *py = y.mutable_data<T>(), *pm = mu.mutable_data<T>(), *pr = r.mutable_data<T>();
      each_image(n, c * pixels, [&](std::int64_t b, std::int64_t e) {
        const Scratch scratch(kernels::plane_scratch_bytes()(c, sizeof(T)));
        STEIN_KERNEL_OF(T, norm_plus)({n, pixels, c, px, p_rows, eps, kElu, py, pm, pr, b, e, scratch.data()});
      });
    });
    return {y, mu, r};
  }

  Tensors composite(std::span<const Tensor> in) const {
    const Tensors parts = chunk(in[1], 3, -1);
    const Tensor mu = mean(in[0], {-1, -2});
    const Tensor centered = in[0] - planes(mu);
    const Tensor r = rsqrt(mean(square(centered), {-1, -2}) + eps);
    const Tensor y =
        planes(parts[0]) * (planes(r) * centered + planes(parts[1] * MeansOfChannels(mu, eps).t)) + planes(parts[2]);
    return {kElu ? elu(y) : y, mu, r};
  }

  Tensors vjp_all(Cot<0> g, Cot<1> gmu, Cot<2> gr, In<0> x, In<1> rows, Out<1> mu, Out<2> r, Out<0> y) const {
    Tensors in{g, gmu, gr, x, rows, mu, r};
    if (kElu) in.push_back(y);
    return InstanceNormPlusBackward<kElu>{eps}(in);
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

namespace {

template <bool kElu>
Tensor norm_plus(const Tensor& x, const Tensor& coefficients, double eps) {
  constexpr const char* name = host::InstanceNormPlus<kElu>::name;
  if (x.rank() != 4 || !is_floating(x.dtype()) || x.size(1) < 2 || coefficients.dtype() != x.dtype() ||
      coefficients.shape() != Shape{x.size(0), 3 * x.size(1)})
    fail(name, "x (N, C, H, W) with C of at least 2, coefficients (N, 3 C), of one floating dtype",
         describe({x, coefficients}));
  return record(host::InstanceNormPlus<kElu>{eps}, x, coefficients)[0];
}

template <bool kElu>
OpEntry norm_plus_entry(const char* formula) {
  return {host::InstanceNormPlus<kElu>::name,
          formula,
          Kind::fused,
          {{"images",
            {{{2, 3, 3, 2}}, {{2, 9}}},
            [](const Tensors& in) { return Tensors{norm_plus<kElu>(in[0], in[1], 1e-5)}; },
            [](const Tensors& in) { return Tensors{host::InstanceNormPlus<kElu>{1e-5}.composite(in)[0]}; }}}};
}

template <bool kElu>
OpEntry norm_plus_backward_entry() {
  const Shape image{2, 3, 3, 2}, plane{2, 3};
  std::vector<InputSpec> in{{image}, {plane}, {plane}, {image}, {{2, 9}}, {plane}, {plane, 0.5, 2}};
  if (kElu) in.push_back({image, -0.9, 2, {0}});
  return {host::InstanceNormPlusBackward<kElu>::name,
          std::string("cotangents of ") + host::InstanceNormPlus<kElu>::name,
          Kind::fused,
          {{"images", in, [](const Tensors& t) { return host::InstanceNormPlusBackward<kElu>{1e-5}(t); },
            [](const Tensors& t) { return host::InstanceNormPlusBackward<kElu>{1e-5}.composite(t); }}}};
}

}  // namespace

Tensor instance_norm_plus(const Tensor& x, const Tensor& coefficients, double eps) {
  return norm_plus<false>(x, coefficients, eps);
}

Tensor instance_norm_plus_elu(const Tensor& x, const Tensor& coefficients, double eps) {
  return norm_plus<true>(x, coefficients, eps);
}

Tensor instance_norm_plus(const Tensor& x, const Tensor& gamma, const Tensor& alpha, const Tensor& beta, double eps) {
  static constexpr int core[] = {4, 2, 2, 2};
  host::check_planes("instance_norm_plus", {x, gamma, alpha, beta}, core);
  if (x.rank() != 4 || gamma.rank() != 2 || alpha.rank() != 2 || beta.rank() != 2 || x.size(1) < 2)
    fail("instance_norm_plus", "x (N, C, H, W) with C of at least 2, gamma, alpha, beta (N, C)",
         describe({x, gamma, alpha, beta}));
  return norm_plus<false>(x, concat({gamma, alpha, beta}, 1), eps);
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
  OpEntry norm = norm_plus_entry<false>("gamma (xhat + alpha t) + beta");
  norm.samples.push_back({"coefficients apart", {{image}, {plane}, {plane}, {plane}}, [](const Tensors& in) {
                            return Tensors{instance_norm_plus(in[0], in[1], in[2], in[3])};
                          }});
  r.add(std::move(norm));
  r.add(norm_plus_entry<true>("elu(gamma (xhat + alpha t) + beta)"));
  r.add(norm_plus_backward_entry<false>());
  r.add(norm_plus_backward_entry<true>());
}

}  // namespace stein
