// What the tests of this folder ask of a store, so that all stores are asked the same.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace durra::peers {

enum class Answer { ok, absent, full, error };

// One process's open store.  Whatever does not answer Answer throws what the store throws.
class Session {
 public:
  virtual ~Session() = default;
  virtual Answer put(std::uint32_t key, const std::string& value) = 0;  // acknowledged when it returns
  virtual Answer get(std::uint32_t key, std::string& value) = 0;
  // Begins what a reader does while it reads in place (a read transaction, a snapshot, a lock), for good.
  virtual void hold() = 0;
  // The store's own look for damage, as its documentation names it; true if it has none.
  virtual bool check() = 0;
};

struct Peer {
  std::string name;  // with its settings, as the table shows it
  std::string version;
  std::string file;  // in the folder it is given: what is damaged
  // Opens or creates: null if the store says that it cannot.
  std::unique_ptr<Session> (*open)(const std::string& folder, std::uint64_t size_max);
};

// Those that this build has.
std::vector<Peer> all_peers();
std::vector<Peer> durra_peers();  // gets alone, and gets that check the payload
std::vector<Peer> lmdb_peers();   // with and without MDB_WRITEMAP
std::vector<Peer> sqlite_peers();
std::vector<Peer> boost_peers();

// The bytes of one version of one key; the version of such bytes, or nothing if they are no version of this key.
std::string value_of(std::uint32_t key, std::uint32_t version);
std::optional<std::uint32_t> version_of(std::uint32_t key, std::string_view bytes);

}  // namespace durra::peers
