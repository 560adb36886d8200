// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <type_traits>

#include "tensor/error.h"

namespace stein {

/// Element types. Derivatives exist for the floating ones; dtypes never mix silently.
enum class DType : std::uint8_t { f32, f64, i64, u8, boolean };

inline constexpr DType f32 = DType::f32;          ///< 32-bit IEEE floats
inline constexpr DType f64 = DType::f64;          ///< 64-bit IEEE floats
inline constexpr DType i64 = DType::i64;          ///< signed 64-bit integers
inline constexpr DType u8 = DType::u8;            ///< bytes, 0 to 255
inline constexpr DType boolean = DType::boolean;  ///< false and true, a byte each

/// Bytes of one element.
constexpr std::size_t size_of(DType t) { return t == f32 ? 4 : t == f64 || t == i64 ? 8 : 1; }
/// Whether derivatives exist: f32 and f64.
constexpr bool is_floating(DType t) { return t == f32 || t == f64; }
/// "f32", "f64", "i64", "u8" or "bool".
constexpr std::string_view name_of(DType t) {
  return t == f32 ? "f32" : t == f64 ? "f64" : t == i64 ? "i64" : t == u8 ? "u8" : "bool";
}
std::ostream& operator<<(std::ostream& out, DType t);  ///< writes name_of(t)

/// The dtype that stores C++ type T.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return f32;
  else if constexpr (std::is_same_v<T, double>)
    return f64;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return i64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return u8;
  else {
    static_assert(std::is_same_v<T, bool>, "stein stores float, double, int64_t, uint8_t and bool");
    return boolean;
  }
}

/// A type as a value, for generic lambdas.
template <class T>
struct TypeTag {
  using type = T;  ///< the type
};

/// Calls f(TypeTag<T>{}) with the C++ type of `t`.
template <class F>
decltype(auto) visit_dtype(DType t, F&& f) {
  switch (t) {
    case DType::f32:
      return f(TypeTag<float>{});
    case DType::f64:
      return f(TypeTag<double>{});
    case DType::i64:
      return f(TypeTag<std::int64_t>{});
    case DType::u8:
      return f(TypeTag<std::uint8_t>{});
    case DType::boolean:
      break;
  }
  return f(TypeTag<bool>{});
}

/// Calls f(TypeTag<float or double>{}); any other dtype is an error in the name of `op`.
template <class F>
decltype(auto) visit_floating(std::string_view op, DType t, F&& f) {
  if (t == f32) return f(TypeTag<float>{});
  if (t != f64) fail(op, "a floating dtype (f32 or f64)", name_of(t), "convert it first, for example x.to(stein::f32)");
  return f(TypeTag<double>{});
}

}  // namespace stein
