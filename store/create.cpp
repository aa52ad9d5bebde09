// Creation: fill a file without a name, write it back, give it its name (facts 8 of RELIABILITY: atomic on every
// file system that is supported).  † a death before the name leaves nothing.
#include "store/create.h"

#include "format/checksum.h"
#include "format/head.h"
#include "format/seat.h"
#include "store/os.h"
#include "store/step.h"

namespace durra::detail {
namespace {

Result<format::Superblock> superblock_for(const Options& o) {
  const format::Geometry geometry{o.region_size, o.max_size, o.participants};
  if (const auto why = format::check(geometry)) return Error{Code::invalid, 0, 0, why};
  std::array<std::uint8_t, 16> uuid;
  if (auto done = os::random(uuid.data(), uuid.size()); !done) return done.error();
  return format::make_superblock(geometry, uuid, os::now_ns());
}

Result<void> write_control(const os::File& file, const format::Superblock& super) {
  format::Control control{};
  control.epoch = 1;
  control.clock = 1;
  control.clean = format::kDirty;
  const auto now = os::identity(file);
  if (!now) return now.error();
  control.identity = *now;
  control.identity.check = format::identity_check(*now, format::store_seed(super.uuid));
  if (auto done = os::write_at(file, format::kControlOffset, &control, sizeof control); !done) return done;
  // The first beat: a cold opener compares the newest with the time of the file's last change (F9).
  const std::uint64_t beat = os::now_ns();
  return os::write_at(file, super.seats_offset + offsetof(format::Seat, beat_ns), &beat, sizeof beat);
}

}  // namespace

Result<os::NewFile> create_unnamed(const std::string& path, const Options& o) {
  const auto super = superblock_for(o);
  if (!super) return super.error();
  auto made = os::NewFile::create(path, o.permissions);
  if (!made) return made.error();
  const os::File& file = made->file();
  const auto system = os::file_system(file);
  if (!system) return system.error();
  if (!system->supported)
    return Error{Code::unsupported, 0, 0,
                 "this file system cannot share a mapping safely (ext4, xfs, btrfs, tmpfs and overlayfs can)"};
  if (system->volatile_ && o.durability != Durability::process)
    return Error{Code::unsupported, 0, 0, "this file system's files do not survive a power cut"};
  if (auto done = os::allocate(file, 0, format::kSeatsOffset); !done) return done.error();
  if (auto done = os::write_at(file, 0, &*super, sizeof *super); !done) return done.error();
  if (auto done = write_control(file, *super); !done) return done.error();
  const std::byte last{0};  // the head up to the regions is part of the file from the start, mostly as a hole
  if (auto done = os::write_at(file, super->regions_offset - 1, &last, 1); !done) return done.error();
  return made;
}

Result<void> create(const std::string& path, const Options& o) {
  auto made = create_unnamed(path, o);
  if (!made) return made.error();
  step("create.1");
  return made->publish();
}

}  // namespace durra::detail
