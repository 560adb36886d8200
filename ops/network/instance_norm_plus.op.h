// SPDX-License-Identifier: MIT
// instance_norm_plus, with ELU or without, and its derivatives of first and second order. All are fused: each reads and writes every
// image once. Higher orders go through the composites, which are made of plane_sums and plane_affine; on devices the second goes, too.
#include "ops/detail/plane_device.h"
#include "ops/detail/plane_kernels.h"
#include "ops/detail/planes_host.h"
#include "ops/detail/scratch.h"
#include "ops/images.h"
#include "ops/op.h"
#include "ops/planes.h"

namespace stein::host {

// The address of a fresh tensor on a device, for a kernel to write to.
inline void* written(const Tensor& t) { return const_cast<void*>(t.raw()); }

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
  // t's own derivative, which is symmetric: v -> q (v - mean v) - q^3 d sum(v d) / (C - 1)
  Tensor through(const Tensor& v) const {
    return q * (v - mean(v, {-1}, true)) -
           q * q * q * d * (sum(v * d, {-1}, true) / static_cast<double>(d.size(-1) - 1));
  }
};

// The derivative of InstanceNormPlusBackward, what double backward runs through. Names as there; p is g before ELU and
//     g_x = a p + b (x - mu) + o,  a = gamma r,  b = -(gamma sx + gr) r^3 / P,  o = to_mu / P,  P pixels.
template <bool kElu>
struct InstanceNormPlusSecond {
  static constexpr const char* name = kElu ? "instance_norm_plus_elu_second" : "instance_norm_plus_second";
  static constexpr Kind kind = Kind::fused;
  double eps;

