// SPDX-License-Identifier: MIT
// Part of tensor/kernel.h: the real launch.
#pragma once

#include "tensor/detail/cuda_runtime.h"

#define STEIN_KERNEL __device__
#define STEIN_UNROLL _Pragma("unroll")
#define STEIN_FOUR_AT_ONCE _Pragma("unroll 4")
#define STEIN_SHARED(type, name, count) \
  __shared__ type name##_memory[count]; \
  const ::stein::STEIN_UNIT::View<type> name(name##_memory)

namespace stein::STEIN_UNIT {

/// Elements of type T in device memory; View<const T> for reading.
template <class T>
class View {
 public:
  View() = default;
  __host__ __device__ View(T* address) : address_(address) {}
  __device__ explicit operator bool() const { return address_; }
  template <class I>
  __device__ T& operator[](I i) const {
    return address_[i];
  }
  /// Makes element i, a 64-bit integer, 1: true for the one thread that found 0 there.
  __device__ bool claim(std::int64_t i) const {
    static_assert(sizeof(T) == sizeof(unsigned long long));
    return atomicCAS(reinterpret_cast<unsigned long long*>(address_ + i), 0ull, 1ull) == 0;
  }
  template <class I>
  __device__ View operator+(I i) const {
    return address_ + i;
  }
  template <int kCount, class I>
  __device__ Pack<std::remove_const_t<T>, kCount> load(I i) const {
    return *reinterpret_cast<const Pack<std::remove_const_t<T>, kCount>*>(address_ + i);
  }
  template <int kCount, class I>
  __device__ void store(I i, const Pack<T, kCount>& pack) const {
    *reinterpret_cast<Pack<T, kCount>*>(address_ + i) = pack;
  }

 private:
  T* address_ = nullptr;
};

/// A register.
template <class T>
class Local {
 public:
  __device__ explicit Local(T value) : value_(value) {}
  __device__ T& operator[](int) { return value_; }

 private:
  friend class Block;
  T value_;
};

/// One block of threads, seen by one of them.
class Block {
 public:
  __device__ int size() const { return static_cast<int>(blockDim.x); }
  __device__ std::int64_t index() const { return blockIdx.x; }
  __device__ std::int64_t count() const { return gridDim.x; }
  __device__ std::int64_t first(int t) const { return std::int64_t{blockIdx.x} * blockDim.x + t; }
  __device__ std::int64_t step() const { return std::int64_t{gridDim.x} * blockDim.x; }
  template <class T>
  __device__ Local<T> local(T value = {}) const {
    return Local<T>(value);
  }
  template <class F>
  __device__ void threads(const F& f) {
    f(static_cast<int>(threadIdx.x));
  }
  template <class F>
  __device__ void phase(const F& f) {
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
  }
  template <class T>
  __device__ Local<T> shuffle_down(const Local<T>& values, int delta) {
    return Local<T>(__shfl_down_sync(0xffffffffu, values.value_, delta));
  }
};

template <class K>
__global__ void run(const __grid_constant__ K kernel) {
  Block block;
  kernel(block);
}

/// Runs a kernel in this thread's stream. Throws Error when the launch is refused.
template <class K>
void launch(const K& kernel, const Grid& grid) {
  static_assert(sizeof(K) <= 32764, "a kernel's parameters, since CUDA 12.1");
  if (grid.blocks == 0) return;
  run<<<static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.threads), 0, ::stein::detail::cuda::stream()>>>(
      kernel);
  ::stein::detail::cuda::check(K::name, cudaGetLastError());
}

}  // namespace stein::STEIN_UNIT
