// A fresh store filled with records of another, for backup and recover.
#pragma once
#include <durra/care.h>

#include "store/append.h"
#include "store/os.h"

namespace durra::detail {

// A store of the same geometry that has no name until `finish`; dropped before, it never was.
class FreshStore {
 public:
  // Times of stamps from here on would leave the new store's clock too little room to be opened, and rebuilt.
  static constexpr std::uint64_t kTimeEnd = format::kStampTimeMax - (1ull << 40) - (1ull << 32);

  static Result<FreshStore> create(const std::string& path, const format::Superblock& like);

  // A record with this key, shape and stamp; `fill` writes its stored payload.  `block`: its head, if it is one.
  Result<void> add(const Key& key, format::Shape shape, std::uint64_t stamp,
                   const std::function<Result<void>(std::span<std::byte>)>& fill,
                   const format::BlockHead* block = nullptr);
  // Writes everything back and gives the file its name.  `conflict` when the name is taken.  `floor`: generations of
  // lives and seats begin there.
  Result<void> finish(std::uint64_t clock, std::uint64_t floor);

 private:
  FreshStore(os::NewFile file, Store store) : file_(std::move(file)), store_(std::move(store)) {}
  os::NewFile file_;
  std::optional<Store> store_;
};

}  // namespace durra::detail
