// SPDX-License-Identifier: MIT
// max, min, argmax, argmin, sort along one axis. The index is an output, and the derivative goes by it.
#include <algorithm>

#include "ops/detail/axis_device.h"
#include "ops/detail/axis_view.h"
#include "ops/detail/select_kernels.h"
#include "ops/op.h"
#include "ops/reduce.h"
#include "tensor/thread_pool.h"

namespace stein::host {

template <class T>
bool is_nan(T v) {
  return v != v;
}

// Shape of the reduced tensor around one axis.
inline Shape without_axis(const Shape& shape, int axis, bool keepdim) { return reduced_shape(shape, {axis}, keepdim); }

// Rows that lie in one piece: the value first, then where it stands first.
template <bool largest, class T>
void best_of_rows(const T* p, T* best, std::int64_t* at, std::int64_t rows, std::int64_t n) {
  parallel_for(rows, std::max<std::int64_t>(1, 16384 / n), [&](std::int64_t b, std::int64_t e) {
    for (auto r = b; r < e; ++r) {
      const T* row = p + r * n;
      T v = row[0];
      if constexpr (std::is_same_v<T, float>)
        (largest ? kernels::max_f32() : kernels::min_f32())(row, &v, 1, n, 1);
      else if constexpr (std::is_same_v<T, double>)
        (largest ? kernels::max_f64() : kernels::min_f64())(row, &v, 1, n, 1);
      else
        v = largest ? *std::max_element(row, row + n) : *std::min_element(row, row + n);
      const T* place = is_nan(v) ? std::find_if(row, row + n, is_nan<T>) : std::find(row, row + n, v);
      best[r] = *place;
      at[r] = place - row;
    }
  });
}

// The first largest (smallest) along an axis; the first NaN wins.
template <bool largest>
Tensors best_along(const Tensor& x, int axis, bool keepdim) {
  const Tensor from = detail::rows_of(x);
  const auto v = detail::around(x.shape(), axis);
  const Shape shape = without_axis(x.shape(), axis, keepdim);
  Tensor values = empty(shape, x.dtype(), x.device()), index = empty(shape, i64, x.device());
  if (index.numel() == 0) return {values, index};
  if (x.device() != cpu) {
    kernels::device_best(x.device())({x.dtype(), largest, v.outer, v.n, v.inner, from.raw(),
                                      const_cast<void*>(values.raw()),
                                      static_cast<std::int64_t*>(const_cast<void*>(index.raw()))});
    return {values, index};
  }
  visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = from.data<T>();
    T* best = values.mutable_data<T>();
    std::int64_t* at = index.mutable_data<std::int64_t>();
    if (v.inner == 1) return best_of_rows<largest>(p, best, at, v.outer, v.n);
    const auto part = std::min<std::int64_t>(v.inner, 512), parts = (v.inner + part - 1) / part;
    parallel_for(v.outer * parts, std::max<std::int64_t>(1, 16384 / (v.n * part)), [&](std::int64_t b, std::int64_t e) {
      for (auto r = b; r < e; ++r) {
        const auto o = r / parts, first = r % parts * part, count = std::min(v.inner - first, part);
        const T* row = p + o * v.n * v.inner + first;
        T* y = best + o * v.inner + first;
        std::int64_t* k = at + o * v.inner + first;
        for (std::int64_t i = 0; i < count; ++i) y[i] = row[i], k[i] = 0;
        for (std::int64_t j = 1; j < v.n; ++j) {
          row += v.inner;
          for (std::int64_t i = 0; i < count; ++i)
            if ((largest ? row[i] > y[i] : row[i] < y[i]) || (is_nan(row[i]) && !is_nan(y[i]))) y[i] = row[i], k[i] = j;
        }
      }
    });
  });
  return {values, index};
}

template <bool largest>
struct BestAlong {
  static constexpr const char* name = largest ? "max" : "min";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  bool keepdim;

