// verify and recover on a store file with hostile words: what they keep answers in the new store.
#include "fuzz/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const durra::fuzz::Base base(durra::fuzz::scratch_path("recover"));
  durra::fuzz::write_file(base.path, durra::fuzz::edited(base, {data, size}));
  const std::string fresh = base.path + ".fresh";
  ::unlink(fresh.c_str());
  (void)durra::verify(base.path);
  auto salvage = durra::recover(base.path, fresh, size % 2 == 1);
  if (!salvage) return 0;
  {
    auto store = durra::open(fresh);
    durra::fuzz::must(static_cast<bool>(store), "a recovered store does not open");
    std::uint64_t records = 0;
    auto all = store->records();
    for (auto& r : all) {
      durra::fuzz::must(static_cast<bool>(r.intact()), "a recovered record is damaged");
      ++records;
    }
    durra::fuzz::must(records <= salvage->kept, "a recovered store holds more than was kept");
  }
  auto verdict = durra::verify(fresh);
  durra::fuzz::must(verdict && verdict->damage.empty(), "a recovered store is damaged");
  ::unlink(fresh.c_str());
  return 0;
}