  // Cotangents h of g_x and h_rows of g_rows, g, gr, x, rows, mu, r, and y with ELU
  // -> cotangents of g, gmu, gr, x, rows, mu, r, and y with ELU.
  Tensors forward(const Tensors& in) const {
    if (in[0].device() != cpu) return composite(in);
    const Tensor h = nhwc(in[0]), h_rows = in[1].contiguous(), g = nhwc(in[2]), gr = in[3].contiguous(),
                 x = nhwc(in[4]), rows = in[5].contiguous(), mu = in[6].contiguous(), r = in[7].contiguous(),
                 y = kElu ? nhwc(in[8]) : Tensor();
    const auto n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
    const auto image = [&] { return empty_channels_last(x.shape(), x.dtype()); };
    const auto plane = [&] { return empty({n, c}, x.dtype()); };
    Tensors out{image(), plane(), plane(), image(), empty({n, 3 * c}, x.dtype()), plane(), plane()};
    if (kElu) out.push_back(image());
    visit_floating(name, x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* to[8] = {};
      for (std::size_t i = 0; i < out.size(); ++i) to[i] = out[i].template mutable_data<T>();
      const kernels::NormPlusSecondArgs<T> all{n,
                                               pixels,
                                               c,
                                               h.data<T>(),
                                               h_rows.data<T>(),
                                               g.data<T>(),
                                               kElu ? y.data<T>() : nullptr,
                                               x.data<T>(),
                                               rows.data<T>(),
                                               mu.data<T>(),
                                               r.data<T>(),
                                               gr.data<T>(),
                                               eps,
                                               to[0],
                                               to[1],
                                               to[2],
                                               to[3],
                                               to[4],
                                               to[5],
                                               to[6],
                                               to[7],
                                               0,
                                               n,
                                               nullptr};
      each_image(n, c * pixels, [&](std::int64_t begin, std::int64_t end) {
        const Scratch scratch(kernels::plane_scratch_bytes()(c, sizeof(T)));
        auto args = all;
        args.begin = begin;
        args.end = end;
        args.scratch = scratch.data();
        STEIN_KERNEL_OF(T, norm_plus_second)(args);
      });
    });
    return out;
  }

  Tensors composite(std::span<const Tensor> in) const {
    const Tensor &h = in[0], &gr = in[3], &x = in[4], &mu = in[6], &r = in[7];
    const Tensors parts = chunk(in[5], 3, -1), h_parts = chunk(in[1], 3, -1);
    const Tensor &gamma = parts[0], &alpha = parts[1], &hg = h_parts[0], &ha = h_parts[1], &hb = h_parts[2];
    const Tensor p = kElu ? elu_backward(in[2], in[8], 1) : in[2];
    const auto pixels = static_cast<double>(x.size(-1) * x.size(-2)), free = static_cast<double>(mu.size(-1) - 1);
    const auto [s, sx] = plane_sums(p, x, mu);
    const auto [h_sum, hx] = plane_sums(h, x, mu);
    const Tensor hp = sum(h * p, {-1, -2});
    const MeansOfChannels c(mu, eps);
    const Tensor u = gamma * alpha * s, m = h_sum / pixels, to_u = c.through(m);
    const Tensor ud = sum(u * c.d, {-1}, true), md = sum(m * c.d, {-1}, true), q3 = c.q * c.q * c.q;
    const Tensor to_r = gamma * sx + gr, back = hx * (r * r * r) * (-1 / pixels);
    const Tensor b = to_r * (r * r * r) * (-1 / pixels), slope = back * gamma + hg * r;
    const Tensor to_s = to_u * gamma * alpha - gamma * r * m + hg * alpha * c.t + ha * gamma * c.t + hb;
    const Tensor to_t = hg * alpha * s + ha * gamma * s;
    const Tensor to_q = sum(m * (u - mean(u, {-1}, true)) + to_t * c.d, {-1}, true) - 3.0 * c.q * c.q * md * ud / free;
    const Tensor to_d = to_t * c.q - q3 * (m * ud + u * md) / free - to_q * q3 * c.d / free;
    const Tensor to_mu = to_d - mean(to_d, {-1}, true) - b * h_sum - slope * s;
    const Tensor to_rstd = hp * gamma - m * gamma * s - hx * to_r * (r * r) * (3 / pixels) + hg * sx;
    const Tensor to_gamma = to_u * alpha * s + back * sx - m * r * s + hp * r + ha * c.t * s;
    const Tensor to_alpha = to_u * gamma * s + hg * c.t * s;
    const Tensor to_p = plane_affine(h, gamma * r, x, slope, mu, to_s);
    const Tensor zero = zeros_like(s.detach());
    Tensors out{kElu ? elu_backward(to_p, in[8], 1) : to_p,
                m,
                back,
                plane_affine(h, b, p, slope, zero, zero),
                concat({to_gamma, to_alpha, zeros_like(to_alpha.detach())}, -1),
                to_mu,
                to_rstd};
    if (kElu) out.push_back(leaky_relu_backward(to_p * in[2], -in[8], 0));
    return out;
  }

  // With any lead axes, of a batch of cotangents, there is the composite only.
  Tensors operator()(const Tensors& in) const {
    return in[0].rank() == 4 && in[1].rank() == 2 ? record_list(*this, in) : composite(in);
  }
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
    Tensor g_x = empty_channels_last(x.shape(), x.dtype(), x.device()),
           g_rows = empty({n, 3 * c}, x.dtype(), x.device());
    if (x.device() != cpu) {
      const auto plane = [&] { return empty({n, c}, x.dtype(), x.device()); };
      const Tensor s = plane(), sx = plane(), a = plane(), b = plane(), offset = plane();
      const bool wide = x.dtype() == f64;
      const void* gate = kElu ? y.raw() : nullptr;
      kernels::device_plane_sums(x.device())(
          {wide, n, pixels, c, g.raw(), gate, x.raw(), mu.raw(), written(s), written(sx)});
      kernels::device_norm_plus_backward(x.device())({wide, n, pixels, c, eps, s.raw(), sx.raw(), mu.raw(), r.raw(),
                                                      rows.raw(), gmu.raw(), gr.raw(), written(a), written(b),
                                                      written(offset), written(g_rows)});
      kernels::device_plane_affine(x.device())(
          {wide, n, pixels, c, g.raw(), gate, a.raw(), x.raw(), b.raw(), mu.raw(), offset.raw(), false, written(g_x)});
      return {g_x, g_rows};
    }
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
    const Tensor to_r = gamma * sx + gr, to_mu = gmu - gamma * r * s + m.through(gamma * alpha * s);
    return {plane_affine(g, gamma * r, x, to_r * (r * r * r) * (-1 / pixels), mu, to_mu / pixels),
            concat({r * sx + alpha * m.t * s, gamma * m.t * s, s}, -1)};
  }

  Tensors vjp_all(Cot<0> h, Cot<1> h_rows, In<0> g, In<2> gr, In<3> x, In<4> rows, In<5> mu, In<6> r,
                  In<(kElu ? 7 : 3)> y) const {
    Tensors in{h, h_rows, g, gr, x, rows, mu, r};
    if (kElu) in.push_back(y);
    return InstanceNormPlusSecond<kElu>{eps}(in);
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
    const auto plane = [&] { return empty({n, c}, x.dtype(), x.device()); };
    Tensor mu = plane(), r = plane(), y = empty_channels_last(x.shape(), x.dtype(), x.device());
    if (x.device() != cpu) {
      const Tensor b = plane(), offset = plane();
      const bool wide = x.dtype() == f64;
      kernels::device_plane_moments(x.device())({wide, n, pixels, c, eps, x.raw(), written(mu), written(r)});
      kernels::device_norm_plus(x.device())(
          {wide, n, c, eps, mu.raw(), r.raw(), rows.raw(), written(b), written(offset)});
      kernels::device_plane_affine(x.device())(
          {wide, n, pixels, c, nullptr, nullptr, nullptr, x.raw(), b.raw(), mu.raw(), offset.raw(), kElu, written(y)});
      return {y, mu, r};
    }
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

  Tensors vjp_all(Cot<0> g, Cot<1> gmu, Cot<2> gr, In<0> x, In<1> rows, Out<1> mu, Out<2> r,
                  Out<(kElu ? 0 : 1)> y) const {
    Tensors in{g, gmu, gr, x, rows, mu, r};
    if (kElu) in.push_back(y);
    return InstanceNormPlusBackward<kElu>{eps}(in);
  }
};

}  // namespace stein::host

