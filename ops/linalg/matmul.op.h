// SPDX-License-Identifier: MIT
#include "ops/detail/matrix_batch.h"
#include "ops/op.h"
#include "tensor/blas.h"
#include "tensor/detail/bf16_tensor.h"
#include "tensor/detail/device_blas.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// Matrices in the last two axes; what stands left of them broadcasts.
struct Matmul {
  static constexpr const char* name = "matmul";
  static constexpr Kind kind = Kind::bilinear;
  Tensor forward(const Tensor& a, const Tensor& b) const;
  // The gradient of an operand that is a transposed view is laid out like it: what was transposed comes back row-major.
  bool turned0, turned1;
  Tensor vjp0(G g, In<1> b) const { return turned0 ? transpose(matmul(b, transpose(g))) : matmul(g, transpose(b)); }
  Tensor vjp1(G g, In<0> a) const { return turned1 ? transpose(matmul(transpose(g), a)) : matmul(transpose(a), g); }
};
inline bool is_turned(const Tensor& t) {
  return t.rank() == 2 && t.strides()[0] == 1 && t.strides()[1] >= t.size(0) && t.size(0) > 1 && t.size(1) > 1;
}

// A matrix as BLAS sees it: row-major with a leading dimension, or the transpose of one.
struct MatrixView {
  bool transposed;
  std::int64_t ld;
};
inline bool blas_view(const Tensor& t, MatrixView& v) {
  const auto rows = t.size(-2), cols = t.size(-1), rs = t.strides()[-2], cs = t.strides()[-1];
  if ((cs == 1 || cols == 1) && (rs >= std::max<std::int64_t>(cols, 1) || rows == 1)) {
    v = {false, rows == 1 ? std::max<std::int64_t>(cols, 1) : rs};
    return true;
  }
  if ((rs == 1 || rows == 1) && (cs >= std::max<std::int64_t>(rows, 1) || cols == 1)) {
    v = {true, cols == 1 ? std::max<std::int64_t>(rows, 1) : cs};
    return true;
  }
  return false;
}

constexpr std::int64_t kPiece = 1 << 21;  // flops worth a thread's while: 10 to 20 us

// One product, cut by its sizes alone. Every part packs its operands anew, so there are few parts, two up to 64 million flops,
// and the longest axis is cut: along m or n, or, when both are short, along the sum.
template <class T>
void product(MatrixView va, MatrixView vb, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b,
             T* c) {
  const auto flops = 2 * m * n * k;
  if (flops <= kPiece) return gemm(va.transposed, vb.transposed, m, n, k, T(1), a, va.ld, b, vb.ld, T(0), c, n);
  const auto parts = std::clamp<std::int64_t>(flops >> 25, 2, 8);
  const auto cut = [&](std::int64_t size) { return ((size + parts - 1) / parts + 15) / 16 * 16; };
  if (k > 2 * std::max(m, n) && k >= 1024) {
    const auto chunk = cut(k);
    Tensor partial = empty({(k + chunk - 1) / chunk, m * n}, dtype_of<T>());
    T* sums = partial.mutable_data<T>();
    parallel_for(k, chunk, [&](std::int64_t begin, std::int64_t end) {
      gemm(va.transposed, vb.transposed, m, n, end - begin, T(1), a + begin * (va.transposed ? va.ld : 1), va.ld,
           b + begin * (vb.transposed ? 1 : vb.ld), vb.ld, T(0), sums + begin / chunk * m * n, n);
    });
    parallel_for(m * n, 32768, [&](std::int64_t begin, std::int64_t end) {
      std::copy(sums + begin, sums + end, c + begin);
      for (std::int64_t p = 1; p < partial.size(0); ++p)
        for (auto i = begin; i < end; ++i) c[i] += sums[p * m * n + i];
    });
  } else if (m >= n) {
    parallel_for(m, cut(m), [&](std::int64_t begin, std::int64_t end) {
      gemm(va.transposed, vb.transposed, end - begin, n, k, T(1), a + begin * (va.transposed ? 1 : va.ld), va.ld, b,
           vb.ld, T(0), c + begin * n, n);
    });
  } else {
    parallel_for(n, cut(n), [&](std::int64_t begin, std::int64_t end) {
      gemm(va.transposed, vb.transposed, m, end - begin, k, T(1), a, va.ld, b + begin * (vb.transposed ? vb.ld : 1),
           vb.ld, T(0), c + begin, n);
    });
  }
}

