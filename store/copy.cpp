// Filling a fresh store.
#include "store/copy.h"

#include "store/block.h"
#include "store/create.h"
#include "store/open.h"
#include "store/stamp.h"

namespace durra::detail {

Result<FreshStore> FreshStore::create(const std::string& path, const format::Superblock& like) {
  if (os::open(path, os::Access::read)) return Error{Code::conflict, 0, 0, "the new file exists already"};
  Options o;
  o.region_size = like.region_size;
  o.max_size = like.region_count * like.region_size;
  o.participants = like.seat_count;
  auto file = create_unnamed(path, o);
  if (!file) return file.error();
  auto store = open_unnamed(*file, path);
  if (!store) return store.error();
  return FreshStore(*std::move(file), *std::move(store));
}

Result<void> FreshStore::add(const Key& key, format::Shape shape, std::uint64_t stamp,
                             const std::function<Result<void>(std::span<std::byte>)>& fill,
                             const format::BlockHead* block) {
  Handle& h = *handle_of(*store_);
  Change c;
  c.key = view(h, key);
  c.shape = shape;
  c.shape.relocated = true;
  if (format::in_batch(shape.kind)) c.shape.kind = format::RecordKind::put;  // only what lives is copied
  c.fill = &fill;
  c.stamp = stamp;
  c.block = block;
  auto done = block != nullptr ? append_block(h, c) : append(h, c);
  if (!done) return done.error();
  return {};
}

Result<void> FreshStore::finish(std::uint64_t clock, std::uint64_t floor) {
  Handle& h = *handle_of(*store_);
  advance_clock(h, clock);
  shared::raise(h.space.control().gen_floor, std::min(floor, format::kGenerationMax / 2));
  store_.reset();  // the last participant: everything is written back, the file is clean
  auto named = file_.publish();
  if (!named && named.error().code == Code::busy) return Error{Code::conflict, 0, 0, "the new file exists already"};
  return named;
}

}  // namespace durra::detail
