// Where an x86-64 instruction may store.  Intel's manual, volume 2: 2.1 to 2.7 (prefixes, ModRM, VEX, EVEX), appendix
// A.
#include "tests/testing/decode.h"

#include <cstring>

namespace durra::testing {
namespace {

constexpr std::uint64_t kWidest = 64;  // bytes of the widest store

template <class T>
T read(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

struct Prefixes {
  bool segment = false;      // fs or gs: thread-local, never in a file
  bool index_high = false;   // REX.X
  bool base_high = false;    // REX.B
  bool scaled_disp = false;  // EVEX: an 8-bit displacement counts in units that depend on the instruction
};

// ModRM, SIB and displacement, from the ModRM byte on.
Operand operand(const std::uint8_t* at, const Prefixes& p, const Registers& r) noexcept {
  const unsigned mod = *at >> 6, rm = *at & 7;
  ++at;
  if (mod == 3 || p.segment || (mod == 0 && rm == 5)) return {};
  std::uint64_t address = 0;
  bool has_base = true;
  if (rm == 4) {
    const unsigned scale = *at >> 6, index = (*at >> 3 & 7u) | (p.index_high ? 8u : 0), base = *at & 7;
    ++at;
    if (index != 4) address += r.general[index] << scale;
    has_base = mod != 0 || base != 5;
    if (has_base) address += r.general[base | (p.base_high ? 8u : 0)];
  } else {
    address += r.general[rm | (p.base_high ? 8u : 0)];
  }
  const auto add = [&](std::int64_t n) { address += static_cast<std::uint64_t>(n); };
  if (mod == 2 || !has_base) add(read<std::int32_t>(at));
  if (mod == 1 && p.scaled_disp) return {false, address - 128 * kWidest, 256 * kWidest};
  if (mod == 1) add(read<std::int8_t>(at));
  return {false, address, kWidest};
}

bool has_modrm(std::uint8_t op) noexcept {
  if (op < 0x40) return (op & 7) < 4;
  switch (op) {
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff: return true;
    default: return (op >= 0x80 && op <= 0x8f) || (op >= 0xd0 && op <= 0xd3) || (op >= 0xd8 && op <= 0xdf);
  }
}

bool has_modrm_0f(std::uint8_t op) noexcept {
  switch (op) {
    case 0x05:
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0b:
    case 0x0e:
    case 0x77:
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa8:
    case 0xa9:
    case 0xaa: return false;
    default: return !(op >= 0x30 && op <= 0x37) && !(op >= 0x80 && op <= 0x8f) && !(op >= 0xc8 && op <= 0xcf);
  }
}

// Opcodes behind 0F.
Operand decode_0f(const std::uint8_t* at, const Prefixes& p, const Registers& r) noexcept {
  const std::uint8_t op = *at++;
  if (op == 0x05) return {true, 0, 0};
  if (op == 0x38 || op == 0x3a) return operand(at + 1, p, r);
  if (op == 0xf7) return {false, r.general[7], kWidest};  // maskmov: to rdi
  return has_modrm_0f(op) ? operand(at, p, r) : Operand{};
}

// VEX and EVEX; vzeroupper is the one without ModRM.
Operand decode_vex(const std::uint8_t* at, Prefixes p, const Registers& r) noexcept {
  const std::uint8_t first = *at++;
  const std::uint8_t bits = *at;
  const bool wide = first != 0xc5;
  if (wide) {
    p.index_high = (bits & 0x40) == 0;
    p.base_high = (bits & 0x20) == 0;
  }
  p.scaled_disp = first == 0x62;
  at += first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3;
  const bool zeroupper = *at == 0x77 && first != 0x62 && (!wide || (bits & 0x1f) == 1);
  return zeroupper ? Operand{} : operand(at + 1, p, r);
}

}  // namespace

Operand decode(const std::uint8_t* at, const Registers& r) noexcept {
  Prefixes p;
  for (bool prefix = true; prefix;) {
    switch (*at) {
      case 0x64:
      case 0x65: p.segment = true; [[fallthrough]];
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x66:
      case 0x67:
      case 0xf0:
      case 0xf2:
      case 0xf3: ++at; break;
      default: prefix = false;
    }
  }
  if ((*at & 0xf0) == 0x40) {
    p.index_high = (*at & 2) != 0;
    p.base_high = (*at & 1) != 0;
    ++at;
  }
  const std::uint8_t op = *at;
  switch (op) {
    case 0x0f: return decode_0f(at + 1, p, r);
    case 0x62:
    case 0xc4:
    case 0xc5: return decode_vex(at, p, r);
    case 0x6c:
    case 0x6d:
    case 0xa4:
    case 0xa5:
    case 0xaa:
    case 0xab: return {false, r.general[7], kWidest};  // strings
    case 0xa2:
    case 0xa3: return {false, read<std::uint64_t>(at + 1), kWidest};
    default: return has_modrm(op) ? operand(at + 1, p, r) : Operand{};
  }
}

}  // namespace durra::testing
