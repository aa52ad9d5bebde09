// durra, as it comes: nothing is flushed, which matters to no test of this folder (nor is it at the others).
#include <durra/care.h>
#include <sys/stat.h>

#include "tests/proof/peers/peer.h"

namespace durra::peers {
namespace {

template <class T>
Answer answer(const Result<T>& r) {
  if (r) return Answer::ok;
  return r.error().code == Code::not_found ? Answer::absent
         : r.error().code == Code::full    ? Answer::full
                                           : Answer::error;
}

template <bool checked>
class DurraSession final : public Session {
 public:
  DurraSession(Store store, std::string path) : store_(std::move(store)), path_(std::move(path)) {}
  Answer put(std::uint32_t key, const std::string& value) override { return answer(store_.put(key, value)); }
  Answer get(std::uint32_t key, std::string& value) override {
    const auto r = store_.get(key);
    if (r && checked && !r->intact()) return Answer::error;
    if (r) value = r->str();
    return answer(r);
  }
  void hold() override {
    snapshot_ = store_.snapshot().value();
    record_ = store_.get(std::uint32_t{0}).value();
  }
  bool check() override {
    const auto verdict = verify(path_);
    return verdict && verdict->damage.empty();
  }

 private:
  Store store_;
  std::string path_;
  std::optional<Snapshot> snapshot_;
  std::optional<Record> record_;
};

template <bool checked>
std::unique_ptr<Session> open_durra(const std::string& folder, std::uint64_t size_max) {
  Options o;
  o.max_size = size_max;
  o.region_size = 64_KiB;
  o.participants = 16;
  const std::string path = folder + "/s.durra";
  auto store = open(path, o);
  return store ? std::make_unique<DurraSession<checked>>(*std::move(store), path) : nullptr;
}

}  // namespace

std::vector<Peer> durra_peers() {
  return {{"durra", DURRA_VERSION, "s.durra", open_durra<false>},
          {"durra, gets with intact()", DURRA_VERSION, "s.durra", open_durra<true>}};
}

}  // namespace durra::peers
