// Names of element types as NumPy and Zarr write them.
#pragma once
#include <bit>
#include <concepts>
#include <string_view>
#include <type_traits>

namespace durra {

// Integers, bool, float and double: what an array in a file may consist of, on every machine alike.
template <class T>
concept Element = std::integral<T> || std::same_as<T, float> || std::same_as<T, double>;

// "<f8", "|b1", "<i4": little-endian, kind, bytes.  Static storage.
template <Element T>
constexpr std::string_view dtype_of() noexcept {
  static_assert(std::endian::native == std::endian::little);
  if constexpr (std::is_same_v<T, bool>) return "|b1";
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? "<f4" : "<f8";
  constexpr std::string_view kSigned[] = {"|i1", "<i2", "<i4", "<i8"}, kUnsigned[] = {"|u1", "<u2", "<u4", "<u8"};
  constexpr int log2 = std::countr_zero(sizeof(T));
  return std::is_signed_v<T> ? kSigned[log2] : kUnsigned[log2];
}

}  // namespace durra
