// SPDX-License-Identifier: MIT
// diagonal / diag_embed (an adjoint pair), tril, triu: on the last two axes.
#include "ops/detail/axis_device.h"
#include "ops/op.h"

namespace stein::host {

inline std::int64_t diagonal_size(std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  return std::max<std::int64_t>(0, offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns));
}

// Elements (i, i + offset), as a view.
struct Diagonal {
  static constexpr const char* name = "diagonal";
  static constexpr Kind kind = Kind::linear;
  std::int64_t offset;

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape().slice(0, x.rank() - 2);
    Strides strides = x.strides().slice(0, x.rank() - 2);
    const auto n = diagonal_size(x.size(-2), x.size(-1), offset);
    const auto first = offset >= 0 ? offset * x.strides()[-1] : -offset * x.strides()[-2];
    shape.push_back(n);
    strides.push_back(x.strides()[-2] + x.strides()[-1]);
    return as_strided(x, shape, strides, x.impl().offset + (n ? first : 0));
  }
  Tensor vjp0(G g, Like<0> x) const;
};

// Zeros (rows x columns) with x at (i, i + offset).
struct DiagEmbed {
  static constexpr const char* name = "diag_embed";
  static constexpr Kind kind = Kind::linear;
  std::int64_t offset, rows, columns;

  Tensor forward(const Tensor& x) const {
    Tensor out = zeros(x.shape().slice(0, x.rank() - 1) + Shape{rows, columns}, x.dtype(), x.device());
    Diagonal{offset}.forward(out).copy_(x);
    return out;
  }
  Tensor vjp0(G g) const { return record(Diagonal{offset}, g); }
};

inline Tensor Diagonal::vjp0(G g, Like<0> x) const { return record(DiagEmbed{offset, x.shape[-2], x.shape[-1]}, g); }

// Zero above (lower) or below (upper) the diagonal; a projection, so its own adjoint.
struct Triangle {
  static constexpr const char* name = "triangle";
  static constexpr Kind kind = Kind::linear;
  bool upper;
  std::int64_t offset;

  Tensor forward(const Tensor& x) const {
    Tensor out = detail::dense_copy(x);
    const auto rows = x.size(-2), columns = x.size(-1);
    if (x.device() != cpu) {
      if (out.numel())
        kernels::device_triangle(x.device())(
            {x.dtype(), upper, offset, out.numel() / (rows * columns), rows, columns, const_cast<void*>(out.raw())});
      return out;
    }
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* p = out.mutable_data<T>();
      for (std::int64_t r = 0; r < (columns ? out.numel() / columns : 0); ++r, p += columns) {
        const auto split = std::clamp<std::int64_t>(r % rows + offset + (upper ? 0 : 1), 0, columns);
        if (upper)
          std::fill(p, p + split, T(0));
        else
          std::fill(p + split, p + columns, T(0));
      }
    });
    return out;
  }
  Tensor vjp0(G g) const { return record(*this, g); }
};

inline void need_matrix(const char* op, const Tensor& x) {
  if (x.rank() < 2) fail(op, "rank at least 2", describe(x));
}

}  // namespace stein::host

namespace stein {

Tensor diagonal(const Tensor& x, int offset) {
  host::need_matrix("diagonal", x);
  return record(host::Diagonal{offset}, x);
}

Tensor diag_embed(const Tensor& x, int offset) {
  if (x.rank() < 1) fail("diag_embed", "rank at least 1", describe(x));
  const auto n = x.size(-1) + std::abs(offset);
  return record(host::DiagEmbed{offset, n, n}, x);
}

Tensor tril(const Tensor& x, int diagonal) {
  host::need_matrix("tril", x);
  return record(host::Triangle{false, diagonal}, x);
}

Tensor triu(const Tensor& x, int diagonal) {
  host::need_matrix("triu", x);
  return record(host::Triangle{true, diagonal}, x);
}

void register_diagonal(OpRegistry& r) {
  const auto mask = [](const Tensor& like, auto keep) {  // 1 where keep(row, column)
    Tensor m = zeros({like.size(-2), like.size(-1)}, f64);
    double* p = m.mutable_data<double>();
    for (std::int64_t i = 0; i < m.size(0); ++i)
      for (std::int64_t j = 0; j < m.size(1); ++j) p[i * m.size(1) + j] = keep(i, j) ? 1 : 0;
    return m;
  };
  const auto sample = [](Shape shape, int offset, Tensor (*f)(const Tensor&, int), OpCall reference) {
    return Sample{to_string(shape) + " offset " + std::to_string(offset),
                  {{shape}},
                  [=](const Tensors& in) { return Tensors{f(in[0], offset)}; },
                  std::move(reference),
                  true};
  };
  const auto extract = [=](Shape shape, int offset) {
    return sample(shape, offset, diagonal, [=](const Tensors& in) {
      const auto n = host::diagonal_size(in[0].size(-2), in[0].size(-1), offset);
      Tensors elements{narrow(narrow(in[0], -1, 0, 0), -2, 0, 0)};
      for (std::int64_t i = 0; i < n; ++i)
        elements.push_back(narrow(narrow(in[0], -2, i + std::max(-offset, 0), 1), -1, i + std::max(offset, 0), 1));
      elements.erase(elements.begin());
      const Shape lead = in[0].shape().slice(0, in[0].rank() - 2);
      return Tensors{n ? reshape(concat(elements, -1), lead + Shape{n}) : zeros(lead + Shape{0}, f64)};
    });
  };
  r.add({"diagonal",
         "x[.., i, i + offset]",
         Kind::linear,
         {extract({3, 3}, 0), extract({2, 4}, 1), extract({2, 3, 2}, -1), extract({2, 2}, 5), extract({0, 0}, 0)}});
  const auto embed = [=](Shape shape, int offset) {
    return sample(shape, offset, diag_embed, [=](const Tensors& in) {
      const auto n = in[0].size(-1) + std::abs(offset);
      const Tensor wide = unslice_axis(in[0], -1, std::max(-offset, 0), 1, n);  // by row
      return Tensors{unsqueeze(wide, -1) *
                     mask(zeros({n, n}), [=](std::int64_t i, std::int64_t j) { return j == i + offset; })};
    });
  };
  r.add({"diag_embed",
         "a matrix with x on a diagonal",
         Kind::linear,
         {embed({3}, 0), embed({2, 2}, 1), embed({2, 3}, -2), embed({0}, 0), embed({1}, 0)}});
  const auto lower = [=](Shape shape, int offset) {
    return sample(shape, offset, tril, [=](const Tensors& in) {
      return Tensors{in[0] * mask(in[0], [=](std::int64_t i, std::int64_t j) { return j <= i + offset; })};
    });
  };
  r.add({"tril",
         "zero above a diagonal",
         Kind::linear,
         {lower({3, 3}, 0), lower({2, 3, 4}, 1), lower({4, 2}, -1), lower({0, 2}, 0), lower({1, 1}, -3)}});
  const auto higher = [=](Shape shape, int offset) {
    return sample(shape, offset, triu, [=](const Tensors& in) {
      return Tensors{in[0] * mask(in[0], [=](std::int64_t i, std::int64_t j) { return j >= i + offset; })};
    });
  };
  r.add({"triu",
         "zero below a diagonal",
         Kind::linear,
         {higher({3, 3}, 0), higher({2, 3, 4}, 1), higher({4, 2}, -1), higher({2, 0}, 0), higher({1, 1}, 3)}});
}

}  // namespace stein
