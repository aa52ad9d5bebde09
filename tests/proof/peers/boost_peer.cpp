// Boost.Interprocess: a map of strings in a managed_mapped_file, under an interprocess_mutex that lies beside it.
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/containers/string.hpp>
#include <boost/interprocess/managed_mapped_file.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <boost/version.hpp>
#include <functional>
#include <new>

#include "tests/proof/peers/peer.h"

namespace durra::peers {
namespace {

namespace bip = boost::interprocess;
using Segment = bip::managed_mapped_file::segment_manager;
using Text = bip::basic_string<char, std::char_traits<char>, bip::allocator<char, Segment>>;
using Entry = std::pair<const std::uint32_t, Text>;
using Map = bip::map<std::uint32_t, Text, std::less<std::uint32_t>, bip::allocator<Entry, Segment>>;
using Lock = bip::scoped_lock<bip::interprocess_mutex>;

class BoostSession final : public Session {
 public:
  BoostSession(const std::string& path, std::uint64_t size)
      : file_(bip::open_or_create, path.c_str(), size),
        mutex_(*file_.find_or_construct<bip::interprocess_mutex>("mutex")()),
        map_(*file_.find_or_construct<Map>("map")(std::less<std::uint32_t>(), file_.get_segment_manager())) {}
  Answer put(std::uint32_t key, const std::string& value) override {
    const Lock lock(mutex_);
    try {
      Text text(value.data(), value.size(), file_.get_segment_manager());
      map_.insert_or_assign(key, std::move(text));
    } catch (const bip::bad_alloc&) {
      return Answer::full;
    }
    return Answer::ok;
  }
  Answer get(std::uint32_t key, std::string& value) override {
    const Lock lock(mutex_);
    const auto at = map_.find(key);
    if (at == map_.end()) return Answer::absent;
    value.assign(at->second.data(), at->second.size());
    return Answer::ok;
  }
  void hold() override { mutex_.lock(); }
  bool check() override { return file_.check_sanity(); }

 private:
  bip::managed_mapped_file file_;
  bip::interprocess_mutex& mutex_;
  Map& map_;
};

std::unique_ptr<Session> open_boost(const std::string& folder, std::uint64_t size_max) {
  try {
    return std::make_unique<BoostSession>(folder + "/s.boost", size_max);
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace

std::vector<Peer> boost_peers() {
  const auto version = std::to_string(BOOST_VERSION / 100'000) + "." + std::to_string(BOOST_VERSION / 100 % 1'000);
  return {{"Boost.Interprocess", version, "s.boost", open_boost}};
}

}  // namespace durra::peers