  Tensors forward(const Tensor& x) const { return best_along<largest>(x, axis, keepdim); }
  Tensor vjp0(G g, Out<1> index, Like<0> x) const {
    const Tensor wide = keepdim ? g : with_axes(g, {axis}), at = keepdim ? index : with_axes(index, {axis});
    return scatter_add(wide, axis, at, x.shape[axis]);
  }
};

struct Sort {
  static constexpr const char* name = "sort";
  static constexpr Kind kind = Kind::general;
  int axis;  // negative
  bool descending;

  Tensors forward(const Tensor& x) const {
    const Tensor from = detail::rows_of(x);
    const auto v = detail::around(x.shape(), axis);
    Tensor values = empty(x.shape(), x.dtype(), x.device()), index = empty(x.shape(), i64, x.device());
    if (x.numel() == 0) return {values, index};
    if (x.device() != cpu) {
      kernels::device_sort(x.device())({x.dtype(), descending, v.outer, v.n, v.inner, from.raw(),
                                        const_cast<void*>(values.raw()),
                                        static_cast<std::int64_t*>(const_cast<void*>(index.raw()))});
      return {values, index};
    }
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* p = from.data<T>();
      T* q = values.mutable_data<T>();
      std::int64_t* at = index.mutable_data<std::int64_t>();
      parallel_for(v.outer * v.inner, std::max<std::int64_t>(1, 4096 / v.n), [&](std::int64_t b, std::int64_t e) {
        std::vector<std::pair<T, std::int64_t>> lane(static_cast<std::size_t>(v.n));
        for (auto r = b; r < e; ++r) {
          const auto start = r / v.inner * v.n * v.inner + r % v.inner;
          for (std::int64_t j = 0; j < v.n; ++j) lane[static_cast<std::size_t>(j)] = {p[start + j * v.inner], j};
          const auto less = [](T a, T c) { return a < c || (is_nan(c) && !is_nan(a)); };
          std::stable_sort(lane.begin(), lane.end(), [&](const auto& a, const auto& c) {
            return descending ? less(c.first, a.first) : less(a.first, c.first);
          });
          for (std::int64_t j = 0; j < v.n; ++j) {
            q[start + j * v.inner] = lane[static_cast<std::size_t>(j)].first;
            at[start + j * v.inner] = lane[static_cast<std::size_t>(j)].second;
          }
        }
      });
    });
    return {values, index};
  }
  Tensor vjp0(G g, Out<1> index, Like<0> x) const { return scatter_add(g, axis, index, x.shape[axis]); }
};

inline int axis_with_elements(const char* op, const Tensor& x, int axis) {
  const int a = normal_axis(op, axis, x.rank());
  if (x.size(a) == 0) fail(op, "at least one element along axis " + std::to_string(axis), describe(x));
  return a - x.rank();
}

template <bool largest>
std::pair<Tensor, Tensor> best(const Tensor& x, int axis, bool keepdim) {
  if (x.rank() == 0) return best<largest>(reshape(x, {1}), axis, false);
  const BestAlong<largest> op{axis_with_elements(BestAlong<largest>::name, x, axis), keepdim};
  Tensors r = record(op, x);
  return {r[0], r[1]};
}

}  // namespace stein::host