namespace stein {

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

template <bool kElu>
OpEntry norm_plus_second_entry() {
  const Shape image{2, 3, 3, 2}, plane{2, 3}, rows{2, 9};
  std::vector<InputSpec> in{{image}, {rows}, {image}, {plane}, {image}, {rows}, {plane}, {plane, 0.5, 2}};
  if (kElu) in.push_back({image, -0.9, 2, {0}});
  return {host::InstanceNormPlusSecond<kElu>::name,
          std::string("cotangents of ") + host::InstanceNormPlusBackward<kElu>::name,
          Kind::fused,
          {{"images", in, [](const Tensors& t) { return host::InstanceNormPlusSecond<kElu>{1e-5}(t); },
            [](const Tensors& t) { return host::InstanceNormPlusSecond<kElu>{1e-5}.composite(t); }}}};
}

}  // namespace

Tensor instance_norm_plus(const Tensor& x, const Tensor& coefficients, double eps) {
  return norm_plus<false>(x, coefficients, eps);
}

Tensor instance_norm_plus_elu(const Tensor& x, const Tensor& coefficients, double eps) {
  return norm_plus<true>(x, coefficients, eps);
}

Tensor instance_norm_plus(const Tensor& x, const Tensor& gamma, const Tensor& alpha, const Tensor& beta, double eps) {
  const auto fits = [&](const Tensor& t) { return t.dtype() == x.dtype() && t.shape() == x.shape().slice(0, 2); };
  if (x.rank() != 4 || !is_floating(x.dtype()) || x.size(1) < 2 || !fits(gamma) || !fits(alpha) || !fits(beta))
    fail("instance_norm_plus", "x (N, C, H, W) with C of at least 2, gamma, alpha, beta (N, C)",
         describe({x, gamma, alpha, beta}));
  return norm_plus<false>(x, concat({gamma, alpha, beta}, 1), eps);
}

void register_instance_norm_plus(OpRegistry& r) {
  OpEntry norm = norm_plus_entry<false>("gamma (xhat + alpha t) + beta");
  norm.samples.push_back({"coefficients apart", {{{2, 3, 3, 2}}, {{2, 3}}, {{2, 3}}, {{2, 3}}}, [](const Tensors& in) {
                            return Tensors{instance_norm_plus(in[0], in[1], in[2], in[3])};
                          }});
  r.add(std::move(norm));
  r.add(norm_plus_entry<true>("elu(gamma (xhat + alpha t) + beta)"));
  r.add(norm_plus_backward_entry<false>());
  r.add(norm_plus_backward_entry<true>());
  r.add(norm_plus_second_entry<false>());
  r.add(norm_plus_second_entry<true>());
}

}  // namespace stein