// Whether all of it stands in memory without gaps, row by row or column by column.
inline bool gapless(const Tensor& t) { return t.is_contiguous() || (is_turned(t) && t.strides()[1] == t.size(0)); }

// On a device: the library's column-major product of the transposes, in batches whose matrices lie evenly apart.
inline void product_on_device(MatrixView va, MatrixView vb, const Shape& batch, const Tensor& a, const Tensor& b,
                              Tensor& out) {
  const auto m = out.size(-2), n = out.size(-1), k = a.size(-1);
  const auto at = detail::batch_offsets(a, batch), bt = detail::batch_offsets(b, batch);
  const auto count = at.size();
  const bool bf16 = detail::factors_in_bf16(out.dtype(), out.device());
  const Tensor a_held = bf16 ? detail::to_bf16(a) : a, b_held = bf16 ? detail::to_bf16(b) : b;
  const std::int64_t bytes = bf16 ? 2 : 1;  // to an element of what is held
  for (std::size_t i = 0; i < count;) {
    std::size_t end = i + 1;
    const auto step = [&](const auto& offsets) { return i + 1 < count ? offsets[i + 1] - offsets[i] : 0; };
    const auto sa = step(at), sb = step(bt);
    while (end < count && at[end] - at[end - 1] == sa && bt[end] - bt[end - 1] == sb) ++end;
    detail::device_gemm(out.device(),
                        {out.dtype(), vb.transposed, va.transposed, n, m, k, detail::address_of(b_held, bt[i] * bytes),
                         vb.ld, sb, detail::address_of(a_held, at[i] * bytes), va.ld, sa,
                         detail::address_of(out, static_cast<std::int64_t>(i) * m * n), n, m * n,
                         static_cast<std::int64_t>(end - i), bf16});
    i = end;
  }
}

inline Tensor Matmul::forward(const Tensor& x, const Tensor& y) const {
  MatrixView va, vb;
  const bool all = detail::factors_in_bf16(x.dtype(), x.device());  // of a factor is rounded
  const auto as_blas_wants = [&](const Tensor& t, MatrixView& v) {
    return blas_view(t, v) && (!all || gapless(t)) ? t : detail::dense_copy(t);
  };
  const Tensor a = as_blas_wants(x, va), b = as_blas_wants(y, vb);
  blas_view(a, va);
  blas_view(b, vb);
  const Shape batch = broadcast(name, detail::batch_of(a), detail::batch_of(b));
  const auto m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const Shape shape = batch + Shape{m, n};
  Tensor out = k == 0 ? zeros(shape, a.dtype(), a.device()) : empty(shape, a.dtype(), a.device());
  if (a.device() != cpu) {
    if (out.numel() && k) product_on_device(va, vb, batch, a, b, out);
    return out;
  }
  visit_floating(name, a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (out.numel() == 0 || k == 0) return;
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* pc = out.mutable_data<T>();
    if (batch.empty()) return product(va, vb, m, n, k, pa, pb, pc);
    const auto at = detail::batch_offsets(a, batch), bt = detail::batch_offsets(b, batch);
    const auto count = static_cast<std::int64_t>(at.size());
    const auto factors = [&](std::int64_t i) {
      const auto u = static_cast<std::size_t>(i);
      return std::pair{pa + at[u], pb + bt[u]};
    };
    if (count == 1 || (count < 8 && 2 * m * n * k > kPiece)) {  // a few large ones: each is cut
      for (std::int64_t i = 0; i < count; ++i) {
        const auto [x, y] = factors(i);
        product(va, vb, m, n, k, x, y, pc + i * m * n);
      }
    } else {
      parallel_for(count, std::max<std::int64_t>(1, kPiece / (2 * m * n * k)),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (auto i = begin; i < end; ++i) {
                       const auto [x, y] = factors(i);
                       gemm(va.transposed, vb.transposed, m, n, k, T(1), x, va.ld, y, vb.ld, T(0), pc + i * m * n, n);
                     }
                   });
    }
  });
  return out;
}

