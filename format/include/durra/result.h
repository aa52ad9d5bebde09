// Errors are values.  Everything that can fail returns Result<T>; nothing in the library logs, exits or throws,
// but std::bad_alloc and what your own callback throws.
//
// After std::bad_alloc the call has done nothing or all of it (but for durability, as with sync_lost; a compaction,
// what it came to), nothing is held for it, and everything may be used on.  What is noexcept, destructors too, ends no
// process for want of memory: it leaves undone what can be done later.
#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace durra {

// What went wrong.  The numbers are part of the interface: they are never reused for another meaning.
enum class Code : std::uint16_t {
  not_found = 1,    // no such key, no such file
  conflict = 2,     // put_if/erase_if: another version is there; nothing was changed
  timeout = 3,      // waited as long as asked
  busy = 4,         // a living process holds what this needs; the message names it
  full = 5,         // disk, quota, max_size or seat table; the store is as it was
  mismatch = 6,     // the name exists with another type, shape or size
  damaged = 7,      // bytes contradict FORMAT.md; the message gives the file offset
  sync_lost = 8,    // a sync failed earlier, here or elsewhere: puts since then may not survive power loss
  unsupported = 9,  // not a durra file, another format, a file system that cannot do this, or not offered yet
  evicted = 10,     // this handle lost its seat (lock lost, process image restored); open again
  forked = 11,      // this handle was opened before fork(); open the store again in the child
  read_only = 12,   // the handle may not write
  too_large = 13,   // a key, payload or batch over its limit; `detail` is the limit
  invalid = 14,     // the caller's mistake
  io = 15,          // the kernel said no; the message has errno
};

// The name of a code, as the command line prints it ("not_found").  Static storage.
const char* name(Code) noexcept;

// A value of 32 bytes: cheap to return, needs no allocation.
struct [[nodiscard]] Error {
  Code code;
  std::uint16_t errno_value = 0;  // of the failed system call; 0 when there was none
  std::uint64_t detail = 0;       // file offset (damaged), limit (too_large), bytes missing (full), pid (busy)
  const char* what = nullptr;     // what exactly, in static storage; null: the code says it all
  std::uint64_t available = 0;    // full: bytes that were left (with errno) or the limit in bytes; else 0

  // One line without the path: "damaged at 0x4c0: record checksum mismatch".
  std::string message() const;
};

// Thrown by Result::value(), in the caller's code, never by the library.
struct Failure : std::runtime_error {
  explicit Failure(Error e) : std::runtime_error(e.message()), error(e) {}
  Error error;
};

namespace detail {
[[noreturn]] void fail(const Error&);  // throws Failure; out of line, so that users may compile with -fno-exceptions
}

// A value or an Error.  Our own class, because an alias that changes with the language standard (tl::expected today,
// std::expected tomorrow) changes the ABI without a diagnostic.
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, bool>, "if (result) would mean two things; use Result<void> and a Code");
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  Result()
    requires std::is_void_v<T>
      : v_(std::in_place_index<0>) {}
  template <class U = Stored>
    requires(!std::is_void_v<T> && std::is_constructible_v<Stored, U &&> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : v_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(Error e) : v_(std::in_place_index<1>, e) {}

  explicit operator bool() const noexcept { return v_.index() == 0; }
  const Error& error() const { return std::get<1>(v_); }

  Stored& operator*() & { return *std::get_if<0>(&v_); }
  const Stored& operator*() const& { return *std::get_if<0>(&v_); }
  Stored&& operator*() && { return std::move(*std::get_if<0>(&v_)); }
  Stored* operator->() & { return std::get_if<0>(&v_); }
  const Stored* operator->() const& { return std::get_if<0>(&v_); }
  Stored* operator->() && = delete;  // a pointer into a temporary; name the result first, or use value()

  Stored& value() & {
    check();
    return **this;
  }
  Stored value() && {
    check();
    return std::move(*std::get_if<0>(&v_));
  }

 private:
  void check() const {
    if (!*this) detail::fail(error());
  }
  std::variant<Stored, Error> v_;
};

}  // namespace durra
