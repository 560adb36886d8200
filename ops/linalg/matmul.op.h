// SPDX-License-Identifier: MIT
#include "ops/detail/matrix_batch.h"
#include "ops/op.h"
#include "tensor/blas.h"
#include "tensor/thread_pool.h"

namespace stein::host {

// Matrices in the last two axes; what stands left of them broadcasts.
struct Matmul {
  static constexpr const char* name = "matmul";
  static constexpr Kind kind = Kind::bilinear;
  Tensor forward(const Tensor& a, const Tensor& b) const;
  Tensor vjp0(G g, In<1> b) const { return matmul(g, transpose(b)); }
  Tensor vjp1(G g, In<0> a) const { return matmul(transpose(a), g); }
};

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

inline Tensor Matmul::forward(const Tensor& x, const Tensor& y) const {
  MatrixView va, vb;
  const Tensor a = blas_view(x, va) ? x : x.clone(), b = blas_view(y, vb) ? y : y.clone();
  blas_view(a, va);
  blas_view(b, vb);
  const Shape batch = broadcast("matmul", a.shape().slice(0, a.rank() - 2), b.shape().slice(0, b.rank() - 2));
  const auto m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Tensor out = k == 0 ? zeros(batch + Shape{m, n}, a.dtype()) : empty(batch + Shape{m, n}, a.dtype());
  if (out.numel() == 0 || k == 0) return out;
  const auto at = detail::batch_offsets(a, batch), bt = detail::batch_offsets(b, batch);
  const auto count = static_cast<std::int64_t>(at.size());
  visit_floating("matmul", a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* pc = out.mutable_data<T>();
    const auto work = 2 * m * n * k;
    constexpr std::int64_t kPiece = 1 << 20;  // flops worth a thread's while
    // Many small products are shared out whole; a large one is cut along m (or n when that is longer).
    if (count > 1 || work <= kPiece) {
      parallel_for(count, std::max<std::int64_t>(1, kPiece / work), [&](std::int64_t begin, std::int64_t end) {
        for (auto i = begin; i < end; ++i) {
          const auto u = static_cast<std::size_t>(i);
          gemm(va.transposed, vb.transposed, m, n, k, T(1), pa + at[u], va.ld, pb + bt[u], vb.ld, T(0), pc + i * m * n,
               n);
        }
      });
    } else if (m >= n) {
      const auto rows = std::max<std::int64_t>(32, std::max(kPiece / (2 * n * k), (m + 7) / 8));
      parallel_for(m, rows, [&](std::int64_t begin, std::int64_t end) {
        gemm(va.transposed, vb.transposed, end - begin, n, k, T(1), pa + begin * (va.transposed ? 1 : va.ld), va.ld, pb,
             vb.ld, T(0), pc + begin * n, n);
      });
    } else {
      const auto columns = std::max<std::int64_t>(32, std::max(kPiece / (2 * m * k), (n + 7) / 8));
      parallel_for(n, columns, [&](std::int64_t begin, std::int64_t end) {
        gemm(va.transposed, vb.transposed, m, end - begin, k, T(1), pa, va.ld, pb + begin * (vb.transposed ? vb.ld : 1),
             vb.ld, T(0), pc + begin, n);
      });
    }
  });
  return out;
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
    return reshape(record(Matmul{}, reshape(a, {numel(a.shape().slice(0, a.rank() - 1)), a.size(-1)}), b),
                   a.shape().slice(0, a.rank() - 1) + Shape{b.size(1)});
  return record(Matmul{}, a, b);
}

}  // namespace stein::host

namespace stein {

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0 || a.dtype() != b.dtype() || a.size(-1) != b.size(b.rank() == 1 ? 0 : -2))
    fail("matmul", "operands of one dtype, rank at least 1, with the last axis of a as long as the second-last of b",
         describe(a) + " and " + describe(b));
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
