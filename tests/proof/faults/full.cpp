// A disk that is full at a given byte.
#include "tests/proof/faults/full.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>

#include "tests/proof/faults/world.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class Bounded {
 public:
  Bounded(Limit limit, std::uint64_t bytes, std::string folder) : limit_(limit), folder_(std::move(folder)) {
    if (limit_ == Limit::file_size) {
      set_limit(bytes);
      return;
    }
    static const bool can_mount = get_own_mounts();  // of this process
    if (!can_mount) return;
    const std::string size = "size=" + std::to_string(bytes);
    there_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, size.c_str()) == 0;
  }
  ~Bounded() {
    if (limit_ == Limit::file_size) set_limit(RLIM_INFINITY);
    if (limit_ == Limit::disk && there_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  Bounded(const Bounded&) = delete;

  explicit operator bool() const { return there_; }
  void make_room() {
    if (limit_ == Limit::file_size) return set_limit(RLIM_INFINITY);
    if (::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, "size=64m") != 0) throw std::runtime_error("remount");
  }

 private:
  void set_limit(rlim_t bytes) {
    rlimit r{};
    ::getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = std::min(bytes, r.rlim_max);
    there_ = ::setrlimit(RLIMIT_FSIZE, &r) == 0;
  }

  Limit limit_;
  std::string folder_;
  bool there_ = false;
};

// Records of all sizes, some in batches, until three in a row did not fit.
void fill_up(World& w) {
  constexpr std::size_t kSizes[] = {100, 3'000, 700, 20'000, 40, 9'000, 70'000};
  int refused = 0;
  for (unsigned i = 0; refused < 3 && i < 60; ++i) {
    const std::string key = "key/" + std::to_string(i), value = noise(kSizes[i % std::size(kSizes)], i);
    const auto before = w.model().size();
    if (i % 5 == 4)
      w.batch({{key, value}, {key + "/too", noise(300, i)}, {"both", std::to_string(i)}});
    else
      w.put(key, value);
    refused = w.model().size() == before ? refused + 1 : 0;
  }
  for (unsigned i = 0; i < 4; ++i) w.put("key/" + std::to_string(i), "overwritten");
}

void work_when_full(World& w) {
  w.look();
  w.ok(compact(*w.store, {.keep_erased = std::chrono::milliseconds(0)}), "compact");
  w.look();
  for (unsigned i = 0; i < 60; i += 3)
    if (w.model().contains("key/" + std::to_string(i))) w.erase("key/" + std::to_string(i));
  w.ok(compact(*w.store, {.keep_erased = std::chrono::milliseconds(0)}), "compact");
  w.put("after", noise(2'000, 1));
  w.look();
}

// What is there can be read, full or not: also by who opens it now.
void open_when_full(World& w) {
  w.store.reset();
  auto again = durra::open(w.path, w.options());
  if (!again) throw std::runtime_error("a full store does not open: " + again.error().message());
  w.store.emplace(*std::move(again));
  w.look();
  auto second = durra::open(w.path, w.options());
  if (!w.ok(second, "a second participant")) return;
  w.compare(*second, "a second participant");
}

void rebuild_when_full(World& w) {
  w.store.reset();
  Options o = w.options();
  o.rebuild = true;
  w.open(o);
  if (w.store) w.look();
}

}  // namespace

bool judge_full(Limit limit, std::uint64_t pages, const std::string& folder, Injector& injector) {
  Bounded bounded(limit, pages * kPage, folder);
  if (!bounded) return false;
  World w(folder, injector);
  w.expect(Code::full);
  w.open(w.options());
  if (w.store) {
    fill_up(w);
    work_when_full(w);
    open_when_full(w);
    rebuild_when_full(w);
  }
  bounded.make_room();
  if (w.store) fill_up(w);
  w.judge();
  return true;
}

}  // namespace durra::test