namespace stein {

std::pair<Tensor, Tensor> max(const Tensor& x, int axis, bool keepdim) { return host::best<true>(x, axis, keepdim); }
std::pair<Tensor, Tensor> min(const Tensor& x, int axis, bool keepdim) { return host::best<false>(x, axis, keepdim); }

Tensor argmax(const Tensor& x, int axis, bool keepdim) {
  if (x.rank() == 0) return argmax(reshape(x, {1}), axis);
  return host::best_along<true>(x, host::axis_with_elements("argmax", x, axis), keepdim)[1];
}
Tensor argmin(const Tensor& x, int axis, bool keepdim) {
  if (x.rank() == 0) return argmin(reshape(x, {1}), axis);
  return host::best_along<false>(x, host::axis_with_elements("argmin", x, axis), keepdim)[1];
}

std::pair<Tensor, Tensor> sort(const Tensor& x, int axis, bool descending) {
  if (x.rank() == 0) {
    const auto [value, index] = sort(reshape(x, {1}), axis, descending);
    return {reshape(value, {}), reshape(index, {})};
  }
  Tensors r = record(host::Sort{normal_axis("sort", axis, x.rank()) - x.rank(), descending}, x);
  return {r[0], r[1]};
}

void register_max(OpRegistry& r) {
  // Independent: the order follows from counting, for each element, those that come before it.
  const auto ranked = [](const Tensor& x, int axis, bool descending) {
    if (x.rank() == 0) return Tensors{x, zeros({}, i64)};
    const int a = normal_axis("sort", axis, x.rank()) - x.rank();
    const Tensor t = descending ? -x.detach() : x.detach();
    const Tensor rank =
        stein::sum(cast(lt(unsqueeze(transpose(t, a, -1), -2), unsqueeze(transpose(t, a, -1), -1)), f64), {-1});
    // rank (.., i) = how many are smaller than element i; position p holds the element of rank p
    const Tensor places = arange(0, static_cast<double>(x.size(a)), 1, f64);
    const Tensor hit = cast(eq(unsqueeze(rank, -2), unsqueeze(places, -1)), f64);  // (.., p, i)
    return Tensors{transpose(stein::sum(hit * unsqueeze(transpose(x.detach(), a, -1), -2), {-1}), a, -1),
                   cast(transpose(stein::sum(hit * places, {-1}), a, -1), i64)};
  };
  const auto spec = [](Shape shape) {
    InputSpec s{shape};
    s.distinct = true;
    return std::vector<InputSpec>{s};
  };
  const auto along = [=](bool largest, bool arg) {
    std::vector<Sample> samples;
    const auto add = [&](Shape shape, int axis, bool keepdim) {
      const auto call = [=](const Tensors& in) {
        if (arg) return Tensors{largest ? argmax(in[0], axis, keepdim) : argmin(in[0], axis, keepdim)};
        auto [value, index] = largest ? max(in[0], axis, keepdim) : min(in[0], axis, keepdim);
        return Tensors{value, index};
      };
      samples.push_back({to_string(shape) + " axis " + std::to_string(axis), spec(shape), call, [=](const Tensors& in) {
                           Tensors first;
                           for (const auto& t : ranked(in[0], axis, largest)) {
                             first.push_back(t.rank() ? narrow(t, axis, 0, 1) : t);
                             if (t.rank() && !keepdim) first.back() = squeeze(first.back(), axis);
                           }
                           return arg ? Tensors{first[1]} : first;
                         }});
    };
    add({5}, 0, false);
    add({3, 4}, 0, true);
    add({2, 3, 4}, 1, false);
    add({2, 3, 2, 2}, -1, false);
    add({2, 1}, 1, false);
    add({0, 2}, 1, true);
    add({}, -1, true);
    return samples;
  };
  r.add({"max", "the largest along an axis and its index", Kind::general, along(true, false)});
  r.add({"min", "the smallest along an axis and its index", Kind::general, along(false, false)});
  r.add({"argmax", "index of the largest along an axis", Kind::general, along(true, true), false});
  r.add({"argmin", "index of the smallest along an axis", Kind::general, along(false, true), false});
  const auto sorted = [=](Shape shape, int axis, bool descending) {
    return Sample{to_string(shape) + " axis " + std::to_string(axis) + (descending ? " descending" : ""), spec(shape),
                  [=](const Tensors& in) {
                    auto [value, index] = sort(in[0], axis, descending);
                    return Tensors{value, index};
                  },
                  [=](const Tensors& in) { return ranked(in[0], axis, descending); }};
  };
  r.add({"sort",
         "values in order along an axis, and their indices",
         Kind::general,
         {sorted({5}, 0, false), sorted({3, 4}, 0, true), sorted({2, 3, 2}, 1, false), sorted({2, 1}, -1, false),
          sorted({0, 3}, 1, false), sorted({}, 0, false)}});
}

}  // namespace stein
