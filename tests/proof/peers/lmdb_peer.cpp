// LMDB: MDB_NOSYNC (no power is cut here), with and without MDB_WRITEMAP.  One transaction a put.
#include "tests/proof/peers/peer.h"

#if DURRA_HAVE_LMDB
#include <lmdb.h>
#endif

namespace durra::peers {

#if DURRA_HAVE_LMDB
namespace {

Answer answer(int status) {
  if (status == MDB_SUCCESS) return Answer::ok;
  return status == MDB_NOTFOUND                       ? Answer::absent
         : status == MDB_MAP_FULL || status == ENOSPC ? Answer::full
                                                      : Answer::error;
}

class LmdbSession final : public Session {
 public:
  // False: it cannot be opened.
  bool open(const std::string& folder, std::uint64_t size_max, unsigned flags) {
    if (::mdb_env_create(&env_) != 0) return false;
    ::mdb_env_set_mapsize(env_, size_max);
    if (::mdb_env_open(env_, (folder + "/data.mdb").c_str(), MDB_NOSUBDIR | MDB_NOSYNC | flags, 0600) != 0)
      return false;
    MDB_txn* txn;
    if (::mdb_txn_begin(env_, nullptr, 0, &txn) != 0) return false;
    if (::mdb_dbi_open(txn, nullptr, MDB_INTEGERKEY, &dbi_) != 0) return ::mdb_txn_abort(txn), false;
    return ::mdb_txn_commit(txn) == 0;
  }
  ~LmdbSession() override {
    if (held_) ::mdb_txn_abort(held_);
    if (env_) ::mdb_env_close(env_);
  }
  Answer put(std::uint32_t key, const std::string& value) override {
    MDB_txn* txn;
    if (const int status = ::mdb_txn_begin(env_, nullptr, 0, &txn)) return answer(status);
    MDB_val k{sizeof key, &key}, v{value.size(), const_cast<char*>(value.data())};
    if (const int status = ::mdb_put(txn, dbi_, &k, &v, 0)) return ::mdb_txn_abort(txn), answer(status);
    return answer(::mdb_txn_commit(txn));
  }
  Answer get(std::uint32_t key, std::string& value) override {
    MDB_txn* txn;
    if (const int status = ::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn)) return answer(status);
    MDB_val k{sizeof key, &key}, v{};
    const int status = ::mdb_get(txn, dbi_, &k, &v);
    if (status == 0) value.assign(static_cast<const char*>(v.mv_data), v.mv_size);
    ::mdb_txn_abort(txn);
    return answer(status);
  }
  void hold() override { ::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &held_); }
  bool check() override { return true; }  // it has none

 private:
  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
  MDB_txn* held_ = nullptr;
};

template <unsigned flags>
std::unique_ptr<Session> open_lmdb(const std::string& folder, std::uint64_t size_max) {
  auto session = std::make_unique<LmdbSession>();
  return session->open(folder, size_max, flags) ? std::move(session) : nullptr;
}

}  // namespace

std::vector<Peer> lmdb_peers() {
  int major, minor, patch;
  ::mdb_version(&major, &minor, &patch);
  const auto version = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  return {{"LMDB", version, "data.mdb", open_lmdb<0>},
          {"LMDB, WRITEMAP", version, "data.mdb", open_lmdb<MDB_WRITEMAP>}};
}
#else
std::vector<Peer> lmdb_peers() { return {}; }
#endif

}  // namespace durra::peers
