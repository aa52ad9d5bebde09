// What goes in and what names it: Bytes, Key, Stamp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace durra {

// What may lie in a file: plain values without pointers and without padding (padding would leak stack bytes).
// Floating-point members need the user's word: specialise durra::no_padding<T>.
template <class T>
inline constexpr bool no_padding = std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>;
template <class T>
concept Storable = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && no_padding<T>;

// A borrowed run of bytes, for parameters only.  Text, containers of plain values, spans.
class Bytes {
 public:
  Bytes(std::string_view s) : b_(std::as_bytes(std::span(s))) {}
  Bytes(const char* s) : Bytes(std::string_view(s)) {}
  Bytes(const std::string& s) : Bytes(std::string_view(s)) {}
  template <class T, std::size_t N>
    requires Storable<std::remove_const_t<T>>
  Bytes(std::span<T, N> s) : b_(std::as_bytes(s)) {}
  template <class C>
    requires requires(const C& c) {
      c.data();
      c.size();
      typename C::value_type;
    } && Storable<typename C::value_type>
  Bytes(const C& c) : b_(std::as_bytes(std::span(c.data(), c.size()))) {}
  std::span<const std::byte> span() const noexcept { return b_; }

 private:
  std::span<const std::byte> b_;
};

// The bytes of one plain value: store.put("pos", durra::bytes_of(p)).  Borrowed: for use within one expression.
template <Storable T>
Bytes bytes_of(const T& v) {
  return Bytes(std::span<const T, 1>(&v, 1));
}

// A 64-bit integer (-1 and 2^64-1 are one key) or a string of 1 to 1,024 bytes.  7 and "7" are two keys: a get never
// answers with the other's record.  Strings that begin with byte 0 are the library's own and refused (`invalid`).
// Borrows the string: for parameters only.
class Key {
 public:
  template <class I>
    requires(std::is_integral_v<I> && sizeof(I) <= 8 && !std::is_same_v<I, bool> && !std::is_same_v<I, char> &&
             !std::is_same_v<I, wchar_t> && !std::is_same_v<I, char8_t> && !std::is_same_v<I, char16_t> &&
             !std::is_same_v<I, char32_t>)
  Key(I id) : id_(static_cast<std::uint64_t>(id)), is_text_(false) {}
  Key(std::nullptr_t) = delete;
  Key(std::string_view s) : text_(s) {}
  Key(const char* s) : text_(s) {}
  Key(const std::string& s) : text_(s) {}

  bool is_text() const noexcept { return is_text_; }
  std::uint64_t id() const noexcept { return id_; }         // 0 for a string
  std::string_view text() const noexcept { return text_; }  // "" for an integer

 private:
  std::uint64_t id_ = 0;
  std::string_view text_;
  bool is_text_ = true;
};

// The version of a record.  Later is greater, for one key; never reused in a file.  No arithmetic, on purpose.
// People see it as "time.count": the upper 48 and the lower 16 bits.
enum class Stamp : std::uint64_t {};
inline constexpr Stamp absent{0};  // put_if(key, bytes, absent) creates, never replaces

inline namespace literals {
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
}  // namespace literals
}  // namespace durra