inline Tensor multiply(const Tensor& a, const Tensor& b) {
  return record(Matmul{.turned0 = is_turned(a), .turned1 = is_turned(b)}, a, b);
}

// The product for matrices (rank >= 2): operands that are the same along a batch axis are multiplied once; a large
// batch against one shared matrix is a single product.
inline Tensor matrices(const Tensor& a, const Tensor& b) {
  const int batch = std::max(a.rank(), b.rank()) - 2;
  for (int axis = -3; axis >= -batch - 2; --axis) {
    const Tensor* in[] = {&a, &b};
    bool same = true;
    std::int64_t size = 1;
    for (const auto* t : in)
      if (-axis <= t->rank() && t->size(axis) != 1) {
        same = same && t->strides()[axis] == 0;
        size = t->size(axis);
      }
    if (!same || size == 1) continue;
    const auto first = [&](const Tensor& t) {
      return -axis <= t.rank() && t.size(axis) != 1 ? narrow(t, axis, 0, 1) : t;
    };
    const Tensor r = matrices(first(a), first(b));
    Shape shape = r.shape();
    shape[axis] = size;
    return expand(r, shape);
  }
  if (b.rank() == 2 && a.rank() > 2 && a.is_contiguous())
    return reshape(multiply(reshape(a, {numel(a.shape().slice(0, a.rank() - 1)), a.size(-1)}), b),
                   a.shape().slice(0, a.rank() - 1) + Shape{b.size(1)});
  return multiply(a, b);
}

}  // namespace stein::host

namespace stein {

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0 || a.dtype() != b.dtype() || a.size(-1) != b.size(b.rank() == 1 ? 0 : -2))
    fail("matmul", "operands of one dtype, rank at least 1, with the last axis of a as long as the second-last of b",
         describe(a) + " and " + describe(b));
  if (a.rank() == 2 && b.rank() == 2) return host::multiply(a, b);
  const Tensor x = a.rank() == 1 ? unsqueeze(a, 0) : a, y = b.rank() == 1 ? unsqueeze(b, 1) : b;
  broadcast("matmul", x.shape().slice(0, x.rank() - 2), y.shape().slice(0, y.rank() - 2));
  Tensor r = host::matrices(x, y);
  if (b.rank() == 1) r = squeeze(r, -1);
  if (a.rank() == 1) r = squeeze(r, b.rank() == 1 ? -1 : -2);
  return r;
}

void register_matmul(OpRegistry& r) {
  const auto sample = [](Shape a, Shape b) {
    return Sample{to_string(a) + " " + to_string(b),
                  {{a}, {b}},
                  [](const Tensors& in) { return Tensors{matmul(in[0], in[1])}; },
                  [](const Tensors& in) { return Tensors{sum(unsqueeze(in[0], -1) * unsqueeze(in[1], -3), {-2})}; }};
  };
  auto vectors = sample({3}, {3, 2});
  vectors.reference = {};
  r.add({"matmul",
         "matrix product",
         Kind::bilinear,
         {sample({2, 3}, {3, 4}), sample({2, 2, 3}, {3, 2}), sample({2, 1, 2, 3}, {3, 3, 2}), sample({2, 0}, {0, 3}),
          sample({1, 3}, {3, 1}), vectors}});
}

}  // namespace stein
