// SPDX-License-Identifier: MIT
// Intrusive reference counting: one word per object, no control block.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace stein {

/// Base of everything that is shared by reference count. `destroy` runs when the last reference goes.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) {}  ///< a copy is an object of its own, referenced by nobody
  /// References count objects, not values: nothing is assigned.
  Counted& operator=(const Counted&) { return *this; }
  std::uint32_t references() const { return count_.load(std::memory_order_acquire); }  ///< how many Refs hold it

 protected:
  virtual ~Counted() = default;
  /// What runs when the last reference goes.
  virtual void destroy() const { delete this; }

 private:
  template <class T>
  friend class Ref;
  mutable std::atomic<std::uint32_t> count_{0};
};

/// Owning pointer to a Counted object.
template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}                                       ///< null
  explicit Ref(T* p) : p_(p) { retain(); }                     ///< takes part in owning `p`; null stays null
  Ref(const Ref& o) : p_(o.p_) { retain(); }                   ///< one more owner
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}  ///< leaves null behind
  /// From a reference to a derived class.
  template <class U>
  Ref(const Ref<U>& o) : p_(o.get()) {
    retain();
  }
  /// Gives up what it held.
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() { release(); }

  T* get() const { return p_; }                                                ///< null when empty
  T* operator->() const { return p_; }                                         ///< not for an empty one
  T& operator*() const { return *p_; }                                         ///< not for an empty one
  explicit operator bool() const { return p_ != nullptr; }                     ///< whether it holds anything
  friend bool operator==(const Ref& a, const Ref& b) { return a.p_ == b.p_; }  ///< whether both hold the same object

 private:
  void retain() const {
    if (p_) base()->count_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() const {
    if (p_ && base()->count_.fetch_sub(1, std::memory_order_acq_rel) == 1) base()->destroy();
  }
  const Counted* base() const { return p_; }

  T* p_ = nullptr;
};

/// A new T(args...) and its first reference.
template <class T, class... A>
Ref<T> make_ref(A&&... args) {
  return Ref<T>(new T(std::forward<A>(args)...));
}

}  // namespace stein
