// The rows.  FORMAT.md says them again in words; a test keeps the two together.
#include "format/decide.h"

#include <algorithm>

namespace durra::format {
namespace {

using enum Ask;

constexpr RegionRow kRegionRows[] = {
    {no, {}, any, any, any, Action::damage, "the state word is not what was written"},
    {yes, Life::ended, any, yes, yes, Action::damage, "what was durable has no header"},
    {yes, Life::ended, any, yes, no, Action::free, "claimed, and never made durable"},
    {yes, Life::ended, any, no, any, Action::free, "over, or never used"},
    {yes, Life::same, yes, any, any, Action::free, "an index is derived"},
    {yes, Life::newer, yes, any, any, Action::free, "an index is derived"},
    {yes, Life::same, no, yes, any, Action::parse_strict, "below synced everything is on the disk"},
    {yes, Life::same, no, no, any, Action::parse, "only a later life proves this one over"},
    {yes, Life::newer, no, any, any, Action::parse, "the descriptor is older than the header"},
};

constexpr TrustRow kTrustRows[] = {
    {yes, no, any, any, any, any, Trust::warm, "a living participant maps this very file"},
    {yes, yes, any, any, any, any, Trust::refuse, "nobody may live during a rebuild"},
    {no, yes, any, any, any, any, Trust::rebuild, "asked for"},
    {no, no, yes, any, any, any, Trust::rebuild, "changed by a stranger: restored in place"},
    {no, no, no, no, any, any, Trust::rebuild, "a copy, or no inode handles: clean may be copied over torn pages"},
    {no, no, no, yes, yes, any, Trust::clean, "closed in order, in this file"},
    {no, no, no, yes, no, yes, Trust::same_boot, "the page cache is the one that was written to"},
    {no, no, no, yes, no, no, Trust::rebuild, "reboot, remount, or nobody can tell"},
};

constexpr bool asks(Ask a, bool b) noexcept { return a == any || (a == yes) == b; }

}  // namespace

std::span<const RegionRow> region_rows() noexcept { return kRegionRows; }
std::span<const TrustRow> trust_rows() noexcept { return kTrustRows; }

bool matches(const RegionRow& row, const RegionEvidence& e) noexcept {
  return asks(row.crc_ok, e.crc_ok) && (!row.life || *row.life == e.life) && asks(row.index, e.index) &&
         asks(row.used, e.used) && asks(row.synced, e.synced);
}

bool matches(const TrustRow& row, const OpenEvidence& e) noexcept {
  return asks(row.lived_in, e.lived_in) && asks(row.asked, e.asked) && asks(row.touched, e.touched) &&
         asks(row.same_file, e.same_file) && asks(row.clean, e.clean) && asks(row.same_boot, e.same_boot);
}

Action decide(const RegionEvidence& e) noexcept {
  return std::ranges::find_if(kRegionRows, [&](const RegionRow& row) { return matches(row, e); })->action;
}

Trust decide(const OpenEvidence& e) noexcept {
  return std::ranges::find_if(kTrustRows, [&](const TrustRow& row) { return matches(row, e); })->trust;
}

RegionEvidence evidence(const Descriptor& d, const RegionHeader* header) noexcept {
  RegionEvidence e{intact(d.state), Life::ended, false, false, false};
  const RegionWord w = unpack(d.state);
  if (header != nullptr && header->generation >= life_floor(w)) {
    e.life = header->generation == w.generation ? Life::same : Life::newer;
    e.index = header->type == static_cast<std::uint64_t>(RegionType::index);
  }
  const bool held = w.state == RegionState::open || w.state == RegionState::partial || w.state == RegionState::sealed ||
                    w.state == RegionState::compacting;
  e.used = w.type != RegionType::index && held && d.synced >> 48 == (w.generation & 0xffff);
  e.synced = untag(d.synced, w.generation) != 0;
  return e;
}

bool same_file(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept {
  return stored.check == identity_check(stored, store_seed) && stored.handle_size != 0 &&
         stored.handle_size == now.handle_size && stored.handle_type == now.handle_type &&
         stored.handle == now.handle && stored.inode == now.inode && stored.birth_ns == now.birth_ns;
}

bool same_boot(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept {
  return same_file(stored, now, store_seed) && stored.boot_id == now.boot_id && stored.mount_id != 0 &&
         stored.mount_id == now.mount_id && stored.device == now.device;
}

bool other_cache(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept {
  if (stored.check != identity_check(stored, store_seed)) return false;
  const bool handles = stored.handle_size != 0 && now.handle_size != 0;
  return stored.boot_id != now.boot_id || (handles && !same_file(stored, now, store_seed));
}

const char* name(Life l) noexcept {
  switch (l) {
    case Life::ended: return "ended";
    case Life::same: return "same";
    case Life::newer: return "newer";
  }
  return "unknown";
}

const char* name(Action a) noexcept {
  switch (a) {
    case Action::free: return "free";
    case Action::parse: return "parse";
    case Action::parse_strict: return "parse_strict";
    case Action::damage: return "damage";
  }
  return "unknown";
}

const char* name(Trust t) noexcept {
  switch (t) {
    case Trust::warm: return "warm";
    case Trust::clean: return "clean";
    case Trust::same_boot: return "same_boot";
    case Trust::rebuild: return "rebuild";
    case Trust::refuse: return "refuse";
  }
  return "unknown";
}

}  // namespace durra::format
