// SPDX-License-Identifier: MIT
#include "nn/detail/update.h"

#include <algorithm>

#include "nn/detail/update_device.h"
#include "tensor/thread_pool.h"

namespace stein::nn::detail {

void check_like(std::string_view op, std::string_view what, const Tensor& t, const Tensor& like) {
  if (t.shape() != like.shape() || t.dtype() != like.dtype() || t.device() != like.device())
    fail(op, std::string(what) + " " + describe(like), describe(t));
}

namespace {

using kernels::UpdateArrays;

// Elements whose five arrays stay in the second cache between an update and its average; a multiple of every pack.
constexpr std::int64_t kPiece = 4096;

void* written(Tensor t) {
  if (!t.defined()) return nullptr;
  t.impl().storage->bump_version();
  return const_cast<void*>(t.raw());
}

UpdateArrays arrays_of(const Update& u) {
  const auto slot = [&](std::size_t k) { return k < u.slots.size() ? written(u.slots[k]) : nullptr; };
  const bool stays = u.rule.kind == UpdateRule::Kind::none;
  return {u.parameter.numel(),
          stays ? const_cast<void*>(u.parameter.raw()) : written(u.parameter),
          stays ? nullptr : u.gradient.raw(),
          slot(0),
          slot(1),
          written(u.average)};
}

template <class T>
void piece(const UpdateRule& rule, double weight, const UpdateArrays& all, std::int64_t first, std::int64_t n) {
  const auto at = [&](auto* address) {
    return address ? static_cast<T*>(const_cast<void*>(static_cast<const void*>(address))) + first : nullptr;
  };
  T* p = at(all.p);
  if (rule.kind == UpdateRule::Kind::sgd)
    pick<T>(kernels::sgd_f32(), kernels::sgd_f64())(p, at(all.g), at(all.m), n, rule.sgd);
  else if (rule.kind == UpdateRule::Kind::adam)
    pick<T>(kernels::adam_f32(), kernels::adam_f64())(p, at(all.g), at(all.m), at(all.v), n, rule.adam);
  if (all.average) pick<T>(kernels::lerp_f32(), kernels::lerp_f64())(at(all.average), p, n, weight);
}

void update_on_cpu(const std::vector<const Update*>& updates) {
  struct Piece {
    std::size_t update;
    std::int64_t first;
  };
  std::vector<UpdateArrays> arrays;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    arrays.push_back(arrays_of(*updates[i]));
    for (std::int64_t first = 0; first < arrays[i].n; first += kPiece) pieces.push_back({i, first});
  }
  parallel_for(static_cast<std::int64_t>(pieces.size()), 8, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto [k, first] = pieces[static_cast<std::size_t>(i)];
      const Update& u = *updates[k];
      const auto n = std::min(kPiece, arrays[k].n - first);
      u.parameter.dtype() == f64 ? piece<double>(u.rule, u.weight, arrays[k], first, n)
                                 : piece<float>(u.rule, u.weight, arrays[k], first, n);
    }
  });
}

}  // namespace

void update_all(const std::vector<Update>& updates) {
  std::vector<const Update*> here, left;
  for (const auto& u : updates) (u.parameter.device() == cpu ? here : left).push_back(&u);
  update_on_cpu(here);
  while (!left.empty()) {
    const Update& u = *left.front();
    std::vector<UpdateArrays> arrays;
    std::vector<const Update*> others;
    for (const auto* v : left) {
      const bool alike = v->rule == u.rule && v->weight == u.weight && v->parameter.dtype() == u.parameter.dtype() &&
                         v->parameter.device() == u.parameter.device();
      alike ? arrays.push_back(arrays_of(*v)) : others.push_back(v);
    }
    kernels::device_update(u.parameter.device())(
        {u.parameter.dtype() == f64, u.rule, u.weight, arrays.data(), arrays.size()});
    left = std::move(others);
  }
}

}  // namespace stein::nn::detail
